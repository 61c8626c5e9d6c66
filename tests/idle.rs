//! What an idle connection holds: a few hundred bytes, and no buffer.
//!
//! Counted by an allocator for the whole process, which is why there is one test, on a socket that has
//! echoed a message and now waits. The memory that a thread's sockets share, and what tokio needs for a
//! TCP socket and its registration, are not ours.

mod heap;

use bowstring::handshake::ClientRequest;
use bowstring::net::{
    Incoming, Reader, Transport, TransportRead, TransportWrite, Writer, connect_with, masking_key,
};
use bowstring::proto::Role;
use bowstring::{Config, WebSocket};
use heap::{heap, wait};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

/// A server's socket that has echoed one message of this length, and its client.
async fn echoed(
    listener: &TcpListener,
    config: &Config,
    len: usize,
) -> (WebSocket<TcpStream>, WebSocket<Transport>) {
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let request = ClientRequest::new(uri.parse().unwrap());
    let (client, server) = tokio::join!(connect_with(&request, config), async {
        Incoming::read(listener.accept().await.unwrap().0, config).await.unwrap().accept().await
    });
    let (mut client, mut server) = (client.unwrap().0, server.unwrap());
    let data = vec![7; len];
    let (sent, echoed) = tokio::join!(client.send(&data), async {
        let message = server.recv().await?.unwrap();
        server.send(message).await
    });
    sent.unwrap();
    echoed.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap().as_bytes(), data);
    (server, client)
}

#[tokio::test]
async fn an_idle_connection_holds_at_most_512_bytes_of_ours_and_a_split_one_712() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();

    // What tokio allocates to separate the directions.
    let bare = TcpStream::connect(address).await.unwrap();
    drop(listener.accept().await.unwrap());
    let before = heap();
    let halves = bare.into_split();
    let tokio_split = heap() - before;
    drop(halves);

    let plain = Config::default();
    #[cfg(feature = "deflate")]
    let plain = {
        let mut plain = plain;
        plain.deflate = None;
        plain
    };
    // With compression agreed on, and its engines lent, there is what was agreed, and two counters.
    let compressed = Config::default();
    for (len, config, agreed) in
        [(10, &plain, 0), (100_000, &plain, 0), (100_000, &compressed, 128)]
    {
        let (mut server, mut client) = echoed(&listener, config, len).await;
        wait(server.recv());
        let state = size_of::<WebSocket<TcpStream>>() - size_of::<TcpStream>();
        let before = heap();
        let parts = server.into_inner();
        let owned = before - heap();
        println!("whole: {state} bytes of state, {owned} on the heap");
        assert!(parts.unread.capacity() == 0 && parts.unwritten.capacity() == 0);
        assert!(state + owned <= 512 + agreed, "{state} + {owned}");

        wait(client.recv());
        let before = heap();
        let (mut reader, _writer) = client.split();
        wait(reader.recv());
        let separating = heap() - before - tokio_split;
        // The reader's and the writer's hold on the transport are tokio's, too.
        let halves = size_of::<TransportRead>() + size_of::<TransportWrite>();
        let state = size_of::<Reader<Transport>>() + size_of::<Writer<Transport>>();
        let split = state + owned + separating - halves;
        println!("split: {state} of state, {owned} + {separating} on the heap, {halves} not ours");
        assert!(split <= 712 + agreed, "{split}");
    }
    // Between two calls no block of the thread's is kept, though there is more to receive.
    let before = heap();
    let mut sockets = Vec::new();
    for batch in [false, true].repeat(10) {
        let (mut peer, stream) = tokio::io::duplex(100);
        peer.write_all(&[0x81, 1, b'a', 0x81, 1, b'b', 0x81]).await.unwrap();
        let role = Role::Client(masking_key);
        let mut ws = WebSocket::from_raw(stream, role, [], &Config::default());
        if batch {
            let (mut events, _) = ws.batch().await.unwrap().unwrap();
            assert!(events.next().is_some());
        } else {
            assert!(ws.recv().await.unwrap().is_some());
        }
        sockets.push((peer, ws));
    }
    let each = (heap() - before) / sockets.len();
    assert!(each < 20_000, "{each}");
}
