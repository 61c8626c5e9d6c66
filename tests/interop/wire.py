"""The wire, seen from outside: a relay that counts bytes and reads what was negotiated."""

import asyncio
from typing import NamedTuple


class Terms(NamedTuple):
    """What one side may remember: `bits` of window, and whether it outlives a message."""

    bits: int
    takeover: bool

    def remembers(self, size):
        """Whether a repeated message of so many bytes refers to itself; zlib wants 262 to spare."""
        return self.takeover and size + 262 <= 1 << self.bits

    def within(self, other):
        return Terms(min(self.bits, other.bits), self.takeover and other.takeover)

    def __str__(self):
        return f"{self.bits}{'' if self.takeover else ' forgetful'}"


def answered(header, offered=Terms(15, True)):
    """The Terms of client and server in an answer, None without compression; where it is silent on
    the client, the client keeps to what it offered itself."""
    if not header:
        return None
    name, *params = [part.strip() for part in header.split(";")]
    said = dict(param.partition("=")[::2] for param in params)
    assert name == "permessage-deflate" and len(said) == len(params), f"odd answer: {header}"

    def terms(side, most):
        bits = int(said.pop(f"{side}_max_window_bits", most.bits))
        takeover = said.pop(f"{side}_no_context_takeover", None) is None
        return Terms(bits, takeover and most.takeover)

    both = terms("client", offered), terms("server", Terms(15, True))
    assert not said, f"odd answer: {header}"
    return both


def through(url):
    """Where TLS hides the wire, a relay would only be in the way."""
    return Sealed(url) if url.startswith("wss:") else Relay(url)


class Sealed:
    """Looks like a Relay that has seen nothing."""

    sealed = True
    answer = None

    def __init__(self, url):
        self.url = url

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    def lap(self):
        return ()


class Relay:
    """Stands before a server for one connection: `url` leads through it. `up` and `down` are the
    bytes that went by since the last `lap`, `answer` is the server's Sec-WebSocket-Extensions."""

    sealed = False

    def __init__(self, url):
        self.host, port = url.removeprefix("ws://").removesuffix("/").split(":")
        self.port = int(port)
        self.up = self.down = 0
        self.answer = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
        self.url = "ws://127.0.0.1:%d/" % self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    def lap(self):
        lap = self.up, self.down
        self.up = self.down = 0
        return lap

    async def connection(self, *client):
        server = await asyncio.open_connection(self.host, self.port)
        try:
            await asyncio.gather(self.upward(client[0], server[1]), self.downward(server[0], client[1]))
        except ConnectionError:
            pass  # whoever cares about the connection notices too
        finally:
            server[1].close()
            client[1].close()

    async def upward(self, reader, writer):
        while data := await reader.read(1 << 18):
            self.up += len(data)
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def downward(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "sec-websocket-extensions":
                self.answer = value.strip()
        writer.write(head)
        while data := await reader.read(1 << 18):
            self.down += len(data)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
