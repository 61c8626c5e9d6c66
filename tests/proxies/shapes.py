"""What must not pass a proxy, and what must survive one: S26 to S28 of the attacks, each through it.

S26 and what is refused go proxy → tap → our server: the tap is the scripted server, and records what
the proxy made of the request. Each scenario gives how many requests or connections it tried.
"""

import re
import socket
import subprocess
import threading
import time

from processes import PATIENCE, check
from raw import (
    BINARY, CLOSE, FIN, PING, TEXT, Stream, answer, close_frame, connect, frame, header, request, upgraded,
)  # fmt: skip
from traffic import KOREAN, MEDLEY, cases, medley_comes_back, same

# Go's proxies forget what was read together with the request (seen with Caddy 2.6): none of it may
# arrive then, rather than half of it.
DROPS_EARLY = {"caddy"}

# A ping after 20 s, 20 s for its pong, and some for a busy machine.
KEEP_ALIVE = 50

SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
SECOND = "GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n"
PROBE = b"GET /probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def shapes(port):
    """Name, request, what stands behind it, and whether that is a request of its own."""
    ask = lambda more="", **changes: request(port, more, **changes)  # noqa: E731
    length = f"Content-Length: {len(SMUGGLED)}\r\n"
    chunked = "Transfer-Encoding: chunked\r\n"
    chunks = f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
    early = frame(FIN | TEXT, b"early")
    return [
        ("a body", ask(length), SMUGGLED.encode(), False),
        ("a chunked body", ask(chunked), chunks.encode(), False),
        ("chunks and a length", ask(chunked + "Content-Length: 3\r\n"), chunks.encode(), False),
        ("two lengths", ask("Content-Length: 0\r\n" + length), SMUGGLED.encode(), False),
        ("two lengths in a list", ask(f"Content-Length: 0, {len(SMUGGLED)}\r\n"), SMUGGLED.encode(), False),
        ("a length with a sign", ask("Content-Length: +0\r\n"), SMUGGLED.encode(), False),
        ("a blank before a colon", ask("Transfer-Encoding : chunked\r\n"), chunks.encode(), False),
        ("an unknown coding", ask("Transfer-Encoding: identity\r\n"), SMUGGLED.encode(), False),
        ("version 7", ask(version="7"), b"", False),
        ("version 8", ask(version="8"), b"", False),
        ("version 12", ask(version="12"), b"", False),
        ("version 8, a second request", ask(version="8"), SECOND.encode(), True),
        ("version 8, frames", ask(version="8"), early, False),
        ("no Connection", ask(connection=""), b"", False),
        ("no Connection, frames", ask(connection=""), early, False),
        ("Connection: keep-alive", ask(connection="Connection: keep-alive\r\n"), SECOND.encode(), True),
        ("Upgrade: h2c", ask().replace(b"Upgrade: websocket", b"Upgrade: h2c"), SECOND.encode(), True),
        ("POST", ask(method="POST"), b"", False),
        ("POST with a body", ask(length, method="POST"), SMUGGLED.encode(), False),
        ("HEAD", ask(method="HEAD"), b"", False),
        ("OPTIONS", ask(method="OPTIONS"), b"", False),
        ("HTTP/1.0", ask().replace(b"HTTP/1.1", b"HTTP/1.0"), b"", False),
        ("no key", ask().replace(b"Sec-WebSocket-Key", b"X-Key"), early, False),
    ]


def tap(place, seen):
    """A script that goes between proxy and server, and keeps what went by: [up, down]."""

    def script(stream, head):
        record = [head, b""]
        seen.append(record)
        with connect(place.server.port) as server:

            def upward():
                try:
                    server.send(head + stream.buffer)
                    record[0] += stream.buffer
                    stream.buffer.clear()
                    while stream.more():
                        data = stream.take(len(stream.buffer))
                        record[0] += data
                        server.send(data)
                    server.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # the server is gone, as the other direction will see

            thread = threading.Thread(target=upward, daemon=True)
            thread.start()
            while server.more():
                data = server.take(len(server.buffer))
                record[1] += data
                try:
                    stream.send(data)
                except OSError:
                    break
            try:
                stream.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            thread.join(PATIENCE)

    return script


