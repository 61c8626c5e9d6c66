//! However a handler ends, its peer learns that it is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bowstring::handshake::ClientRequest;
use bowstring::net::{CloseInfo, Overflow, Transport, connect_over};
use bowstring::server::{Listener, Server, ServerConnection};
use bowstring::{CloseCode, Config, Error, Message, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::{close_of, local, soon, start, status, upgrade};

#[tokio::test]
async fn the_server_closes_what_a_handler_leaves() {
    let server = start(local().await, async |mut connection: ServerConnection| {
        let Some(message) = connection.recv().await.map_err(|error| error.to_string())? else {
            return Ok(());
        };
        match message.as_text() {
            Some("fail") => Err("it failed".to_owned()),
            Some("panic") => panic!("as it was told to"),
            Some("split") => {
                let (mut reader, writer, ()) = connection.split();
                writer.send("split").await.unwrap();
                assert_eq!(reader.recv().await.unwrap(), Some("go".into()));
                Ok(())
            }
            _ => Ok(()),
        }
    });
    for (text, code) in [("return", 1000), ("fail", 1011), ("panic", 1011), ("split", 1000)] {
        let mut ws = server.connect().await;
        ws.send(text).await.unwrap();
        if text == "split" {
            assert_eq!(ws.recv().await.unwrap(), Some("split".into()));
            ws.send("go").await.unwrap();
        }
        assert_eq!(close_of(&mut ws).await.0, code, "{text}");
        assert_eq!(soon("the end", ws.recv()).await.unwrap(), None, "{text}");
    }
    let report = server.end().await;
    assert_eq!((report.closed, report.failed, report.open), (4, 0, 0), "{report:?}");
    assert_eq!(report.handlers_failed, 2, "{report:?}");
}

/// An error that a handler passes on is its peer's doing if the connection had failed, and the server's
/// if it is draining. A panic is nobody else's.
#[tokio::test]
async fn handlers_that_failed_are_those_whose_peer_behaved() {
    let server = start(local().await, async |mut connection: ServerConnection| {
        match connection.recv().await? {
            Some(message) if message.as_text() == Some("drain") => {
                // Until the server is the one who closes.
                while let Some(message) = connection.recv().await? {
                    connection.send(message).await?;
                }
            }
            Some(message) if message.as_text() == Some("panic") => {
                while connection.recv().await?.is_some() {}
                panic!("as it was told to");
            }
            _ => {}
        }
        Ok::<_, Error>(())
    });
    let mut rude = server.asking(&upgrade("")).await;
    assert_eq!(status(&mut rude).await, "101");
    // A frame without a mask (§5.1).
    rude.write_all(&[0x81, 0]).await.unwrap();
    soon("the end", rude.read_to_end(&mut Vec::new())).await.unwrap();
    drop(rude);
    let mut ws = [server.connect().await, server.connect().await];
    ws[0].send("drain").await.unwrap();
    ws[1].send("panic").await.unwrap();
    server.open(2).await;
    assert_eq!(server.handle.report().handlers_failed, 0);
    ws[0].send("one more").await.unwrap();
    assert_eq!(ws[0].recv().await.unwrap(), Some("one more".into()));
    server.handle.drain();
    for ws in &mut ws {
        assert_eq!(close_of(ws).await.0, 1001);
        assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
    }
    let report = server.end().await;
    assert_eq!((report.closed, report.failed), (2, 1), "{report:?}");
    assert_eq!(report.handlers_failed, 1, "{report:?}");
}

/// Whoever leaves cannot be told anything more. That is not the handler's failure, though what it said
/// fails, and however it speaks and listens.
#[tokio::test]
async fn no_handler_fails_that_speaks_to_a_peer_that_leaves() {
    let server = start(local().await, async |mut connection: ServerConnection| {
        match connection.recv().await?.unwrap().as_text() {
            Some("until the close frame") => {
                while !connection.recv().await?.unwrap().is_close() {}
                connection.send("too late").await
            }
            Some("until the end") => {
                while connection.recv().await?.is_some() {}
                connection.send("too late").await
            }
            Some("listening elsewhere") => {
                let (mut reader, writer, ()) = connection.split();
                tokio::spawn(async move { while let Ok(Some(_)) = reader.recv().await {} });
                loop {
                    writer.send("tick").await?;
                    tokio::task::yield_now().await;
                }
            }
            // And listens no more.
            _ => loop {
                connection.send("tick").await?;
                tokio::task::yield_now().await;
            },
        }
    });
    for how in ["until the close frame", "until the end", "listening elsewhere"] {
        let mut ws = server.connect().await;
        ws.send(how).await.unwrap();
        ws.close(1000, "").await.unwrap();
    }
    server.open(0).await;
    let mut ws = server.connect().await;
    ws.send("until it is reset").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some("tick".into()));
    // What nobody has read when it is dropped makes the kernel reset the connection.
    let Transport::Tcp(stream) = ws.get_ref() else { panic!("{ws:?}") };
    stream.readable().await.unwrap();
    drop(ws);
    server.open(0).await;
    let report = server.end().await;
    assert_eq!((report.closed, report.failed), (3, 1), "{report:?}");
    assert_eq!(report.handlers_failed, 0, "{report:?}");
}

