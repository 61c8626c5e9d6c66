"""Ordinary traffic through a proxy: messages of every size, glued and split, and ends of every kind.

Our client and Python's `websockets` talk to our server; our client talks to a scripted one. Each
scenario gives the number of messages that came back byte for byte.
"""

import os
import re
import subprocess
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websockets_connect

from processes import PATIENCE, check
from raw import (
    BINARY, CLOSE, FIN, PING, PONG, TEXT, answer, close_frame, connect, frame, header, request, upgraded,
)  # fmt: skip

KOREAN = "화살은 시위를 떠났다. 안녕하세요, 🏹! "
LONGEST = 16 << 20
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, LONGEST]
CLOSES = [(None, ""), (1000, ""), (1001, "leaving"), (1011, ""), (3000, "시위"), (4999, "r" * 123)]


def same(got, want, what):
    if type(got) is not type(want) or got != want:
        raise AssertionError(f"{what}: {want!r:.80} became {got!r:.80}")


def text(size):
    cut = (KOREAN.encode() * (size // 48 + 1))[:size].decode(errors="ignore")
    return cut + "." * (size - len(cut.encode()))


def websockets(port, compression=None):
    return websockets_connect(
        f"ws://127.0.0.1:{port}/", compression=compression, max_size=LONGEST, ping_interval=None,
        open_timeout=PATIENCE, close_timeout=PATIENCE, proxy=None,
    )  # fmt: skip


# --- our server


def our_client(place, mode):
    """It checks every reply, and that both directions are compressed, or none."""
    run = subprocess.run(
        [place.interop_client, f"ws://127.0.0.1:{place.front.port}/", mode, str(LONGEST)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    check(run.returncode == 0, f"our client: {run.stderr.strip()}")
    return int(re.search(r"^(\d+) messages came back", run.stdout, re.M)[1])


def sizes(place, compression):
    with websockets(place.front.port, compression) as ws:
        same([e.name for e in ws.protocol.extensions], ["permessage-deflate"] * bool(compression), "extensions")
        for size in SIZES:
            for message in (text(size), os.urandom(size)):
                ws.send(message)
                same(ws.recv(PATIENCE), message, f"{size} bytes")
    return 2 * len(SIZES)


def pipeline(place, compression):
    """As much under way as fits: neither side waits for the other."""
    sent = [f"{n} {KOREAN}" if n % 2 else os.urandom(n) for n in range(1000)]
    with websockets(place.front.port, compression) as ws:
        writer = threading.Thread(target=lambda: [ws.send(message) for message in sent], daemon=True)
        writer.start()
        for n, message in enumerate(sent):
            same(ws.recv(PATIENCE), message, f"message {n} of a pipeline")
        writer.join()
    return len(sent)


# What goes into one segment, or into one for each byte: whole, fragmented, pings between.
MEDLEY = [
    (FIN | TEXT, KOREAN.encode()),
    (FIN | PING, b"anyone?"),
    (TEXT, "가".encode()[:2]),
    (FIN | PING, b""),
    (0, b""),
    (FIN, "가".encode()[2:]),
    (FIN | BINARY, b""),
    (FIN | BINARY, bytes(range(200))),
]
MEDLEY_MESSAGES = [(TEXT, KOREAN.encode()), (TEXT, "가".encode()), (BINARY, b""), (BINARY, bytes(range(200)))]


def medley_comes_back(stream):
    """Messages may come back in other fragments; pongs may overtake, but not each other."""
    messages, pongs, parts, opcode = [], [], b"", None
    while len(messages) < len(MEDLEY_MESSAGES) or len(pongs) < 2:
        first, payload = stream.frame()
        if first == FIN | PONG:
            pongs.append(payload)
            continue
        opcode = first & 15 or opcode
        parts += payload
        if first & FIN:
            messages.append((opcode, parts))
            parts, opcode = b"", None
    same(messages, MEDLEY_MESSAGES, "the messages")
    same(pongs, [b"anyone?", b""], "the pongs")
    return len(messages)


def glued(place):
    """Many frames in one segment, behind the 101."""
    with connect(place.front.port) as stream:
        stream.send(request(place.front.port))
        upgraded(stream)
        stream.send(b"".join(frame(*one) for one in MEDLEY) + close_frame(4321, "끝"))
        count = medley_comes_back(stream)
        same(stream.frame(), (FIN | CLOSE, close_frame(4321, "끝", mask=False)[2:]), "the close")
        same(stream.rest(), b"", "what follows a close")
    return count


def split(place):
    """A segment for each byte, of the request too."""
    with connect(place.front.port) as stream:
        stream.trickle(request(place.front.port))
        upgraded(stream)
        stream.trickle(b"".join(frame(*one) for one in MEDLEY) + close_frame(1000))
        count = medley_comes_back(stream)
        same(stream.frame(), (FIN | CLOSE, b"\x03\xe8"), "the close")
        same(stream.rest(), b"", "what follows a close")
    return count


def closes(place):
    """What the client says comes back; what it does wrong is told to it."""
    for code, reason in CLOSES:
        with connect(place.front.port) as stream:
            stream.send(request(place.front.port))
            upgraded(stream)
            stream.send(close_frame(code, reason))
            first, payload = stream.frame()
            same((first, payload[:2]), (FIN | CLOSE, close_frame(code, mask=False)[2:4]), f"a close with {code}")
            same(stream.rest(), b"", "what follows a close")
    faults = [
        (1002, frame(FIN | TEXT, b"bare", mask=False)),
        (1002, frame(FIN | 3, b"")),
        (1007, frame(FIN | TEXT, b"\xce\xba\xff")),
        (1009, frame(FIN | BINARY, b"", size=LONGEST + 1)),
    ]
    for code, wrong in faults:
        with websockets(place.front.port) as ws:
            ws.socket.sendall(wrong)
            try:
                same(ws.recv(PATIENCE), None, "an answer to what is wrong")
            except ConnectionClosed as closed:
                same(closed.rcvd and closed.rcvd.code, code, "the close code")
    return len(CLOSES) + len(faults)


def forwarded(place):
    """What reaches the server is what the client sent, and where it is from."""
    port = place.stage.port
    heads = []

    def script(stream, head):
        heads.append(head)
        stream.send(answer(head) + close_frame(1000, mask=False))
        stream.rest()

    def visit():
        more = "Origin: http://elsewhere.example\r\nSec-WebSocket-Protocol: a, b\r\nX-Forwarded-For: 192.0.2.6\r\n"
        with connect(port) as stream:
            stream.send(request(port, more, target="/deep/path?query=1"))
            upgraded(stream)
            stream.frame()

    place.backend.during(script, visit)
    [head] = heads
    check(head.startswith(b"GET /deep/path?query=1 HTTP/1.1\r\n"), f"the server got {head!r}")
    for name, want in [
        ("Host", f"127.0.0.1:{port}"),
        ("Origin", "http://elsewhere.example"),
        ("Sec-WebSocket-Protocol", "a, b"),
        ("Sec-WebSocket-Version", "13"),
        ("X-Forwarded-Proto", "http"),
    ]:
        same(header(head, name), want, name)
    same(header(head, "Upgrade").lower(), "websocket", "Upgrade")
    check("upgrade" in header(head, "Connection").lower(), "Connection")
    # lighttpd keeps what the client claims, and appends; so only the last is to be believed.
    claimed = "192.0.2.6, " if place.name == "lighttpd" else ""
    same(header(head, "X-Forwarded-For"), claimed + "127.0.0.1", "X-Forwarded-For")
    return 1


# --- our client, which echoes whatever a scripted server sends


def cases(place, scripts):
    """Runs autobahn-client through `scripts`: gives which cases it took for broken.

    A script gets the stream and the 101 to send."""

    def script(stream, head):
        target = head.split(b" ")[1].decode()
        if found := re.match(r"/runCase\?case=(\d+)&", target):
            return scripts[int(found[1]) - 1](stream, answer(head))
        said = frame(FIN | TEXT, b"%d" % len(scripts), mask=False) if target == "/getCaseCount" else b""
        stream.send(answer(head) + said + close_frame(1000, mask=False))
        while stream.frame()[0] != FIN | CLOSE:
            pass

    def run():
        return subprocess.run(
            [place.autobahn_client, f"ws://127.0.0.1:{place.stage.port}"], capture_output=True, text=True, timeout=60
        )

    done = place.backend.during(script, run)
    check(done.returncode == 0, f"our client: {done.stderr.strip()}")
    check(f"\n{len(scripts)} cases run\n" in "\n" + done.stdout, f"our client said {done.stdout!r}")
    return [int(number) for number in re.findall(r"^case (\d+): ", done.stdout, re.M)]


def echoed(stream, frames, code, reason=""):
    """The messages come back in order, then the close."""
    for sent in frames:
        same(stream.frame(), sent, "what our client sent back")
    payload = close_frame(code, reason, mask=False)[2:]
    first, got = stream.frame()
    same((first, got[:2]), (FIN | CLOSE, payload[:2]), f"our client's answer to a close with {code}")


def foreign_server(place):
    """Frames in the 101's segment, a segment for each byte, long ones, and every close."""
    small = [(FIN | TEXT, KOREAN.encode()), (FIN | BINARY, b""), (FIN | BINARY, bytes(range(200)))]
    many = [(FIN | BINARY, b"%07d" % n * 4) for n in range(1 << 15)]
    long = [(FIN | TEXT, text(LONGEST).encode()), (FIN | BINARY, os.urandom(LONGEST))]
    messages = 0

    def wire(frames):
        return b"".join(frame(*one, mask=False) for one in frames)

    def at_once(frames, code=1000, reason=""):
        def script(stream, answer):
            nonlocal messages
            everything = answer + wire(frames) + close_frame(code, reason, mask=False)
            writer = threading.Thread(target=stream.send, args=(everything,), daemon=True)
            writer.start()
            echoed(stream, frames, code, reason)
            writer.join()
            messages += len(frames)

        return script

    def by_bytes(stream, answer):
        nonlocal messages
        stream.trickle(answer + wire(small) + close_frame(4000, "split", mask=False))
        echoed(stream, small, 4000)
        messages += len(small)

    scripts = [at_once(many), at_once(long), by_bytes, *(at_once(small, *close) for close in CLOSES)]
    same(cases(place, scripts), [], "cases that our client takes for broken")
    return messages
