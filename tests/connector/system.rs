//! What only a system can show, over its loopback.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use bowstring::net::{OpeningStep, Transport, accept};
use bowstring::{Connector, Error};
use bowstring_testing::io::wait::soon;
use tokio::net::TcpListener;

/// A server that accepts one connection. Gives its port, and the address that the client came from.
async fn server() -> (u16, tokio::task::JoinHandle<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, from) = listener.accept().await.unwrap();
        let mut ws = accept(stream).await.unwrap();
        while let Ok(Some(_)) = ws.recv().await {}
        from
    });
    (port, serving)
}

/// A port where nobody listens. The socket keeps it from others.
fn closed_port() -> (std::net::TcpListener, SocketAddr) {
    // On an address of its own, so that the port is free for nobody else's use here.
    let listener = std::net::TcpListener::bind("127.0.0.3:0").unwrap();
    let address = SocketAddr::from(([127, 0, 0, 4], listener.local_addr().unwrap().port()));
    (listener, address)
}

#[tokio::test]
async fn a_refused_first_address_does_not_matter() {
    let (port, serving) = server().await;
    let (_held, closed) = closed_port();
    let there = SocketAddr::from(([127, 0, 0, 1], port));
    let connector = Connector::new().resolver(move |_, _| async move { Ok(vec![closed, there]) });
    let (ws, _) = soon("connecting", connector.connect("ws://server/")).await.unwrap();
    let Transport::Tcp(stream) = ws.get_ref() else { panic!("{ws:?}") };
    assert_eq!(stream.peer_addr().unwrap(), there);
    assert!(stream.nodelay().unwrap());
    drop(ws);
    serving.await.unwrap();

    let connector = Connector::new().resolver(move |_, _| async move { Ok(vec![closed]) });
    let opening = soon("connecting", connector.connect("ws://server/")).await;
    let Err(Error::Connect(tried)) = opening else { panic!("{opening:?}") };
    assert!(tried.is_refused());
    assert_eq!(tried.attempts()[0].address, closed);
}

#[tokio::test]
async fn from_a_local_address() {
    let (port, serving) = server().await;
    let four = SocketAddr::from(([127, 0, 0, 1], port));
    let six = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port));
    let local = Ipv4Addr::new(127, 0, 0, 9);
    let connector = Connector::new()
        .resolver(move |_, _| async move { Ok(vec![six, four]) })
        .local_address(local.into());
    let (ws, _) = soon("connecting", connector.connect("ws://server/")).await.unwrap();
    drop(ws);
    assert_eq!(serving.await.unwrap().ip(), local);

    // An address of a family without one is not tried.
    let connector = Connector::new()
        .resolver(move |_, _| async move { Ok(vec![six]) })
        .local_address(local.into());
    let opening = soon("connecting", connector.connect("ws://server/")).await;
    let Err(Error::Connect(tried)) = opening else { panic!("{opening:?}") };
    assert_eq!(tried.attempts()[0].error.kind(), ErrorKind::AddrNotAvailable);

    // Nor one that this machine has not.
    let connector = Connector::new().local_address([192, 0, 2, 1].into());
    let opening = soon("connecting", connector.connect(format!("ws://{four}/"))).await;
    let Err(Error::Connect(tried)) = opening else { panic!("{opening:?}") };
    assert_eq!(tried.attempts()[0].error.kind(), ErrorKind::AddrNotAvailable);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn by_an_interface() {
    let (port, serving) = server().await;
    let uri = format!("ws://127.0.0.1:{port}/");
    let unknown = Connector::new().interface("no-such-device");
    let opening = soon("connecting", unknown.connect(&uri)).await;
    let Err(Error::Connect(tried)) = opening else { panic!("{opening:?}") };
    assert_eq!(tried.attempts().len(), 1);
    soon("connecting", Connector::new().interface("lo").connect(&uri)).await.unwrap();
    serving.await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket() {
    let path =
        std::env::temp_dir().join(format!("bowstring-connector-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let connector = Connector::new()
        .resolver(|_, _| async { panic!("nothing is looked up") })
        .unix_socket(&path);
    let opening = soon("connecting", connector.connect("ws://server/chat")).await;
    let Err(Error::Opening(OpeningStep::Connect, error)) = opening else { panic!("{opening:?}") };
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        accept(stream).await.map(drop)
    });
    let (ws, _) = soon("connecting", connector.connect("ws://server/chat")).await.unwrap();
    assert!(matches!(ws.get_ref(), Transport::Unix(_)));
    serving.await.unwrap().unwrap();
    std::fs::remove_file(&path).unwrap();
}

/// A listener that lets nobody in drops what knocks: a black hole, as far as a client can tell.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_black_holed_first_address_costs_little() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 5], 0).into()).unwrap();
    // Linux keeps one connection more than it is told to.
    let full = socket.listen(0).unwrap();
    let black_hole = full.local_addr().unwrap();
    let _waiting = tokio::net::TcpStream::connect(black_hole).await.unwrap();

    let (port, serving) = server().await;
    let there = SocketAddr::from(([127, 0, 0, 1], port));
    let connector =
        Connector::new().resolver(move |_, _| async move { Ok(vec![black_hole, there]) });
    let start = std::time::Instant::now();
    let (ws, _) = soon("connecting", connector.connect("ws://server/")).await.unwrap();
    let Transport::Tcp(stream) = ws.get_ref() else { panic!("{ws:?}") };
    assert_eq!(stream.peer_addr().unwrap(), there);
    assert!(start.elapsed() >= std::time::Duration::from_millis(250), "the first did not answer");
    drop(ws);
    serving.await.unwrap();
}