/// What has nothing to do with this connection is the handler's failure, even if it is another
/// connection's end.
#[tokio::test]
async fn a_handler_fails_by_the_end_of_another_connection() {
    let server = start(local().await, async |mut connection: ServerConnection| {
        connection.recv().await?;
        Err::<(), _>(Error::Lost)
    });
    let mut ws = server.connect().await;
    ws.send("go").await.unwrap();
    assert_eq!(close_of(&mut ws).await.0, 1011);
    assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
    assert_eq!(server.end().await.handlers_failed, 1);
}

/// Nor is it that a peer takes too little.
#[cfg(unix)]
#[tokio::test]
async fn no_handler_fails_whose_peer_is_closed_for_being_slow() {
    let mut config = Config::default();
    config.overflow = Overflow::Close(CloseCode::TRY_AGAIN_LATER);
    let dir = scratch("slow");
    let unix = Listener::bind_unix(dir.join("socket")).await.unwrap();
    let server = local().await.config(config).listen(unix);
    let server = start(server, async |mut connection: ServerConnection| {
        if connection.id() == 0 {
            loop {
                connection.feed(&[7; 10_000]).await?;
            }
        }
        let (mut reader, writer, ()) = connection.split();
        tokio::spawn(async move { while let Ok(Some(_)) = reader.recv().await {} });
        while let Ok(()) = writer.feed(&[7; 10_000]).await {}
        writer.feed("is it over?").await
    });
    for _ in 0..2 {
        let mut ws = local_client(&dir.join("socket")).await;
        let code = loop {
            match soon("a close frame", ws.recv()).await.unwrap().unwrap() {
                Message::Close(close) => break close.unwrap().code,
                _ => continue,
            }
        };
        assert_eq!(code, 1013);
        assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
    }
    server.open(0).await;
    let report = server.end().await;
    assert_eq!((report.closed, report.overflowed), (2, 2), "{report:?}");
    assert_eq!(report.handlers_failed, 0, "{report:?}");
    std::fs::remove_dir_all(&dir).unwrap();
}

