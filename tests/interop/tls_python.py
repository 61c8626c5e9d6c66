"""wss:// between bowstring and Python's websockets: tls_python.py URL CERT KEY INTEROP_CLIENT"""

import asyncio
import os
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20, 4 << 20]
OPTIONS = {"max_size": 8 << 20, "ping_interval": None}


async def foreign_client(url, context, version):
    async with connect(url, ssl=context, **OPTIONS) as ws:
        tls = ws.transport.get_extra_info("ssl_object")
        assert tls.version() == version, tls.version()
        assert tls.selected_alpn_protocol() == "http/1.1", tls.selected_alpn_protocol()
        for size in SIZES:
            data = os.urandom(size)
            await ws.send(data)
            assert await ws.recv() == data, size
    assert ws.close_code == 1000, ws.close_code


async def run_client(client, url, **env):
    child = await asyncio.create_subprocess_exec(
        client, url, env=os.environ | env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await child.communicate()
    return child.returncode, out.decode(), err.decode()


async def foreign_server(cert, key, client):
    async def echo(ws):
        try:
            async for message in ws:
                await ws.send(message)
        except ConnectionClosed:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    async with serve(echo, "127.0.0.1", 0, ssl=context, **OPTIONS) as server:
        port = server.sockets[0].getsockname()[1]
        for host in ["localhost", "127.0.0.1"]:
            code, out, err = await run_client(client, f"wss://{host}:{port}/")
            assert code == 0, err
            print(f"{host}: {out.strip()}")
        # It trusts the authority; without it, nobody.
        code, _, err = await run_client(client, f"wss://localhost:{port}/", SSL_CERT_FILE=os.devnull)
        assert code == 1 and "trusted" in err, (code, err)


async def main(url, cert, key, client):
    port = url.rstrip("/").rsplit(":", 1)[1]
    for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        context = ssl.create_default_context()
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["http/1.1"])
        for host in ["localhost", "127.0.0.1"]:
            await foreign_client(f"wss://{host}:{port}/", context, version.name.replace("_", "."))
    await foreign_server(cert, key, client)


asyncio.run(main(*sys.argv[1:]))
