"""Python's websockets and aiohttp against bowstring with compression, both ways:
deflate_python.py INTEROP_CLIENT MODE=URL…, where a server with --compression MODE is at URL.

Messages of every length come back byte for byte; each side remembers exactly what was agreed, which
shows in what a repeated message costs on the wire. aiohttp chooses windows as a client, never
takeover; as a server it takes what it is offered, and never looks at the client's window.
"""

import asyncio
import os
import re
import sys
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

import tls
from report import check, report, same
from wire import Terms, answered, through

KOREAN = "화살은 시위를 떠났다. 안녕하세요, 🏹! ".encode()
LENGTHS = [0, 1, 125, 126, 65535, 65536, 1 << 20, 4 << 20]
# A repeated message fits a window of 9, 12 or 15 bits; so the last does not fit one of 12.
REPEATED = [200, 3000, 20000]
TIMES = 10
LARGE = 8 << 20

# What a mode of ours allows, to either side.
MODES = {
    "off": None,
    "shared": Terms(15, False),
    "window=9": Terms(9, True),
    "window=12": Terms(12, True),
    "full": Terms(15, True),
}
OPEN = Terms(15, True)
# Over TLS an open mind is enough.
BITS = (15,) if tls.CERT else (9, 12, 15)
PEERS = [OPEN] if tls.CERT else [Terms(bits, takeover) for bits in BITS for takeover in (True, False)]