/// A directory of this test's own.
#[cfg(unix)]
fn scratch(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("bowstring-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[cfg(unix)]
async fn local_client(path: &std::path::Path) -> WebSocket<Transport> {
    let stream = Transport::Unix(tokio::net::UnixStream::connect(path).await.unwrap());
    let request = ClientRequest::new("ws://localhost/".parse().unwrap());
    connect_over(stream, &request, &Config::default()).await.unwrap().0
}

#[tokio::test]
async fn what_was_sent_before_returning_arrives() {
    let server = start(local().await, async |mut connection: ServerConnection| {
        for number in 0..1000_u32 {
            connection.feed(&vec![number as u8; 1000]).await.unwrap();
        }
    });
    let mut ws = server.connect().await;
    for number in 0..1000_u32 {
        let message = soon("a message", ws.recv()).await.unwrap().unwrap();
        assert_eq!(message.as_bytes(), vec![number as u8; 1000]);
    }
    assert_eq!(close_of(&mut ws).await, (1000, String::new()));
}

#[tokio::test]
async fn a_connection_can_be_taken_away_or_closed_from_elsewhere() {
    let (give, mut given) = mpsc::unbounded_channel();
    let server = start(local().await, move |mut connection: ServerConnection| {
        let give = give.clone();
        async move {
            if connection.id() % 2 == 0 {
                give.send(connection.into_socket().0).unwrap();
                return;
            }
            let handle = connection.handle();
            tokio::spawn(async move { handle.close(4000, "you were asked to leave") });
            let mut last = None;
            while let Ok(Some(message)) = connection.recv().await {
                last = Some(message);
            }
            assert!(last.unwrap().is_close());
            let ended = connection.handle().ended().unwrap();
            assert_eq!((ended.clean, ended.code), (true, CloseCode::new(4000)), "{ended:?}");
        }
    });
    let mut taken = server.connect().await;
    let mut socket = given.recv().await.unwrap();
    socket.send("from elsewhere").await.unwrap();
    assert_eq!(taken.recv().await.unwrap(), Some("from elsewhere".into()));
    drop(socket);
    assert!(matches!(soon("the end", taken.recv()).await, Err(Error::Lost | Error::Io(_))));

    let mut closed = server.connect().await;
    let handle = closed.handle();
    assert_eq!(close_of(&mut closed).await, (4000, "you were asked to leave".into()));
    assert_eq!(soon("the end", closed.recv()).await.unwrap(), None);
    let CloseInfo { code, clean, .. } = handle.ended().unwrap();
    assert_eq!((code, clean), (CloseCode::new(4000), true));
    let report = server.end().await;
    assert_eq!((report.closed, report.dropped), (1, 1), "{report:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_and_several_listeners() {
    let dir = scratch("several");
    let path = dir.join("socket");
    let handed_in = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = handed_in.local_addr().unwrap();
    let unix = Listener::bind_unix(&path).await.unwrap();
    assert!(Listener::bind_unix(&path).await.is_err(), "somebody listens there");
    let server = local().await.listen(handed_in).listen(unix);
    assert_eq!(server.local_addrs().count(), 2);
    let server = start(server, crate::echo);
    let tcp = tokio::net::TcpStream::connect(other).await.unwrap();
    let local = tokio::net::UnixStream::connect(&path).await.unwrap();
    for stream in [Transport::Tcp(tcp), Transport::Unix(local)] {
        let request = ClientRequest::new("ws://localhost/".parse().unwrap());
        let (mut ws, _) = connect_over(stream, &request, &Default::default()).await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
        let (mut reader, writer) = ws.split();
        writer.send("split").await.unwrap();
        assert_eq!(reader.recv().await.unwrap(), Some("split".into()));
        reader.close(1000, "").await.unwrap();
    }
    assert_eq!(server.end().await.closed, 2);
    // What is left of a server that has ended is replaced; what is no socket is left alone.
    let file = dir.join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(Listener::bind_unix(&file).await.is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    drop(Listener::bind_unix(&path).await.unwrap());
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Within a runtime there can be no other. That is found before anybody is served.
#[test]
fn threads_are_not_for_within_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(local());
    let address = server.local_addrs().next().unwrap();
    let serving = async move { server.serve_on_threads(2.try_into().unwrap(), crate::echo) };
    let served = catch_unwind(AssertUnwindSafe(|| runtime.block_on(serving).unwrap()));
    assert!(served.is_err());
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens there");
}

#[test]
fn threads_share_the_listeners() {
    use std::sync::mpsc::channel;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (shared, also) = runtime.block_on(async {
        let first = Listener::bind_shared("127.0.0.1:0").await.unwrap();
        let address = first.local_addr().unwrap();
        (first, Listener::bind_shared(address).await.unwrap())
    });
    let server = Server::new().listen(shared).listen(also);
    let address = server.local_addrs().next().unwrap();
    let (handle, (tell, told)) = (server.handle(), channel());
    let serving = std::thread::spawn(move || {
        server.serve_on_threads(3.try_into().unwrap(), move |connection: ServerConnection| {
            tell.send(std::thread::current().id()).unwrap();
            crate::echo(connection)
        })
    });
    runtime.block_on(async {
        for _ in 0..30 {
            let uri = format!("ws://{address}/");
            let (mut ws, _) = bowstring::connect(&uri).await.unwrap();
            ws.send("hello").await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
            ws.close(1000, "").await.unwrap();
        }
    });
    handle.drain();
    assert_eq!(serving.join().unwrap().unwrap().closed, 30);
    assert_eq!(told.iter().count(), 30);
}

/// A handler learns at once that its peer broke a rule. The server's task then reads on, so that a peer
/// that writes 64 MiB before it reads comes to the close frame.
#[tokio::test]
async fn a_peer_that_uploads_after_its_violation_still_reads_why() {
    let server = start(local().await, async |mut connection: ServerConnection| {
        while connection.recv().await?.is_some() {}
        Ok::<_, Error>(())
    });
    let mut stream = server.connect().await.into_inner().stream;
    soon("the violation", stream.write_all(&[0x83, 0x80, 0, 0, 0, 0])).await.unwrap();
    let block = vec![0x55; 1 << 20];
    for _ in 0..64 {
        soon("room", stream.write_all(&block)).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    let mut received = Vec::new();
    soon("the end", stream.read_to_end(&mut received)).await.unwrap();
    assert_eq!((received[0], &received[2..4]), (0x88, &1002u16.to_be_bytes()[..]));
    assert_eq!(received.len(), 2 + usize::from(received[1]));
    let report = server.end().await;
    assert_eq!((report.failed, report.violations, report.handlers_failed), (1, 1, 0), "{report:?}");
}

/// A peer that falls silent is counted apart from one whose transport ends.
#[tokio::test]
async fn a_peer_that_answers_no_ping_is_counted_as_a_timeout() {
    let mut config = Config::default();
    config.timeouts.keep_alive = Some(Duration::from_millis(20));
    config.timeouts.pong = Duration::from_millis(20);
    let server = start(local().await.config(config), async |mut connection: ServerConnection| {
        while connection.recv().await?.is_some() {}
        Ok::<_, Error>(())
    });
    let mut silent = server.connect().await.into_inner().stream;
    let mut received = Vec::new();
    soon("the end", silent.read_to_end(&mut received)).await.unwrap();
    assert_eq!(received[0], 0x89, "a ping comes first");
    drop(server.connect().await);
    let report = server.end().await;
    assert_eq!((report.failed, report.timeouts, report.violations), (2, 1, 0), "{report:?}");
}
