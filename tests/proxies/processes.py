"""The processes of a run: the echo server, and proxies with a folder and a port of their own.

Each proxy is started in the foreground from the configuration beside this file, or from
examples/behind-a-proxy; in it stand the ports 8080 and 9001 for the proxy's and the server's.
"""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples" / "behind-a-proxy"
PATIENCE = 20

# Name, configuration, command, and how it says its version.
PROXIES = {
    "nginx": (HERE / "nginx.conf", "nginx -p {dir} -c {config} -e {dir}/log", "nginx -v"),
    "haproxy": (EXAMPLES / "haproxy.cfg", "haproxy -db -f {config}", "haproxy -v"),
    "apache": (HERE / "apache.conf", "apache2 -d {dir} -f {config} -DFOREGROUND", "apache2 -v"),
    "lighttpd": (HERE / "lighttpd.conf", "lighttpd -D -f {config}", "lighttpd -v"),
    "caddy": (HERE / "Caddyfile", "caddy run --config {config} --adapter caddyfile", "caddy version"),
}


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def until(done, what, patience=PATIENCE):
    """Polls until `done` gives something true, and gives that."""
    end = time.monotonic() + patience
    while not (result := done()):
        check(time.monotonic() < end, f"waited {patience} s in vain for {what}")
        time.sleep(0.01)
    return result


class Process:
    """A child with its children, in a group of its own so that all of it ends."""

    def __init__(self, command, log, **options):
        self.log = log
        with open(log, "ab") as err:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=err, start_new_session=True, **options
            )

    def alive(self):
        return self.child.poll() is None

    def said(self):
        return self.log.read_text(errors="replace")[-2000:]

    def kill(self):
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()


class Server(Process):
    """The echo server, with a window for each direction of each connection."""

    def __init__(self, program, folder):
        command = [program, "127.0.0.1:0", "--threads", "2", "--compression", "full"]
        super().__init__(command, folder / "server.log", stdout=subprocess.PIPE)
        greeting = self.child.stdout.readline().decode()
        found = re.fullmatch(r"listening on ws://127\.0\.0\.1:(\d+)/\n", greeting)
        check(found, f"the server began with {greeting!r}: {self.said()}")
        self.port = int(found[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def stop(self):
        """Asks it to end, and gives its exit code."""
        self.child.terminate()
        return self.child.wait(PATIENCE)


class Proxy(Process):
    """One of PROXIES before a port of this machine."""

    def __init__(self, name, backend, folder):
        source, command, _ = PROXIES[name]
        folder.mkdir()
        folder.chmod(0o777)  # some change to another user on their way
        for _ in range(5):
            self.port = free_port()
            words = {"dir": folder, "example": folder / "example"}
            words["config"] = folder / "config"
            # None of them takes port 0 and says what it got; so the port may be gone by now.
            ports = {"8080": str(self.port), "9001": str(backend)}
            used = configure(source, words["config"], words, ports)
            if name == "nginx":
                used |= configure(EXAMPLES / "nginx.conf", words["example"], {}, ports)
            check(used == set(ports), f"{source} names the ports {used}")
            environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
            # Debian keeps them where only root looks.
            environment["PATH"] += ":/usr/sbin:/sbin"
            super().__init__(
                [word.format(**words) for word in command.split()],
                folder / "log",
                stdout=subprocess.DEVNULL,
                env=environment,
                cwd=folder,
            )
            until(lambda: not self.alive() or answers(self.port), f"{name} to listen")
            if self.alive():
                return
        raise AssertionError(f"{name} does not start: {self.said()}")


def configure(source, target, words, ports):
    """Copies a configuration with words and ports put in; gives which ports it had."""
    used = set()

    def port(found):
        used.add(found[0])
        return ports[found[0]]

    text = re.sub(r"\b(?:8080|9001)\b", port, source.read_text())
    for word, value in words.items():
        text = text.replace("{%s}" % word, str(value))
    target.write_text(text)
    target.chmod(0o644)
    return used


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def version(name):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    out = subprocess.run(
        PROXIES[name][2].split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {"PATH": path}
    ).stdout
    return re.search(r"\d+\.\d+(\.\d+)?", out)[0]
