//! What an idle connection holds: a few hundred bytes, and no buffer.
//!
//! Counted by an allocator, on a socket that has echoed a message and now waits. The memory that a
//! thread's sockets share, and what tokio needs for a TCP socket and its registration, are not ours.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowstring::handshake::ClientRequest;
use bowstring::net::{
    Incoming, Reader, Transport, TransportRead, TransportWrite, Writer, connect_with, masking_key,
};
use bowstring::proto::Role;
use bowstring::{Config, Prepared, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

fn heap() -> usize {
    dhat::HeapStats::get().curr_bytes
}

/// Polls a future until it waits, and drops it.
fn wait(future: impl Future<Output = impl Sized>) {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending));
}

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

/// The allocator counts for the whole process: one test at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn an_idle_connection_holds_at_most_512_bytes_of_ours_and_a_split_one_712() {
    let _alone = ALONE.lock().await;
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

/// S41: what a server sends to many lies in memory once, however little of it they take.
#[tokio::test(start_paused = true)]
async fn what_many_are_sent_is_one_copy() {
    let _alone = ALONE.lock().await;
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut members: Vec<_> = (0..100)
        .map(|_| {
            let (peer, stream) = tokio::io::duplex(1024);
            let ws = WebSocket::from_raw(stream, Role::Server, [], &Config::default());
            (peer, ws.split())
        })
        .collect();
    let before = heap();
    let message = Prepared::binary(&vec![7; 1 << 20]);
    for (_, (_, writer)) in &members {
        writer.feed(&message).await.unwrap();
        wait(writer.flush());
        assert!(writer.buffered() >= (1 << 20) - 1024);
    }
    let grown = heap() - before;
    println!("100 of 1 MiB: {grown} bytes");
    let bound = (1 << 20) + (64 << 10) + 100 * 2048;
    assert!(grown <= bound, "{grown}");
    // Nor do the pings that they are sent now, nor the close frames, make copies of it.
    tokio::time::advance(Duration::from_secs(21)).await;
    for (_, (reader, _)) in &mut members {
        wait(reader.recv());
    }
    let pinged = heap() - before;
    for (_, (reader, _)) in &mut members {
        reader.handle().close(1001, "");
        wait(reader.recv());
    }
    let closed = heap() - before;
    println!("with a ping behind it {pinged}, with a close frame {closed}");
    // The thread has a block to read into now.
    assert!(closed <= bound + (256 << 10), "{pinged} {closed}");
    // All the same it arrives whole, and what is behind it.
    let (peer, (reader, _)) = &mut members[0];
    let frame = [&b"\x82\x7f\0\0\0\0\0\x10\0\0"[..], &vec![7; 1 << 20], b"\x89\0\x88\x02\x03\xe9"];
    let mut heard = vec![0; frame.concat().len()];
    let reading = async { peer.read_exact(&mut heard).await.map(drop) };
    tokio::select!(read = reading => read.unwrap(), _ = reader.recv() => panic!("it waits for the answer"));
    assert!(heard == frame.concat());
}
