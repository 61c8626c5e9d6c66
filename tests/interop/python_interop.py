"""Python's websockets against bowstring, both ways: python_interop.py URL [INTEROP_CLIENT]"""

import asyncio
import os
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

import tls
from report import check, report, same

KOREAN = "화살은 시위를 떠났다. 안녕하세요, 🏹!"
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20, 4 << 20]
LARGE = 8 << 20


def open_to(url, **options):
    options = {"compression": None, "max_size": LARGE, "ping_interval": None} | options
    return connect(url, **options)


# --- bowstring is the server; each gives the number of messages --------------------------------


async def messages(url):
    texts = ["hello", "", KOREAN, "\0", "\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff"]
    all_messages = [*texts, b"hello", b"", bytes(range(256))]
    async with open_to(url) as ws:
        same(ws.subprotocol, None, "a subprotocol nobody offered")
        for message in all_messages:
            await ws.send(message)
            same(await ws.recv(), message, "a message")
    return len(all_messages)


async def sizes(url):
    async with open_to(url) as ws:
        for size in SIZES:
            data = os.urandom(size)
            await ws.send(data)
            same(await ws.recv(), data, f"binary of {size} bytes")
            text = (KOREAN * (size // 40 + 1))[: size // 3]
            await ws.send(text)
            same(await ws.recv(), text, f"text of {len(text)} characters")
    return 2 * len(SIZES)


async def fragments(url):
    all_parts = [list(KOREAN), ["", "a", "", "b", ""], [b"\0" * 70000, b"", b"\xff" * 5], [b"x"] * 1000]
    async with open_to(url) as ws:
        for parts in all_parts:
            await ws.send(parts)
            same(await ws.recv(), parts[0][:0].join(parts), f"{len(parts)} fragments")

        pongs = []

        async def pings_between():
            for char in KOREAN:
                yield char
                pongs.append(await ws.ping())

        await ws.send(pings_between())
        same(await ws.recv(), KOREAN, "fragments with pings between them")
        await asyncio.gather(*pongs)
    return len(all_parts) + 1


async def pings(url):
    async with open_to(url) as ws:
        for payload in [b"", b"x", os.urandom(125)]:
            await (await ws.ping(payload))
        await ws.pong(b"nobody asked for this one")
        await ws.send("still there")
        same(await ws.recv(), "still there", "text after an unsolicited pong")
    return 1


async def pipeline(url):
    async with open_to(url) as ws:
        sent = [f"{n} {KOREAN}" if n % 2 else os.urandom(n) for n in range(2000)]

        async def send_all():
            for message in sent:
                await ws.send(message)

        async def receive_all():
            for n, message in enumerate(sent):
                same(await ws.recv(), message, f"message {n} of a pipeline")

        await asyncio.gather(send_all(), receive_all())
    return len(sent)


async def many(url):
    async def one(n):
        async with open_to(url) as ws:
            await ws.send(f"{n} {KOREAN}")
            same(await ws.recv(), f"{n} {KOREAN}", f"connection {n} of many")

    count = 100
    await asyncio.gather(*(one(n) for n in range(count)))
    return count


async def offers(url):
    async with open_to(url, subprotocols=["chat"]) as ws:
        same(ws.subprotocol, None, "a subprotocol the server does not speak")
    async with open_to(url, compression="deflate") as ws:
        await ws.send(KOREAN * 100)
        same(await ws.recv(), KOREAN * 100, "text after an offer of compression")
    return 1


async def closes_answered(url):
    for code, reason in [(1000, ""), (1000, "bye"), (1001, "leaving"), (1011, ""), (3000, "시위"), (4999, "r" * 123)]:
        async with open_to(url) as ws:
            await ws.close(code, reason)
            answer = ws.protocol.close_rcvd
            same(answer and answer.code, code, f"the answer to a close with {code}")
    return 0


def masked(first, payload):
    """A short frame written by hand, for the library refuses to write wrong ones."""
    key = os.urandom(4)
    return bytes([first, 0x80 | len(payload)]) + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


async def faults_named(url):
    """What the peer does wrong is told to it in a close frame with the right code."""
    for what, code, wire in [
        ("invalid UTF-8", 1007, masked(0x81, b"\xce\xba\xff")),
        ("invalid UTF-8 in an unfinished message", 1007, masked(0x01, b"\xed\xa0\x80")),
        ("a frame without a mask", 1002, b"\x81\x04bare"),
        ("a reserved bit", 1002, masked(0xA1, b"bit")),
        ("an opcode that does not exist", 1002, masked(0x83, b"")),
        ("a continuation of nothing", 1002, masked(0x80, b"?")),
        ("a fragmented ping", 1002, masked(0x09, b"half")),
        ("a close code that may not be sent", 1002, masked(0x88, b"\x03\xed")),
        ("a close frame of one byte", 1002, masked(0x88, b"\x03")),
    ]:
        async with open_to(url) as ws:
            ws.transport.write(wire)
            try:
                got = await asyncio.wait_for(ws.recv(), 5)
                raise AssertionError(f"{what} was answered with {got!r:.60}")
            except TimeoutError:
                raise AssertionError(f"{what} was not noticed") from None
            except ConnectionClosed as closed:
                same(closed.rcvd and closed.rcvd.code, code, f"the close code for {what}")
    return 0


# --- bowstring is the client -------------------------------------------------------------------


async def our_client(program):
    largest, count, ends = 0, 0, []

    async def echo(ws):
        nonlocal largest, count
        same(ws.subprotocol, None, "a subprotocol nobody offered")
        try:
            async for message in ws:
                largest, count = max(largest, len(message)), count + 1
                await ws.send(message)
        finally:
            await ws.wait_closed()
            ends.append(ws.protocol.close_rcvd and ws.protocol.close_rcvd.code)

    async with serve(
        echo, "127.0.0.1", 0, ssl=tls.server_context(), compression=None, max_size=LARGE, ping_interval=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            program, f"{tls.SCHEME}://127.0.0.1:{port}/", stdout=asyncio.subprocess.DEVNULL
        )
        try:
            same(await process.wait(), 0, "the client's exit code")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    check(ends and set(ends) == {1000}, f"closed with {ends}")
    check(count >= 2 and largest >= 1 << 20, f"a table up to 1 MiB: {count} messages, the largest of {largest} bytes")
    return count


async def main(url, program=None):
    scenarios = [(scenario.__name__, scenario(url)) for scenario in (
        messages, sizes, fragments, pings, pipeline, many, offers, closes_answered, faults_named
    )]  # fmt: skip
    if program:
        scenarios.append(("our_client", our_client(program)))
    return await report("python", scenarios)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
