"""What only TLS has, with Python's websockets, both ways: tls_python.py NAME URL CERT KEY INTEROP_CLIENT

Each version of TLS, a name and an address as the host, and the protocol that ALPN agrees on.
"""

import asyncio
import os
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from report import check, report, same

SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20, 4 << 20]
OPTIONS = {"max_size": 8 << 20, "ping_interval": None}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
HOSTS = ["localhost", "127.0.0.1"]


def only(version, context):
    context.minimum_version = context.maximum_version = version
    return context


async def our_server(host, port, version):
    context = only(version, ssl.create_default_context())
    context.set_alpn_protocols(["http/1.1"])
    async with connect(f"wss://{host}:{port}/", ssl=context, **OPTIONS) as ws:
        tls = ws.transport.get_extra_info("ssl_object")
        same(tls.version(), version.name.replace("_", "."), "the version")
        same(tls.selected_alpn_protocol(), "http/1.1", "the protocol")
        for size in SIZES:
            data = os.urandom(size)
            await ws.send(data)
            same(await ws.recv(), data, f"a message of {size}")
    same(ws.close_code, 1000, "the close code")
    return len(SIZES)


async def our_client(program, host, identity, version):
    count, seen = 0, []

    async def echo(ws):
        nonlocal count
        tls = ws.transport.get_extra_info("ssl_object")
        seen.append((tls.version(), tls.selected_alpn_protocol()))
        async for message in ws:
            await ws.send(message)
            count += 1

    context = only(version, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.load_cert_chain(*identity)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with serve(echo, "127.0.0.1", 0, ssl=context, **OPTIONS) as server:
        port = server.sockets[0].getsockname()[1]
        child = await asyncio.create_subprocess_exec(
            program, f"wss://{host}:{port}/", "off", "65536", stdout=asyncio.subprocess.DEVNULL
        )
        try:
            same(await child.wait(), 0, "our client's exit code")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    same(seen, [(version.name.replace("_", "."), "http/1.1")], "version and protocol")
    check(count > 0, "no message came")
    return count


async def main(name, url, cert, key, program):
    port = url.rstrip("/").rsplit(":", 1)[1]
    scenarios = []
    for version in VERSIONS:
        for host in HOSTS:
            what = f"{version.name}, {host}"
            scenarios.append((f"server, {what}", our_server(host, port, version)))
            scenarios.append((f"client, {what}", our_client(program, host, (cert, key), version)))
    return await report(f"tls {name}", scenarios)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
