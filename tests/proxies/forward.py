"""Our client through forward proxies: forward.py FOLDER ECHO_SERVER CLIENT NAME…

The client is the example through-a-proxy: it takes the proxy from the environment, and prints the error
as its type is. Each check is a row: which proxy, which server, and a pattern for what the client says.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from processes import PATIENCE, Process, answers, check, free_port, until

USER, PASSWORD = "ann", "s3cret"
OK = r"2 messages came back"


class EchoServer(Process):
    def __init__(self, program, folder, host="127.0.0.1", *options):
        folder.mkdir()
        command = [program, f"{host}:0", "--threads", "1", *options]
        super().__init__(command, folder / "log", stdout=subprocess.PIPE)
        greeting = self.child.stdout.readline().decode()
        found = re.fullmatch(r"listening on wss?://.*:(\d+)/\n", greeting)
        check(found, f"the server began with {greeting!r}: {self.said()}")
        self.port = int(found[1])


class ForwardProxy(Process):
    """A proxy on ports that were free a moment ago; none of them takes port 0 and says what it got."""

    def __init__(self, name, folder, configure, ports=1):
        folder.mkdir()
        folder.chmod(0o777)  # some change to another user on their way
        for _ in range(5):
            self.ports = [free_port() for _ in range(ports)]
            command = configure(folder, *self.ports)
            super().__init__(command, folder / "log", stdout=subprocess.DEVNULL, cwd=folder)
            until(lambda: not self.alive() or all(map(answers, self.ports)), f"{name} to listen")
            if self.alive():
                return
        raise AssertionError(f"{name} does not start: {self.said()}")


def write(path, text):
    path.write_text(text)
    path.chmod(0o644)
    return path


def squid(allowed, with_password, certificate):
    def configure(folder, port, tls_port):
        login = ""
        if with_password:
            hashed = subprocess.check_output(["openssl", "passwd", "-apr1", PASSWORD], text=True)
            write(folder / "passwords", f"{USER}:{hashed}")
            login = f"""
                auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/passwords
                auth_param basic realm the office
                auth_param basic children 1
                acl known proxy_auth REQUIRED
                http_access deny !known
            """
        pem, key = certificate
        text = f"""
            http_port 127.0.0.1:{port}
            https_port 127.0.0.1:{tls_port} tls-cert={pem} tls-key={key}
            acl allowed port {' '.join(map(str, allowed))}
            {login}
            http_access deny !allowed
            http_access allow all
            cache deny all
            cache_log {folder}/cache.log
            access_log none
            pid_filename none
            pinger_enable off
            netdb_filename none
            coredump_dir {folder}
            dns_nameservers 127.0.0.1
            dns_timeout 2 seconds
            visible_hostname proxy.test
            shutdown_lifetime 0 seconds
        """
        lines = "\n".join(line.strip() for line in text.splitlines())
        return ["squid", "-N", "-f", write(folder / "config", lines)]

    return configure


def tinyproxy(allowed, with_password):
    def configure(folder, port):
        lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 60", "MaxClients 20"]
        lines += [f'LogFile "{folder}/proxy.log"', f'PidFile "{folder}/pid"', "Allow 127.0.0.1"]
        lines += [f"ConnectPort {port}" for port in allowed]
        if with_password:
            lines.append(f"BasicAuth {USER} {PASSWORD}")
        return ["tinyproxy", "-d", "-c", write(folder / "config", "\n".join(lines) + "\n")]

    return configure


def dante(allowed):
    def configure(folder, port):
        # 0/0 is all addresses of both families.
        passes = "".join(f"socks pass {{ from: 0/0 to: 0/0 port = {port} }}\n" for port in allowed)
        text = f"""
