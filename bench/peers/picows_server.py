"""picows on uvloop. It hands out frames and does not check text: that is left to the application,
and done here, for all others do it."""

import asyncio
import sys

import uvloop
from picows import WSListener, WSMsgType, ws_create_server

BROADCAST = len(sys.argv) > 1 and sys.argv[1] == "broadcast"
room = set()


class Echo(WSListener):
    def on_ws_connected(self, transport):
        if BROADCAST:
            room.add(transport)

    def on_ws_disconnected(self, transport):
        room.discard(transport)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            payload = frame.get_payload_as_bytes()
            payload.decode()
            transport.send(WSMsgType.TEXT, payload)
        elif frame.msg_type == WSMsgType.BINARY:
            payload = frame.get_payload_as_bytes()
            for member in room if BROADCAST else (transport,):
                member.send(WSMsgType.BINARY, payload)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


async def main():
    server = await ws_create_server(
        lambda request: Echo(), "127.0.0.1", 0, max_frame_size=16 << 20, backlog=4096
    )
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


uvloop.run(main())