def text(length):
    """Repetitive text of so many bytes of UTF-8."""
    cut = (KOREAN * (length // len(KOREAN) + 1))[:length].decode(errors="ignore")
    return cut + "." * (length - len(cut.encode()))


def numbers(length):
    """Repetitive bytes."""
    return b"".join(b"%08d" % n for n in range(length // 8 + 1))[:length]


SHRINKING = [make(length) for length in LENGTHS for make in (text, numbers)]
RANDOM = [os.urandom(length) for length in LENGTHS]
REPETITIONS = [os.urandom(length // 2).hex() for length in REPEATED]


# --- bowstring is the server -------------------------------------------------------------------


async def exercise(echo, relay, agreed):
    """Sends everything through `echo` and looks at the wire, unless it is sealed; `agreed` is the Terms
    of client and server, or None. Gives the number of messages."""

    async def echoes(messages):
        relay.lap()
        for message in messages:
            same(await echo(message), message, f"a message of {len(message)}")
        lap = relay.lap()
        return [] if relay.sealed else zip(("client", "server"), lap, agreed or (None, None), strict=True)

    plain = sum(len(m) if isinstance(m, bytes) else len(m.encode()) for m in SHRINKING)
    for side, wire, terms in await echoes(SHRINKING):
        check(wire < plain / 2 if terms else wire > plain, f"the {side} made {wire} bytes of {plain}")
    await echoes(RANDOM)
    for message in REPETITIONS:
        for side, wire, terms in await echoes([message] * TIMES):
            remembered = wire < 2 * len(message)
            # Hexadecimal digits shrink by half at the most.
            check(remembered or wire > TIMES * len(message) // 2, f"{side}: impossible {wire}")
            expected = bool(terms and terms.remembers(len(message)))
            check(remembered == expected, f"the {side} made {wire} bytes of {TIMES} times {len(message)}")
    return len(SHRINKING) + len(RANDOM) + TIMES * len(REPETITIONS)


@asynccontextmanager
async def websockets_client(url, offer):
    takeover = {"server_no_context_takeover": not offer.takeover, "client_no_context_takeover": not offer.takeover}
    bits = {"server_max_window_bits": offer.bits, "client_max_window_bits": offer.bits}
    extension = ClientPerMessageDeflateFactory(**takeover, **bits)
    async with connect(url, compression=None, extensions=[extension], max_size=LARGE, ping_interval=None) as ws:

        async def echo(message):
            await ws.send(message)
            return await ws.recv()

        def terms():
            if not ws.protocol.extensions:
                return None
            [deflate] = ws.protocol.extensions
            return (
                Terms(deflate.local_max_window_bits, not deflate.local_no_context_takeover),
                Terms(deflate.remote_max_window_bits, not deflate.remote_no_context_takeover),
            )

        yield echo, terms()


@asynccontextmanager
async def aiohttp_client(url, offer):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, compress=offer.bits, max_msg_size=LARGE) as ws,
    ):

        async def echo(message):
            await (ws.send_str if isinstance(message, str) else ws.send_bytes)(message)
            return (await ws.receive()).data

        # It knows its own side only.
        yield echo, (Terms(ws.compress, not ws.client_notakeover),) if ws.compress else None


async def our_server(url, agreed, client, offer):
    async with through(url) as relay, client(relay.url, offer) as (echo, seen):
        check(relay.sealed or answered(relay.answer) == agreed, f"answered {relay.answer!r}")
        check(seen == (agreed and agreed[: len(seen or ())]), f"the client believes in {seen}")
        return await exercise(echo, relay, agreed)


async def refuses(client):
    try:
        async with client(tls.STRANGER, OPEN):
            raise AssertionError("it connected")
    except (OSError, aiohttp.ClientError) as error:
        check("certificate verify failed" in str(error), f"it was another error: {error}")
    return 0


# --- bowstring is the client -------------------------------------------------------------------


@asynccontextmanager
async def websockets_server(limit):
    async def echo(ws):
        async for message in ws:
            await ws.send(message)

    takeover = {"server_no_context_takeover": not limit.takeover, "client_no_context_takeover": not limit.takeover}
    bits = {"server_max_window_bits": limit.bits, "client_max_window_bits": limit.bits}
    extension = ServerPerMessageDeflateFactory(**takeover, **bits)
    async with serve(
        echo, "127.0.0.1", 0, compression=None, extensions=[extension], max_size=LARGE, ping_interval=None,
        ssl=tls.server_context(),
    ) as server:  # fmt: skip
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def aiohttp_server(_):
    async def echo(request):
        ws = web.WebSocketResponse(compress=True, max_msg_size=LARGE)
        await ws.prepare(request)
        async for message in ws:
            await (ws.send_str if message.type is aiohttp.WSMsgType.TEXT else ws.send_bytes)(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.server_context()).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def our_client(program, mode, agreed, server, limit):
    async with server(limit) as port:
        process = await asyncio.create_subprocess_exec(
            program, f"{tls.SCHEME}://127.0.0.1:{port}/", mode, stdout=asyncio.subprocess.PIPE
        )
        try:
            said = (await process.communicate())[0].decode()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    check(process.returncode == 0, f"our client's exit code is {process.returncode}")
    answer = re.search("^answer: (.*)$", said, re.M)[1]
    check(answered(answer, MODES[mode]) == agreed, f"answered {answer!r}")
    repeated = re.findall(r"^(\d+) times (\d+): (\d+) sent, (\d+) received$", said, re.M)
    check(len(repeated) >= 3, f"our client said {said!r}")
    for times, size, *wires in [map(int, line) for line in repeated] if agreed else []:
        for side, wire, terms in zip(("client", "server"), wires, agreed, strict=True):
            check((wire < 2 * size) == terms.remembers(size), f"the {side} made {wire} bytes of {times} times {size}")
    return int(re.search(r"^(\d+) messages came back", said, re.M)[1])


# -----------------------------------------------------------------------------------------------


def wishes(allowed):
    """What peers ask of a mode of ours: whatever it allows, each once, and an open mind."""
    return [peer for peer in PEERS if peer == OPEN or allowed and peer == peer.within(allowed)]


def agreement(allowed, client, server):
    """What comes of what client and server ask of a mode, and in words."""
    agreed = allowed and (client.within(allowed), server.within(allowed))
    return agreed, "agreed on client {}, server {}".format(*agreed) if agreed else "agreed on nothing"


def scenarios(program, urls):
    for mode, url in urls.items():
        for offer in wishes(MODES[mode]):
            agreed, words = agreement(MODES[mode], offer, offer)
            yield f"server {mode}, websockets {offer}", our_server(url, agreed, websockets_client, offer), words
        for bits in BITS:
            agreed, words = agreement(MODES[mode], OPEN, Terms(bits, True))
            yield f"server {mode}, aiohttp {bits}", our_server(url, agreed, aiohttp_client, Terms(bits, True)), words
    for mode in urls:
        for limit in wishes(MODES[mode]):
            agreed, words = agreement(MODES[mode], limit, limit)
            run = our_client(program, mode, agreed, websockets_server, limit)
            yield f"client {mode}, websockets {limit}", run, words
        agreed, words = agreement(MODES[mode], OPEN, OPEN)
        yield f"client {mode}, aiohttp", our_client(program, mode, agreed, aiohttp_server, OPEN), words
    if tls.STRANGER:
        for client in (websockets_client, aiohttp_client):
            yield f"a stranger's certificate, {client.__name__}", refuses(client)


async def main(program, *servers):
    urls = dict(server.rsplit("=", 1) for server in servers)
    check(urls and urls.keys() <= MODES.keys(), f"the modes of the servers: {[*urls]}")
    return await report("deflate python", scenarios(program, urls))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
