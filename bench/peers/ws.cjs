// ws: its answers are written at once within a turn of the event loop by corking the socket.
// `deflate` compresses each message alone.
const { WebSocketServer } = require("ws");

const task = process.argv[2] ?? "echo";
const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    backlog: 4096,
    clientTracking: task === "broadcast",
    maxPayload: 16 << 20,
    perMessageDeflate: task === "deflate" && {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        threshold: 128,
    },
});
server.on("connection", (ws, request) => {
    const { socket } = request;
    let corked = false;
    const uncork = () => {
        corked = false;
        socket.uncork();
    };
    ws.on("error", () => {});
    ws.on("message", (data, binary) => {
        if (task === "broadcast") {
            for (const member of server.clients) member.send(data, { binary });
            return;
        }
        if (!corked) {
            corked = true;
            socket.cork();
            process.nextTick(uncork);
        }
        ws.send(data, { binary, compress: task === "deflate" });
    });
});
server.on("listening", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