def responses(stream, methods):
    """The answers up to the end of the connection, as (status, head); each must be whole."""
    found = []
    while stream.buffer or stream.more():
        head = stream.head()
        status = re.match(rb"HTTP/1\.[01] (\d{3})[ \r]", head)
        check(status, f"no answer: {head[:100]!r}")
        status = int(status[1])
        found.append(status)
        if status == 100:
            continue
        check(status >= 200, f"answered {head!r}")
        method = methods[min(len([s for s in found if s != 100]), len(methods)) - 1]
        if method == "HEAD" or status in (204, 304):
            continue
        if header(head, "Transfer-Encoding"):
            while size := int(stream_line(stream), 16):
                stream.take(size + 2)
            stream.take(2)
        elif (size := header(head, "Content-Length")) is not None:
            stream.take(int(size))
        else:
            stream.take(len(stream.rest()))
    return [status for status in found if status != 100]


def stream_line(stream):
    while (end := stream.buffer.find(b"\r\n")) < 0:
        if not stream.more():
            raise EOFError("the end within a line")
    return stream.take(end + 2)


def requests(up):
    """The targets of the requests on a connection to the server; they must be all of its bytes."""
    targets = []
    stream = Stream(socket.socket())
    stream.buffer += up
    stream.more = lambda: False
    while stream.buffer:
        head = stream.head()
        check(re.fullmatch(rb"[A-Z]+ \S+ HTTP/1\.[01]", head.split(b"\r\n")[0]), f"the server got {head[:100]!r}")
        targets.append(head.split(b" ")[1].decode())
        if header(head, "Transfer-Encoding"):
            while size := int(stream_line(stream), 16):
                stream.take(size + 2)
            stream.take(2)
        else:
            stream.take(int(header(head, "Content-Length") or 0))
    stream.sock.close()
    return targets


def s26_smuggling(place):
    """No shape becomes a WebSocket, leaves its body to be read as a request, or harms what follows."""
    port, tried = place.stage.port, []
    for name, ask, behind, is_request in shapes(port):
        seen = []

        def visit(ask=ask, behind=behind):
            with connect(port) as stream:
                try:
                    stream.send(ask + behind + PROBE)
                except ConnectionError:
                    pass  # refused in the middle; what was said is still there to be read
                return responses(stream, [ask.split(b" ")[0].decode(), "GET", "GET"])

        try:
            statuses = place.backend.during(tap(place, seen), visit)
            check(len(statuses) <= 2 + is_request, f"answered {statuses}")
            for up, down in seen:
                check(b"HTTP/1.1 101" not in down, "our server agreed to it")
                allowed = {"/", "/probe"} | ({"/second"} if is_request else set())
                check(set(requests(up)) <= allowed, f"the server was asked for {requests(up)}")
                check(len(requests(up)) == 1, f"more than one request on a connection that is to end: {requests(up)}")
        except (AssertionError, EOFError, OSError) as error:
            raise AssertionError(f"{name}: {error}") from error
        tried.append(f"{name} {'/'.join(map(str, statuses)) or 'closed'}")
        place.still_echoes()
    place.note("; ".join(tried))
    return len(tried)


def s26_refused(place):
    """What comes behind a legal request does not reach a server that has not said 101, nor after it said 403."""
    port = place.stage.port
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    def script(stream, head):
        stream.sock.settimeout(0.2)
        try:
            stream.more()
        except TimeoutError:
            pass
        same(bytes(stream.buffer), b"", "what reached the server before it answered")
        stream.sock.settimeout(PATIENCE)
        stream.send(refusal)
        same(stream.rest(), b"", "what reached the server after it refused")

    def visit():
        with connect(port) as stream:
            # The probe's lines end what the frame began, as whoever takes it for a request sees it.
            stream.send(request(port) + frame(FIN | TEXT, b"early") + PROBE)
            statuses = responses(stream, ["GET", "GET"])
            check(statuses[:1] == [403] and len(statuses) < 3 and 101 not in statuses, f"answered {statuses}")

    place.backend.during(script, visit)
    return 1


