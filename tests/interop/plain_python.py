"""Clients in Python that do not compress, against bowstring: plain_python.py websocket-client|curl MODE=URL…,
where a server with --compression MODE is at URL.

`curl` is libcurl by curl_cffi, driven where its wrapper does less than the library: empty messages,
fragments, pongs and the answer to a close. Both are clients only.
"""

import asyncio
import os
import select
import struct
import sys
import time

import curl_cffi
import websocket
from curl_cffi import CurlECode, CurlError, CurlInfo, CurlWsFlag
from websocket import ABNF

import tls
from deflate_python import MODES, RANDOM, REPETITIONS, SHRINKING, TIMES
from report import PATIENCE, check, report, same
from wire import through

KOREAN = "화살은 시위를 떠났다. 안녕하세요, 🏹!"
CLOSES = [(None, ""), (1000, ""), (1000, "bye"), (1001, "leaving"), (3000, "시위"), (4999, "r" * 123)]


class WebsocketClient:
    """A connection of websocket-client."""

    def __init__(self, url):
        self.ws = websocket.create_connection(url, timeout=PATIENCE, enable_multithread=False)

    def send(self, message, last=True, first=True):
        kind = ABNF.OPCODE_TEXT if isinstance(message, str) else ABNF.OPCODE_BINARY
        data = message.encode() if isinstance(message, str) else message
        self.ws.send_frame(ABNF.create_frame(data, kind if first else ABNF.OPCODE_CONT, int(last)))

    def recv(self):
        opcode, data = self.ws.recv_data()
        check(opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY), f"a frame of type {opcode} came")
        return data.decode() if opcode == ABNF.OPCODE_TEXT else data

    def ping(self, payload):
        self.ws.ping(payload)
        opcode, frame = self.ws.recv_data_frame(control_frame=True)
        check(opcode == ABNF.OPCODE_PONG, f"a frame of type {opcode} came instead of a pong")
        return frame.data

    def close(self, code, reason):
        """Gives the payload of the answer."""
        self.ws.send_frame(ABNF.create_frame(close_payload(code, reason), ABNF.OPCODE_CLOSE))
        frame = self.ws.recv_frame()
        check(frame.opcode == ABNF.OPCODE_CLOSE, f"a frame of type {frame.opcode} came instead of a close")
        self.ws.shutdown()
        return frame.data

    def leave(self):
        self.ws.shutdown()


