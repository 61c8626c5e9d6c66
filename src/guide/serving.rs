//! Serving.
//!
//! # One call
//!
//! A [`Server`](crate::server::Server) accepts connections, makes the opening handshake, and gives each
//! connection to your handler in a task of its own.
//!
//! ```sh
//! cargo add bowstring --features server
//! cargo add tokio --features macros,rt-multi-thread,signal,time
//! ```
//!
//! ```no_run
//! use bowstring::{Error, server::{Server, ServerConnection}};
//!
//! async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
//!     while let Some(message) = ws.recv().await? {
//!         ws.feed(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     Server::bind("127.0.0.1:9001").await?.serve(echo).await;
//!     Ok(())
//! }
//! ```
//!
//! `recv` and `feed` are the fast pair: answers are written together, when the next `recv` has to wait. Use
//! `send` where the peer must have a message before your handler goes on.
//!
//! A handler that returns closes its connection with 1000. One that fails or panics closes it with 1011. To choose
//! the code, call [`close`](crate::WebSocket::close) before you return. A connection that is dropped is closed at
//! once, even if the handler goes on.
//!
//! # Look at the request first
//!
//! [`on_request`](crate::server::Server::on_request) takes a hook. It sees every request that is legal,
//! before the answer goes out. It accepts, with data for the handler, or it gives another answer.
//! Plain HTTP requests come to it too, so it can answer a health check.
//!
//! ```no_run
//! use bowstring::server::{Accept, Answer, Request, Server, ServerConnection};
//! use bowstring::http::StatusCode;
//!
//! async fn hook(request: Request) -> Result<Accept<String>, Answer> {
//!     if request.path() == "/health" {
//!         return Err(Answer::new(StatusCode::OK).text("well\n"));
//!     }
//!     match request.bearer().and_then(name_of) {
//!         Some(user) => Ok(Accept::new(user)),
//!         None => Err(StatusCode::UNAUTHORIZED.into()),
//!     }
//! }
//!
//! async fn greet(mut ws: ServerConnection<String>) -> Result<(), bowstring::Error> {
//!     let greeting = format!("hello, {}", ws.data);
//!     ws.send(greeting).await?;
//!     while ws.recv().await?.is_some() {}
//!     Ok(())
//! }
//!
//! # fn name_of(_token: &str) -> Option<String> { None }
//! # async fn example() -> std::io::Result<()> {
//! Server::bind("127.0.0.1:9001").await?.on_request(hook).serve(greet).await;
//! # Ok(())
//! # }
//! ```
//!
//! A hook or handler that needs state of yours is a closure that clones it for each call, as in the next
//! example.
//!
//! # One message to many
//!
//! A [`Topic`](crate::server::Topic) sends a message to all its subscribers. Subscribe with the
//! [`Writer`](crate::net::Writer) of a split connection. The subscription ends when its value is dropped.
//!
//! ```no_run
//! use bowstring::{Error, Message, Prepared};
//! use bowstring::server::{Server, ServerConnection, Topic};
//!
//! async fn member(connection: ServerConnection, room: Topic) -> Result<(), Error> {
//!     let (mut reader, writer, _data) = connection.split();
//!     let _subscription = room.subscribe(&writer);
//!     while let Some(message) = reader.recv().await? {
//!         if let Message::Text(text) = message {
//!             room.publish(&Prepared::text(&text));
//!         }
//!     }
//!     Ok(())
//! }
//!
//! # async fn example() -> std::io::Result<()> {
//! let room = Topic::new();
//! Server::bind("127.0.0.1:9001").await?.serve(move |ws| member(ws, room.clone())).await;
//! # Ok(())
//! # }
//! ```
//!
//! `publish` never waits. What happens to a member who reads too slowly is decided by
//! [`Config::overflow`](crate::Config::overflow): see [Back-pressure](super::back_pressure). A topic can keep data of
//! its subscribers, and publish to all but one. The example `chat` is a chat with rooms.
//!
//! # One connection of many
//!
//! [`Connections`](crate::server::Connections) is a list of connections, each with data of yours. A handler puts its
//! connection in, and any task that has a [`ServerHandle`](crate::server::ServerHandle) finds it there, sends to it, or
//! closes it. Connections that no handler puts into a list cost nothing.
//!
//! ```no_run
//! use bowstring::{Error, server::{Accept, Connections, Server, ServerConnection}};
//!
//! struct User { name: String }
//!
//! async fn serve(ws: ServerConnection<User>, users: Connections<User>) -> Result<(), Error> {
//!     let (mut reader, writer, user) = ws.split();
//!     let listed = users.add(&reader, &writer, user);
//!     while let Some(message) = reader.recv().await? {
//!         println!("{}: {message:?}", listed.data().name);
//!     }
//!     Ok(())
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind("127.0.0.1:9001").await?.on_request(async |request| {
//!     Ok(Accept::new(User { name: request.path().to_owned() }))
//! });
//! let handle = server.handle();
//! let users = handle.connections::<User>();
//! tokio::spawn(server.serve(move |ws| serve(ws, users.clone())));
//!
//! for user in handle.connections::<User>().list() {
//!     println!("{} {} {}", user.id(), user.peer(), user.data().name);
//! }
//! if let Some(ada) = handle.connections::<User>().find(|user| user.name == "/ada") {
//!     ada.send("hello, ada").await?;
//!     ada.close(1008, "you were asked to leave").await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Any open connection can be closed by its number, in a list or not: see
//! [`ServerHandle::connection`](crate::server::ServerHandle::connection).
//!
//! # The end
//!
//! A server drains when the future given to [`drain_on`](crate::server::Server::drain_on) resolves, or when
//! a [`ServerHandle`](crate::server::ServerHandle) says so. From then on it accepts no connection. It writes what
//! is framed, and sends 1001 to all peers. After [`drain_within`](crate::server::Server::drain_within)
//! (10 s) the rest is cut off. [`drain_close`](crate::server::Server::drain_close) sets another close frame. The
//! example `drain` shows it with signals.
//!
//! [`serve`](crate::server::Server::serve) returns a [`Report`](crate::server::Report): how connections have ended, and
//! why requests were refused. A `ServerHandle` gives it at any time.
//!
//! # Several threads
//!
//! [`serve`](crate::server::Server::serve) runs on the runtime that you have.
//! [`serve_on_threads`](crate::server::Server::serve_on_threads) makes a runtime for each thread and spreads
//! the connections over them; a connection stays on its thread.
//!
//! # TLS
//!
//! With the feature `rustls-tls`, `Server::tls` takes a certificate and a key from PEM files, and
//! `Tls::reload` reads them again while the server runs. The example `tls` shows a server and its client.
//!
//! # WebSockets of another HTTP server
//!
//! hyper, axum or actix may accept the connections, and a `Server` still gives them its limits, deadlines, draining,
//! lists and report. Such a server needs no listeners. Its handle admits a connection before the answer, and adopts it
//! after that:
//!
//! | step | what it does |
//! |---|---|
//! | [`admit`](crate::server::ServerHandle::admit) | takes a place, or says 503 or 429 |
//! | [`check_origin`](crate::server::Permit::check_origin) | refuses pages of other sites with 403 |
//! | [`config`](crate::server::Permit::config) | has the settings for the answer and the socket |
//! | [`adopt`](crate::server::Permit::adopt) | runs the handler on the socket, in a task of its own |
//!
//! Here the opening handshake is made by [`Incoming`](crate::net::Incoming). With the feature `hyper` it is
//! `hyper::Upgrading`, and with axum the crate `bowstring-axum` does all of it. For actix there is
//! [a page](super::actix).
//!
//! ```no_run
//! use bowstring::net::{Incoming, Transport};
//! use bowstring::server::{Server, ServerConnection, ServerHandle};
//! use bowstring::Error;
//!
//! async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
//!     while let Some(message) = ws.recv().await? {
//!         ws.feed(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! async fn request(stream: tokio::net::TcpStream, server: ServerHandle) -> Result<(), Error> {
//!     let peer = stream.peer_addr()?;
//!     let permit = match server.admit(peer) {
//!         Ok(permit) => permit,
//!         Err(error) => {
//!             let incoming = Incoming::read(stream, &Default::default()).await?;
//!             return incoming.respond(bowstring::http::Response::<String>::from(error)).await;
//!         }
//!     };
//!     let incoming = Incoming::read(Transport::from(stream), permit.config()).await?;
//!     permit.adopt(incoming.accept(), echo);
//!     Ok(())
//! }
//!
//! # async fn example() -> std::io::Result<()> {
//! let server = Server::new().handle();
//! // …
//! server.drain();
//! println!("{:?}", server.drained().await);
//! # Ok(())
//! # }
//! ```
//!
//! [`drain`](crate::server::ServerHandle::drain) closes adopted connections with 1001.
//! [`drained`](crate::server::ServerHandle::drained) waits for them, and aborts what is left at the deadline. Over HTTP/2
//! a graceful shutdown of the HTTP server waits for the last WebSocket, so drain at the same time: give
//! [`draining`](crate::server::ServerHandle::draining) to it. Over HTTP/1.1 it does not wait, so await `drained` before
//! the program ends.
//!
//! # Without the server
//!
//! [`accept`](crate::accept) makes the opening handshake over any stream.
//! [`Incoming`](crate::net::Incoming) lets you look at the request before you answer. After an upgrade by an
//! HTTP server of another crate, [`WebSocket::from_raw`](crate::WebSocket::from_raw) takes the stream.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
//! loop {
//!     let (stream, _address) = listener.accept().await?;
//!     tokio::spawn(async move {
//!         let mut ws = bowstring::accept(stream).await?;
//!         while let Some(message) = ws.recv().await? {
//!             ws.feed(message).await?;
//!         }
//!         Ok::<_, bowstring::Error>(())
//!     });
//! }
//! # }
//! ```
//!
//! `accept` and `Incoming` do not look at `Origin`, so a page of any site may connect with its visitor's
//! cookies. Ask [`Origins`](crate::handshake::Origins) where that matters; the `Server` does.