def s27_early_frames(place):
    """Frames in the segment of the request, few and 1 MiB of them, are all echoed."""
    port = place.front.port
    with connect(port) as stream:
        stream.send(request(port) + b"".join(frame(*one) for one in MEDLEY))
        upgraded(stream)
        if place.name in DROPS_EARLY:
            stream.send(frame(FIN | TEXT, b"later"))
            same(stream.frame(), (FIN | TEXT, b"later"), "the first echo")
            place.note("the proxy drops what comes early, and nothing else")
            return 1
        count = medley_comes_back(stream)
    one = frame(FIN | TEXT, KOREAN.encode())
    many = (1 << 20) // len(one)
    with connect(port) as stream:
        everything = request(port) + one * many
        writer = threading.Thread(target=stream.send, args=(everything,), daemon=True)
        writer.start()
        upgraded(stream)
        for number in range(many):
            same(stream.frame(), (FIN | TEXT, KOREAN.encode()), f"early frame {number}")
        writer.join()
    for code, wrong in [
        (1002, frame(FIN | TEXT, b"bare", mask=False)),
        (1007, frame(FIN | TEXT, b"\xff")),
        (1009, frame(FIN | BINARY, b"", size=1 << 40)),
        (1000, close_frame(1000)),
    ]:
        with connect(port) as stream:
            stream.send(request(port) + wrong)
            upgraded(stream)
            first, payload = stream.frame()
            same((first, payload[:2]), (FIN | CLOSE, code.to_bytes(2, "big")), "the end of what is wrong early")
    return count + many + 4


def conversation(port):
    return (
        request(port)
        + frame(FIN | TEXT, b"hello")
        + frame(TEXT, b"half")
        + frame(FIN | PING, b"ping")
        + frame(FIN, b"way")
        + frame(FIN | BINARY, bytes(150))
        + close_frame(1000, "bye")
    )


def s28_resets(place):
    """A reset at every byte: the server has its descriptors back, and lives on."""
    port, everything = place.front.port, conversation(place.front.port)
    before = place.settled()
    for cut in range(len(everything) + 1):
        stream = connect(port)
        stream.send(everything[:cut])
        stream.reset()
    place.settled(before)
    # Half a mebibyte of echoes on their way to nobody.
    for _ in range(100):
        stream = connect(port)
        stream.send(request(port))
        upgraded(stream)
        stream.send(frame(FIN | BINARY, bytes(1 << 19)))
        stream.reset()
    place.settled(before)
    place.still_echoes()
    return len(everything) + 1 + 100


def s28_ends(place):
    """An end at every byte, from a client that goes on listening; s28_ended looks what became of it."""
    port, everything = place.front.port, conversation(place.front.port)
    place.before_ends = place.settled()
    for cut in range(len(everything) + 1):
        stream = connect(port)
        place.half_closed.append(stream)
        stream.send(everything[:cut])
        stream.sock.shutdown(socket.SHUT_WR)
    return len(place.half_closed)


def s28_ended(place):
    """Everybody was told of the end too, and the server has its descriptors back.

    lighttpd now and then (one of thousands) does not tell the server: there our keep-alive notices."""
    start = time.monotonic()
    for cut, stream in enumerate(place.half_closed):
        stream.sock.settimeout(KEEP_ALIVE)
        with stream:
            got = stream.rest()
        check(got.count(b"HTTP/1.1 101") <= 1, f"an end at {cut}: {got[:300]!r}")
    place.settled(place.before_ends)
    place.note(f"waited {time.monotonic() - start:.0f} s")
    return len(place.half_closed)


def s28_our_client(place):
    """A server behind the proxy that resets or ends within frames: our client says so and goes on."""
    wire = frame(FIN | TEXT, b"hello", mask=False) + frame(BINARY, bytes(200), mask=False) + frame(FIN, b"", mask=False)

    def broken(cut, reset):
        def script(stream, answer):
            stream.send(answer + wire[:cut])
            if cut >= 7:
                same(stream.frame(), (FIN | TEXT, b"hello"), "what our client sent back")
            if reset:
                stream.reset()

        return script

    scripts = [broken(cut, reset) for cut in range(0, len(wire), 7) for reset in (True, False)]
    same(cases(place, scripts), [*range(1, len(scripts) + 1)], "the cases that our client takes for broken")

    # Nor does it take half an answer for one: the proxy says 502, or ends too.
    def unanswered(cut, reset):
        def script(stream, head):
            stream.send(answer(head)[:cut])
            if reset:
                stream.reset()

        def run():
            return subprocess.run([place.autobahn_client, f"ws://127.0.0.1:{place.stage.port}"], capture_output=True, timeout=60)

        done = place.backend.during(script, run)
        check(done.returncode == 1 and done.stderr, f"our client took {cut} bytes of an answer: {done}")

    cuts = range(0, 129, 16)
    for cut in cuts:
        unanswered(cut, True)
        unanswered(cut, False)
    return len(scripts) + 2 * len(cuts)
