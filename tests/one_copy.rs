//! What is sent to many lies in memory once, as an allocator counts it for the whole process.

mod heap;

use std::time::Duration;

use bowstring::proto::Role;
use bowstring::{Config, Prepared, WebSocket};
use heap::{heap, wait};
use tokio::io::AsyncReadExt;

/// S41: what a server sends to many lies in memory once, however little of it they take.
#[tokio::test(start_paused = true)]
async fn what_many_are_sent_is_one_copy() {
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
        reader.handle().close(1001, "").unwrap();
        wait(reader.recv());
    }
    let closed = heap() - before;
    println!("with a ping after it {pinged}, with a close frame {closed}");
    // The thread has a block to read into now.
    assert!(closed <= bound + (256 << 10), "{pinged} {closed}");
    // All the same it arrives whole, and so does what comes after it.
    let (peer, (reader, _)) = &mut members[0];
    let frame = [&b"\x82\x7f\0\0\0\0\0\x10\0\0"[..], &vec![7; 1 << 20], b"\x89\0\x88\x02\x03\xe9"];
    let mut heard = vec![0; frame.concat().len()];
    let reading = async { peer.read_exact(&mut heard).await.map(drop) };
    tokio::select!(read = reading => read.unwrap(), _ = reader.recv() => panic!("it waits for the answer"));
    assert!(heard == frame.concat());
}