class Curl:
    """A connection of libcurl, by curl_cffi."""

    def __init__(self, url):
        self.ws = curl_cffi.WebSocket(autoclose=False)
        # Unless it is told whom to trust, a WebSocket of curl_cffi trusts anybody.
        self.ws.connect(url, verify=tls.CA)
        self.curl = self.ws.curl
        self.socket = self.curl.getinfo(CurlInfo.ACTIVESOCKET)

    def again(self, work, readable):
        """Repeats what libcurl cannot do yet."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return work()
            except CurlError as error:
                if error.code != CurlECode.AGAIN or time.monotonic() > end:
                    raise
            sockets = [self.socket]
            select.select(sockets if readable else [], [] if readable else sockets, [], 1)

    def write(self, data, flags):
        """The wrapper sends nothing at all for an empty message."""
        sent = self.again(lambda: self.curl.ws_send(data, flags), False)
        while sent < len(data):
            sent += self.again(lambda: self.curl.ws_send(memoryview(data)[sent:], flags), False)

    def frame(self):
        """Flags and payload of the next frame or fragment, put together from what libcurl gives of it."""
        data = bytearray()
        while True:
            chunk, meta = self.again(self.curl.ws_recv, True)
            data += chunk
            if meta.bytesleft == 0:
                return meta.flags, bytes(data)

    def send(self, message, last=True, first=True):
        # libcurl wants the type for every fragment, and makes continuations of it.
        kind = CurlWsFlag.TEXT if isinstance(message, str) else CurlWsFlag.BINARY
        data = message.encode() if isinstance(message, str) else message
        self.write(data, kind if last else kind | CurlWsFlag.CONT)

    def recv(self):
        whole = b""
        while True:
            flags, data = self.frame()
            if flags & CurlWsFlag.PONG:
                continue  # of a ping that went between fragments
            check(flags & (CurlWsFlag.TEXT | CurlWsFlag.BINARY), f"a frame with the flags {flags} came")
            whole += data
            if not flags & CurlWsFlag.CONT:
                return whole.decode() if flags & CurlWsFlag.TEXT else whole

    def ping(self, payload):
        self.write(payload, CurlWsFlag.PING)
        flags, data = self.frame()
        check(flags & CurlWsFlag.PONG, f"a frame with the flags {flags} came instead of a pong")
        return data

    def close(self, code, reason):
        self.write(close_payload(code, reason), CurlWsFlag.CLOSE)
        flags, data = self.frame()
        check(flags & CurlWsFlag.CLOSE, f"a frame with the flags {flags} came instead of a close")
        self.leave()
        return data

    def leave(self):
        self.ws.terminate()


def close_payload(code, reason):
    return b"" if code is None else struct.pack(">H", code) + reason.encode()


CLIENTS = {"websocket-client": WebsocketClient, "curl": Curl}

# --- scenarios; each gives the number of messages, and runs in a thread -------------------------


def messages(client, url):
    ws = client(url)
    count = 0
    for message in [*SHRINKING, *RANDOM, *(m for m in REPETITIONS for _ in range(TIMES))]:
        ws.send(message)
        same(ws.recv(), message, f"a message of {len(message)}")
        count += 1
    same(ws.close(1000, "")[:2], b"\x03\xe8", "the answer to a close")
    return count


def fragments(client, url):
    ws = client(url)
    all_parts = [list(KOREAN), ["", "a", "", "b", ""], [b"\0" * 70000, b"", b"\xff" * 5], [b"x"] * 1000]
    for parts in all_parts:
        for n, part in enumerate(parts):
            ws.send(part, n == len(parts) - 1, n == 0)
        same(ws.recv(), parts[0][:0].join(parts), f"{len(parts)} fragments")
    ws.leave()
    return len(all_parts)


def pings(client, url):
    ws = client(url)
    for payload in [b"", b"x", os.urandom(125)]:
        same(ws.ping(payload), payload, "what a pong carries")
    ws.send(KOREAN)
    same(ws.recv(), KOREAN, "text after pings")
    ws.leave()
    return 4


def pipeline(client, url):
    """All of them are written before the first is read; the server's and the system's buffers hold them."""
    ws = client(url)
    sent = [f"{n} {KOREAN}" if n % 2 else os.urandom(n) for n in range(200)]
    for message in sent:
        ws.send(message)
    for n, message in enumerate(sent):
        same(ws.recv(), message, f"message {n} of a pipeline")
    ws.leave()
    return len(sent)


def closes(client, url):
    for code, reason in CLOSES:
        same(client(url).close(code, reason)[:2], close_payload(code, "")[:2], f"the answer to a close with {code}")
    return len(CLOSES)


def vanishing(client, url):
    client(url).leave()
    ws = client(url)
    ws.send("still there")
    same(ws.recv(), "still there", "text after another connection vanished")
    ws.leave()
    return 1


def refuses(client):
    try:
        client(tls.STRANGER)
    except (OSError, CurlError) as error:
        check("certificate" in str(error), f"it was another error: {error}")
    else:
        raise AssertionError("it connected")
    return 0


async def uncompressed(client, url):
    """Through a relay, which tells that nothing was agreed on, and nothing shrank."""
    async with through(url) as relay:
        relay.lap()
        count = await asyncio.to_thread(messages, client, relay.url)
        plain = sum(len(m) if isinstance(m, bytes) else len(m.encode()) for m in SHRINKING + RANDOM)
        if not relay.sealed:
            same(relay.answer, None, "the answer to no offer")
            check(min(relay.lap()) > plain, "something was compressed")
    return count


async def main(peer, *servers):
    urls = dict(server.rsplit("=", 1) for server in servers)
    check(urls and urls.keys() <= MODES.keys(), f"the modes of the servers: {[*urls]}")
    client = CLIENTS[peer]
    scenarios = [(f"server {mode}, {peer}", uncompressed(client, url)) for mode, url in urls.items()]
    for scenario in (fragments, pings, pipeline, closes, vanishing):
        scenarios.append((scenario.__name__, asyncio.to_thread(scenario, client, urls["shared"])))
    if tls.STRANGER:
        scenarios.append(("a stranger's certificate", asyncio.to_thread(refuses, client)))
    return await report(f"plain {peer}", scenarios)


if __name__ == "__main__":
    status = asyncio.run(main(*sys.argv[1:]))
    sys.stdout.flush()
    # A thread that hangs in a client must not keep the process.
    os._exit(status)
