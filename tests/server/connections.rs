//! Lists of connections: to find one, send to it, close it, from the server's handle.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use bowstring::net::Transport;
use bowstring::server::{
    Accept, Answer, Connections, ListedConnection, Server, ServerConnection, ServerHandle,
};
use bowstring::{Error, Message, WebSocket};
use tokio::task::yield_now;

use super::running::{local, start};
use super::{close_of, drained, soon};

#[derive(Debug)]
struct User {
    name: String,
    path: String,
}

fn user(name: &str) -> User {
    User { name: name.to_owned(), path: format!("/of/{name}") }
}

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// Is in the list as long as it lives.
async fn listed<D: Send + Sync + 'static>(
    ws: ServerConnection<D>,
    list: Connections<D>,
) -> Result<(), Error> {
    let (mut reader, writer, data) = ws.split();
    let _listed = list.add(&reader, &writer, data);
    while reader.recv().await?.is_some() {}
    Ok(())
}

fn come<D: Send + Sync + 'static>(
    server: &ServerHandle,
    port: u16,
    data: D,
) -> WebSocket<Transport> {
    let list = server.connections();
    server.in_memory(Accept::new(data), peer(port), |ws| listed(ws, list)).unwrap()
}

async fn until_len<D>(list: &Connections<D>, len: usize) {
    soon("the list", async {
        while list.len() != len {
            yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_found_by_its_data_sent_to_and_closed_from_the_servers_handle() {
    let server = local().await.on_request(async |request| {
        let name = request.path().trim_start_matches('/').to_owned();
        Ok::<_, Answer>(Accept::new(User { name, path: request.path().to_owned() }))
    });
    let list = server.handle().connections();
    let running = start(server, move |ws| listed(ws, list.clone()));
    let mut ada = running.try_connect("/ada").await.unwrap();
    let users = running.handle.connections::<User>();
    until_len(&users, 1).await;
    let mut bob = running.try_connect("/bob").await.unwrap();
    until_len(&users, 2).await;

    let all: Vec<_> = users.list().iter().map(|user| user.data().path.clone()).collect();
    assert_eq!(all, ["/ada", "/bob"]);
    let found = users.find(|user| user.name == "bob").unwrap();
    assert!(
        matches!(found.peer(), bowstring::server::Peer::Tcp(address) if address.ip().is_loopback())
    );
    found.send("hello, bob").await.unwrap();
    assert_eq!(bob.recv().await.unwrap(), Some(Message::from("hello, bob")));
    assert!(users.find(|user| user.name == "eve").is_none());

    let id = users.find(|user| user.name == "ada").unwrap().id();
    assert_ne!(id, found.id());
    users.get(id).unwrap().close(1008, "you were asked to leave").await.unwrap();
    assert_eq!(close_of(&mut ada).await, (1008, "you were asked to leave".to_owned()));
    while ada.recv().await.unwrap().is_some() {}
    until_len(&users, 1).await;
    assert!(users.get(id).is_none());

    // All handles of a server share the list.
    assert_eq!(running.handle.clone().connections::<User>().len(), 1);
    drop(bob);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_not_in_the_list_and_its_data_is_dropped() {
    let server = Server::new().handle();
    let data = Arc::new(user("ada"));
    let weak: Weak<User> = Arc::downgrade(&data);
    let mut client = come(&server, 1, data);
    let users = server.connections::<Arc<User>>();
    until_len(&users, 1).await;
    let found: ListedConnection<_> = users.list().remove(0);
    client.close(1000, "bye").await.unwrap();
    drop(client);
    until_len(&users, 0).await;
    assert!(users.is_empty());
    // Who still holds it can read its data, and learns that the connection has ended.
    assert_eq!(found.data().name, "ada");
    let ended = found.send("too late").await;
    assert!(matches!(&ended, Err(Error::Closed(close)) if close.code == 1000), "{ended:?}");
    drop(found);
    assert!(weak.upgrade().is_none());
    assert_eq!(drained(&server).await.closed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_handler_leaves_the_list() {
    let server = Server::new().handle();
    let users = server.connections::<&str>();
    let list = users.clone();
    let failing = async move |ws: ServerConnection<&'static str>| {
        let (mut reader, writer, data) = ws.split();
        let here = list.add(&reader, &writer, data);
        let message = reader.recv().await?;
        assert!(message.is_none(), "{} panics", here.data());
        Ok::<_, Error>(())
    };
    let mut client = server.in_memory(Accept::new("ada"), peer(1), failing).unwrap();
    until_len(&users, 1).await;
    client.send("now").await.unwrap();
    assert_eq!(close_of(&mut client).await.0, 1011);
    until_len(&users, 0).await;
}

/// It looks at the list when it is dropped, and when it is asked: a lock that is held would never be free.
struct Curious(Connections<Curious>);

impl Drop for Curious {
    fn drop(&mut self) {
        assert!(self.0.len() < 2);
    }
}

#[tokio::test(start_paused = true)]
async fn none_of_the_applications_code_runs_under_the_lists_lock() {
    let server = Server::new().handle();
    let list = server.connections::<Curious>();
    let client = come(&server, 1, Curious(list.clone()));
    until_len(&list, 1).await;
    let found = list.find(|curious| {
        curious.0.list();
        curious.0.len() == 1
    });
    assert!(found.is_some());
    drop((found, client));
    until_len(&list, 0).await;
}

#[tokio::test(start_paused = true)]
async fn each_type_of_data_has_a_list_of_its_own() {
    let server = Server::new().handle();
    let _named = come(&server, 1, user("ada"));
    let _numbered = come(&server, 2, 7_u32);
    until_len(&server.connections::<User>(), 1).await;
    until_len(&server.connections::<u32>(), 1).await;
    assert_eq!(server.connections::<()>().len(), 0);
    assert_eq!(*server.connections::<u32>().list()[0].data(), 7);
    // Another server has other lists.
    assert!(Server::new().handle().connections::<u32>().is_empty());
}

#[tokio::test(start_paused = true)]
async fn connections_of_two_servers_may_be_in_one_list() {
    let list = Connections::new();
    let (one, other) = (Server::new().handle(), Server::new().handle());
    let come = |server: &ServerHandle, name| {
        let list = list.clone();
        server.in_memory(Accept::new(name), peer(1), |ws| listed(ws, list)).unwrap()
    };
    let (mut first, second) = (come(&one, "ada"), come(&other, "bob"));
    until_len(&list, 2).await;
    // Both are the first of their server.
    assert!(list.get(0).is_some());
    let all = list.list();
    assert_eq!(all.iter().map(ListedConnection::id).collect::<Vec<_>>(), [0, 0]);
    drop(second);
    until_len(&list, 1).await;
    list.get(0).unwrap().send("hello").await.unwrap();
    assert_eq!(first.recv().await.unwrap(), Some("hello".into()));
}

#[tokio::test(start_paused = true)]
async fn any_open_connection_can_be_closed_by_its_number() {
    let server = Server::new().handle();
    let whole = async |mut ws: ServerConnection| {
        while ws.recv().await?.is_some() {}
        Ok::<_, Error>(())
    };
    let mut one = server.in_memory(Accept::new(()), peer(1), whole).unwrap();
    let mut other = server.in_memory(Accept::new(()), peer(2), whole).unwrap();
    let place = server.admit(peer(3)).unwrap();
    soon("both", async {
        while server.open_connections().len() < 2 {
            yield_now().await;
        }
    })
    .await;
    let mut ids: Vec<_> = server.open_connections().into_iter().map(|(id, _)| id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1]);
    // It is admitted, and not open yet.
    assert!(server.connection(place.id()).is_none());
    drop(place);
    server.connection(1).unwrap().close(1008, "out").unwrap();
    assert_eq!(close_of(&mut other).await, (1008, "out".to_owned()));
    while other.recv().await.unwrap().is_some() {}
    drop(other);
    one.close(1000, "").await.unwrap();
    drop(one);
    assert_eq!(drained(&server).await.closed, 2);
    assert!(server.connection(1).is_none() && server.open_connections().is_empty());
}
