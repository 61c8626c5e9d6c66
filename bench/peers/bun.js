// Bun: its own server, which corks by itself; `publish` for a broadcast. `deflate` uses the shared
// compressor, where each message stands alone.
const task = process.argv[2] ?? "echo";
const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 400 })),
    websocket: {
        maxPayloadLength: 16 << 20,
        backpressureLimit: 16 << 20,
        idleTimeout: 120,
        perMessageDeflate: task === "deflate" && { compress: "shared", decompress: "shared" },
        open(ws) {
            if (task === "broadcast") ws.subscribe("room");
        },
        message(ws, message) {
            if (task === "broadcast") server.publish("room", message);
            else ws.send(message, task === "deflate");
        },
    },
});
console.log(`listening on 127.0.0.1:${server.port}`);
