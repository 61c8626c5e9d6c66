"""Both ends of a connection by hand: a client that decides every write, and a server that does what
a script says. Nothing here knows how to do it right by itself, which is the point."""

import os
import socket
import struct
import threading
from base64 import b64encode
from hashlib import sha1

from processes import PATIENCE, check

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FIN = 0x80
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(first, payload, mask=True, size=None):
    """One frame; `first` is its first byte, `size` a length to declare instead of the true one."""
    size = len(payload) if size is None else size
    bit = 0x80 if mask else 0
    head = bytes([first])
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += struct.pack(">BH", bit | 126, size)
    else:
        head += struct.pack(">BQ", bit | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + xor(payload, key)


def xor(payload, key):
    pad = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(payload), "big")


def close_frame(code=None, reason="", mask=True):
    return frame(FIN | CLOSE, b"" if code is None else struct.pack(">H", code) + reason.encode(), mask)


def request(port, more="", target="/", method="GET", version="13", connection="Connection: Upgrade\r\n"):
    return (
        f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{connection}Upgrade: websocket\r\n"
        f"Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    ).encode()


class Stream:
    """A socket, read in pieces that mean something. What ends early is an EOFError."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def trickle(self, data):
        for byte in data:
            self.sock.sendall(bytes([byte]))

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def more(self):
        """Whether anything came; not, at the end."""
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionError:
            data = b""
        self.buffer += data
        return bool(data)

    def take(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise EOFError(f"the end, {count - len(self.buffer)} bytes early")
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def head(self):
        """The head of a request or response, with the empty line."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if not self.more():
                raise EOFError(f"the end within a head: {bytes(self.buffer[:200])!r}")
        return self.take(end + 4)

    def frame(self):
        """First byte and payload of a frame, unmasked."""
        first, second = self.take(2)
        size = second & 127
        if size > 125:
            size = int.from_bytes(self.take(2 if size == 126 else 8), "big")
        key = self.take(4) if second & 128 else None
        payload = self.take(size)
        return first, xor(payload, key) if key else payload

    def rest(self):
        """Everything up to the end, which must come."""
        while self.more():
            pass
        return bytes(self.buffer)


def connect(port):
    return Stream(socket.create_connection(("127.0.0.1", port), PATIENCE))


def header(head, name):
    """The values of a field, or None."""
    found = [
        line.partition(":")[2].strip()
        for line in head.decode("latin-1").split("\r\n")[1:]
        if line.partition(":")[0].lower() == name.lower()
    ]
    return ", ".join(found) if found else None


def upgraded(stream):
    """Reads an answer that must be a 101."""
    head = stream.head()
    check(head.startswith(b"HTTP/1.1 101 "), f"answered {head[:200]!r}")
    check(header(head, "Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "another Sec-WebSocket-Accept")
    return head


def answer(head):
    """The 101 to a request."""
    accept = b64encode(sha1(header(head, "Sec-WebSocket-Key").encode() + GUID).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


class Scripted:
    """A server that does with each connection what `script(stream, head)` says.

    `faults` are what scripts raised; connections that say nothing (health checks) are no connections."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.script = None
        self.faults = []
        self.running = 0
        self.change = threading.Condition()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(Stream(sock), self.script), daemon=True).start()

    def serve(self, stream, script):
        with stream:
            try:
                if script is None or not stream.more():
                    return
                with self.change:
                    self.running += 1
                try:
                    script(stream, stream.head())
                finally:
                    with self.change:
                        self.running -= 1
                        self.change.notify_all()
            except Exception as error:
                self.faults.append(error)

    def during(self, script, work):
        """Does `work` while connections go by `script`; when all of them are over, their faults are raised."""
        self.script, self.faults = script, []
        try:
            result = work()
            with self.change:
                over = self.change.wait_for(lambda: not self.running, PATIENCE)
            check(over, f"{self.running} connections of the scripted server do not end")
        finally:
            self.script = None
        if self.faults:
            raise self.faults[0]
        return result
