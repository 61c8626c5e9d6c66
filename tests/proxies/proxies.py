"""Runs every scenario through each proxy: proxies.py FOLDER ECHO_SERVER INTEROP_CLIENT AUTOBAHN_CLIENT PROXY…

For each: our server, the proxy in front of it, and the same proxy in front of a scripted server. A
connection through each is opened first and left alone for longer than the proxy's patience with
silence, which our keep-alive must outlast.
"""

import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import shapes
import traffic
from processes import PATIENCE, Proxy, Server, check, until, version
from raw import Scripted
from websockets.exceptions import ConnectionClosed

# Longer than the 60 s that every configuration here grants silence.
IDLE = 66

SCENARIOS = [
    ("our client, off, 0 B to 16 MiB", lambda place: traffic.our_client(place, "off")),
    ("our client, shared, 0 B to 16 MiB", lambda place: traffic.our_client(place, "shared")),
    ("our client, full, 0 B to 16 MiB", lambda place: traffic.our_client(place, "full")),
    ("websockets, 0 B to 16 MiB", lambda place: traffic.sizes(place, None)),
    ("websockets compressed, 0 B to 16 MiB", lambda place: traffic.sizes(place, "deflate")),
    ("websockets, a pipeline", lambda place: traffic.pipeline(place, None)),
    ("websockets compressed, a pipeline", lambda place: traffic.pipeline(place, "deflate")),
    ("frames glued together", traffic.glued),
    ("a segment for each byte", traffic.split),
    ("close codes", traffic.closes),
    ("what is forwarded", traffic.forwarded),
    ("our client, foreign server", traffic.foreign_server),
    ("S26 smuggling", shapes.s26_smuggling),
    ("S26 a refusal", shapes.s26_refused),
    ("S27 early frames", shapes.s27_early_frames),
    ("S28 resets", shapes.s28_resets),
    ("S28 resets, our client", shapes.s28_our_client),
    ("S28 ends", shapes.s28_ends),
]


class Place:
    """One proxy with all that is around it."""

    def __init__(self, name, folder, programs, ends):
        self.name = name
        self.ends, self.processes = ends, []
        server_program, self.interop_client, self.autobahn_client = programs
        folder.mkdir()
        folder.chmod(0o755)
        self.server = self.started(Server(server_program, folder))
        self.backend = Scripted()
        self.front = self.started(Proxy(name, self.server.port, folder / "front"))
        self.stage = self.started(Proxy(name, self.backend.port, folder / "stage"))
        self.remark, self.half_closed, self.before_ends = "", [], 0
        self.idle, self.since = ends.enter_context(traffic.websockets(self.front.port)), time.monotonic()

    def started(self, process):
        self.ends.callback(process.kill)
        self.processes.append(process)
        return process

    def note(self, remark):
        self.remark = f": {remark}"

    def still_echoes(self):
        for process in self.processes:
            check(process.alive(), f"a process ended: {process.said()}")
        with traffic.websockets(self.front.port) as ws:
            ws.send("still there")
            traffic.same(ws.recv(PATIENCE), "still there", "a connection after all that")

    def settled(self, before=None):
        """Waits until the server has so many descriptors again, or as many as with one connection."""
        if before is None:
            self.still_echoes()
            return until(lambda: self.steady(), "the server's descriptors to settle")
        until(lambda: self.server.descriptors() <= before, f"the server to have {before} descriptors again", shapes.KEEP_ALIVE)

    def steady(self):
        """The number of descriptors, if it did not change for a while."""
        first = self.server.descriptors()
        for _ in range(20):
            time.sleep(0.01)
            if self.server.descriptors() != first:
                return None
        return first

    def outlasted(self):
        """The connection that was left alone lives."""
        time.sleep(max(0, self.since + IDLE - time.monotonic()))
        self.idle.send("still there")
        traffic.same(self.idle.recv(PATIENCE), "still there", f"a connection silent for {IDLE} s")
        self.note(f"{time.monotonic() - self.since:.0f} s")
        return 1

    def goes_away(self):
        """Asked to end, our server tells its clients through the proxy, and ends well."""
        exit = self.server.stop()
        traffic.same(exit, 0, "the server's exit code")
        try:
            traffic.same(self.idle.recv(PATIENCE), None, "a message from a server that ends")
        except ConnectionClosed as closed:
            traffic.same(closed.rcvd and closed.rcvd.code, 1001, "the close code")
        return 1


def main(folder, *args):
    programs, names = args[:3], args[3:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    places, ran, total, failed = [], 0, 0, 0
    with ExitStack() as ends:
        for name in names:
            places.append(Place(name, Path(folder) / name, programs, ends))
        laps = [(scenario, place) for place in places for scenario in SCENARIOS]
        laps += [(("S28 ends, a while later", shapes.s28_ended), place) for place in places]
        laps += [(("silence", Place.outlasted), place) for place in places]
        laps += [(("1001 from a server that ends", Place.goes_away), place) for place in places]
        for (what, scenario), place in laps:
            ran += 1
            place.remark, start = "", time.monotonic()
            who = f"{place.name} {version(place.name)}"
            try:
                count = scenario(place)
                total += count
                print(f"{who}: ok      {what}: {count} in {time.monotonic() - start:.1f} s{place.remark}", flush=True)
            except Exception as error:
                failed += 1
                print(f"{who}: FAILED  {what}: {type(error).__name__}: {error}", flush=True)
    print(f"proxies: {ran} scenarios, {total} messages and attempts, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