logoutput: stderr
internal: 127.0.0.1 port = {port}
external.protocol: ipv4 ipv6
external: lo
socksmethod: none
clientmethod: none
user.unprivileged: nobody
client pass {{ from: 127.0.0.0/8 to: 0/0 }}
{passes}
socks block {{ from: 0/0 to: 0/0 }}
"""
        return ["danted", "-f", write(folder / "config", text), "-p", f"{folder}/pid"]

    return configure


def microsocks(with_password):
    def configure(_, port):
        login = ["-u", USER, "-P", PASSWORD] if with_password else []
        return ["microsocks", "-i", "127.0.0.1", "-p", str(port), *login]

    return configure


def certificates(folder):
    """An authority, and a certificate of this machine."""

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, stderr=subprocess.DEVNULL, cwd=folder)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new, "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *new, "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem")
    write(folder / "names", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1")
    issue = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-out", "cert.pem"]
    openssl("x509", "-req", "-in", "request.pem", "-days", "2", *issue)
    for name in ("key.pem", "cert.pem"):
        (folder / name).chmod(0o644)
    return folder / "ca.pem", (folder / "cert.pem", folder / "key.pem")


class Run:
    def __init__(self, folder, server, client):
        self.folder, self.client = folder, client
        self.authority, self.certificate = certificates(folder)
        pem, key = self.certificate
        tls = ["--cert", str(pem), "--key", str(key)]
        self.servers = [
            EchoServer(server, folder / "ws"),
            EchoServer(server, folder / "wss", "127.0.0.1", *tls),
            EchoServer(server, folder / "ipv6", "[::1]"),
            EchoServer(server, folder / "forbidden"),
        ]
        plain, secure, ipv6, forbidden = (server.port for server in self.servers)
        self.closed = free_port()
        self.allowed = [plain, secure, ipv6, self.closed]
        self.ws, self.wss = f"ws://localhost:{plain}/", f"wss://localhost:{secure}/"
        self.by_address, self.by_ipv6 = f"ws://127.0.0.1:{plain}/", f"ws://[::1]:{ipv6}/"
        self.forbidden = f"ws://127.0.0.1:{forbidden}/"
        self.nobody, self.nowhere = f"ws://127.0.0.1:{self.closed}/", f"ws://nowhere.invalid:{plain}/"
        self.checks = 0

    def expect(self, proxy, uri, pattern, **variables):
        """Connects through a proxy; what the client says must match."""
        environment = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(self.authority)}
        environment |= {"all_proxy": proxy} | variables
        done = subprocess.run(
            [self.client, uri], env=environment, capture_output=True, text=True, timeout=PATIENCE * 2
        )
        said = done.stdout + done.stderr
        check(re.search(pattern, said), f"{proxy} to {uri}: wanted {pattern!r}, got {said[:1000]!r}")
        check((done.returncode == 0) == (pattern == OK), f"{uri}: exit code {done.returncode}")
        check(PASSWORD not in said, f"the password is told: {said[:1000]!r}")
        self.checks += 1

    def working(self, proxy):
        for uri in (self.ws, self.wss, self.by_address, self.by_ipv6):
            self.expect(proxy, uri, OK)


def test_squid(run):
    for with_password in (False, True):
        folder = run.folder / f"squid-{with_password}"
        proxy = ForwardProxy("squid", folder, squid(run.allowed, with_password, run.certificate), 2)
        plain, tls = (f"127.0.0.1:{port}" for port in proxy.ports)
        login = f"{USER}:{PASSWORD}@" if with_password else ""
        run.working(f"http://{login}{plain}")
        run.expect(f"https://{login}{tls}", run.ws, OK)
        run.expect(f"https://{login}{tls}", run.wss, OK)  # TLS in TLS
        if with_password:
            challenge = r'AuthenticationRequired\(.*status: 407.*"proxy-authenticate": "Basic realm=\\"the office\\""'
            run.expect(f"http://{plain}", run.wss, challenge)
            run.expect(f"http://{USER}:wrong@{plain}", run.ws, challenge)
            run.expect(f"https://{tls}", run.ws, challenge)
        else:
            run.expect(plain, run.forbidden, r"Proxy\(Status\(.*status: 403")
            run.expect(plain, run.nobody, r"Proxy\(Status\(.*status: 503")
            run.expect(plain, run.nowhere, r"Proxy\(Status\(.*status: 50[0-4]")
            run.expect(f"https://{plain}", run.ws, r"Proxy\((Tls|Closed\(Tls|Io\(Tls)")
            run.expect(f"http://{tls}", run.ws, r"Proxy\((Head|Closed)")
        proxy.kill()


def test_tinyproxy(run):
    for with_password in (False, True):
        proxy = ForwardProxy("tinyproxy", run.folder / f"tinyproxy-{with_password}", tinyproxy(run.allowed, with_password))
        address = f"127.0.0.1:{proxy.ports[0]}"
        run.working(f"http://{USER}:{PASSWORD}@{address}" if with_password else address)
        if with_password:
            # It asks as a server does: 401, or as a proxy: 407.
            run.expect(address, run.ws, r"Proxy\(.*status: 40[17]")
            run.expect(f"{USER}:wrong@{address}", run.wss, r"Proxy\(.*status: 40[17]")
        else:
            run.expect(address, run.forbidden, r"Proxy\(Status\(.*status: 403")
            run.expect(address, run.nobody, r"Proxy\(Status\(.*status: 50[0-4]")
            run.expect(address, run.nowhere, r"Proxy\(Status\(.*status: 50[0-4]")
        proxy.kill()


def test_dante(run):
    proxy = ForwardProxy("dante", run.folder / "dante", dante(run.allowed))
    address = f"127.0.0.1:{proxy.ports[0]}"
    for scheme in ("socks5", "socks5h"):
        run.working(f"{scheme}://{address}")
        run.expect(f"{scheme}://{USER}:{PASSWORD}@{address}", run.ws, OK)  # it does not ask for it
        run.expect(f"{scheme}://{address}", run.forbidden, r"Proxy\(Socks\(NotAllowed\)\)")
        run.expect(f"{scheme}://{address}", run.nobody, r"Proxy\(Socks\(ConnectionRefused\)\)")
    run.expect(f"socks5h://{address}", run.nowhere, r"Proxy\(Socks\((HostUnreachable|GeneralFailure|NotAllowed)\)\)")
    run.expect(f"socks5://{address}", run.nowhere, r"NoSuchHost\(\"nowhere.invalid\"\)|Opening\(Resolve")
    proxy.kill()


def test_microsocks(run):
    for with_password in (False, True):
        proxy = ForwardProxy("microsocks", run.folder / f"microsocks-{with_password}", microsocks(with_password))
        address = f"127.0.0.1:{proxy.ports[0]}"
        login = f"{USER}:{PASSWORD}@" if with_password else ""
        for scheme in ("socks5", "socks5h", "socks"):
            run.working(f"{scheme}://{login}{address}")
        if with_password:
            run.expect(f"socks5h://{address}", run.ws, r"Proxy\(SocksMethod\)")
            run.expect(f"socks5h://{USER}:wrong@{address}", run.wss, r"Proxy\(SocksCredentials\)")
        else:
            run.expect(f"socks5h://{address}", run.nobody, r"Proxy\(Socks\(ConnectionRefused\)\)")
            run.expect(f"socks5h://{address}", run.nowhere, r"Proxy\(Socks\((HostUnreachable|GeneralFailure)\)\)")
        proxy.kill()


def test_environment(run):
    """No proxy is needed for these: what is not to be used is not there."""
    gone = f"http://127.0.0.1:{run.closed}"
    run.expect(gone, run.ws, r"Proxy\(Connect\(")
    run.expect(gone, run.ws, OK, NO_PROXY="localhost")
    run.expect(gone, run.by_ipv6, OK, no_proxy="127.0.0.1, ::1/128")
    run.expect("", run.wss, OK, http_proxy=gone, ws_proxy=gone)
    run.expect("", run.ws, OK, https_proxy=gone, wss_proxy=gone)
    run.expect("", run.ws, OK, HTTP_PROXY=gone, REQUEST_METHOD="GET")
    run.expect("http://nowhere.invalid", run.ws, r"Proxy\(NoSuchHost|Proxy\(Io\(Resolve")
    run.expect("socks4://127.0.0.1", run.ws, r"Proxy\(Variable\(\"all_proxy\", Scheme\)\)")


TESTS = {"squid": test_squid, "tinyproxy": test_tinyproxy, "dante": test_dante, "microsocks": test_microsocks}


def main(folder, server, client, *names):
    run = Run(Path(folder), server, client)
    try:
        for name in names:
            TESTS[name](run)
            print(f"{name}: well", flush=True)
        test_environment(run)
        check(run.checks > 10, f"{run.checks} checks")
        print(f"{run.checks} connections, each as expected")
    finally:
        for server in run.servers:
            server.kill()


main(*sys.argv[1:])
