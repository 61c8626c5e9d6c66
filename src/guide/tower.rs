//! WebSockets as a service or a layer of tower.
//!
//! Servers that are made of tower's services need no adapter of ours. [`Upgrading`](crate::hyper::Upgrading) takes a
//! request with any body, and gives a response without one. A service maps it to its own type of body.
//!
//! # A service
//!
//! ```
//! use std::convert::Infallible;
//! use std::future::{Ready, ready};
//! use std::task::{Context, Poll};
//!
//! use bowstring::hyper::{Rejection, Upgrading};
//! use bowstring::{Config, Error};
//! use http::{Request, Response};
//! use tower_service::Service;
//!
//! /// Echoes, whatever the path.
//! #[derive(Clone)]
//! struct Echo {
//!     config: Config,
//! }
//!
//! impl<B> Service<Request<B>> for Echo {
//!     type Response = Response<String>;
//!     type Error = Infallible;
//!     type Future = Ready<Result<Self::Response, Infallible>>;
//!
//!     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn call(&mut self, mut request: Request<B>) -> Self::Future {
//!         let answer = self.upgrade(&mut request);
//!         ready(Ok(answer.unwrap_or_else(Rejection::into_response)))
//!     }
//! }
//!
//! impl Echo {
//!     fn upgrade<B>(&self, request: &mut Request<B>) -> Result<Response<String>, Rejection> {
//!         let (response, pending) = Upgrading::from_request(request)?.accept(&self.config)?;
//!         tokio::spawn(async move {
//!             let mut ws = pending.await?;
//!             while let Some(message) = ws.recv().await? {
//!                 ws.feed(message).await?;
//!             }
//!             Ok::<(), Error>(())
//!         });
//!         Ok(response.map(|()| String::new()))
//!     }
//! }
//!
//! // A request that is none.
//! let mut echo = Echo { config: Config::default() };
//! let request = Request::get("/").header("Host", "example.com").body(()).unwrap();
//! let response = echo.call(request).into_inner().unwrap();
//! assert_eq!(response.status(), 426);
//! ```
//!
//! `TowerToHyperService` of `hyper-util` makes a service of hyper of it. A router of axum takes it with
//! `route_service`, which passes every method on: see the page on [hyper](super::hyper) for why that matters.
//!
//! # A layer
//!
//! A layer answers some requests and passes the others on to the service inside. This one takes those that ask for a
//! WebSocket at one path. It adopts them for a [`Server`](crate::server::Server), so they are limited, counted and
//! drained.
//!
//! ```
//! use std::future::Future;
//! use std::net::SocketAddr;
//! use std::pin::Pin;
//! use std::task::{Context, Poll};
//!
//! use bowstring::Error;
//! use bowstring::hyper::{Rejection, Upgrading, wants_websocket};
//! use bowstring::server::{Server, ServerConnection, ServerHandle};
//! use http::{Request, Response};
//! use tower_layer::Layer;
//! use tower_service::Service;
//!
//! #[derive(Clone)]
//! struct WebSockets {
//!     path: &'static str,
//!     server: ServerHandle,
//! }
//!
//! impl<S> Layer<S> for WebSockets {
//!     type Service = WithWebSockets<S>;
//!
//!     fn layer(&self, inner: S) -> WithWebSockets<S> {
//!         WithWebSockets { layer: self.clone(), inner }
//!     }
//! }
//!
//! #[derive(Clone)]
//! struct WithWebSockets<S> {
//!     layer: WebSockets,
//!     inner: S,
//! }
//!
//! impl<S, B, C> Service<Request<B>> for WithWebSockets<S>
//! where
//!     S: Service<Request<B>, Response = Response<C>>,
//!     S::Future: Send + 'static,
//!     S::Error: Send + 'static,
//!     C: From<String> + Send + 'static,
//! {
//!     type Response = Response<C>;
//!     type Error = S::Error;
//!     type Future = Pin<Box<dyn Future<Output = Result<Response<C>, S::Error>> + Send>>;
//!
//!     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
//!         self.inner.poll_ready(cx)
//!     }
//!
//!     fn call(&mut self, mut request: Request<B>) -> Self::Future {
//!         if request.uri().path() != self.layer.path || !wants_websocket(&request) {
//!             return Box::pin(self.inner.call(request));
//!         }
//!         let answer = self.layer.upgrade(&mut request).unwrap_or_else(Rejection::into_response);
//!         Box::pin(std::future::ready(Ok(answer.map(C::from))))
//!     }
//! }
//!
//! impl WebSockets {
//!     fn upgrade<B>(&self, request: &mut Request<B>) -> Result<Response<String>, Rejection> {
//!         let upgrading = Upgrading::from_request(request)?;
//!         // Where your server notes it; axum has `ConnectInfo`.
//!         let peer = request.extensions().get::<SocketAddr>().copied();
//!         let permit = match self.server.admit(peer.unwrap_or(([0, 0, 0, 0], 0).into())) {
//!             Ok(permit) => permit.path(self.path),
//!             Err(error) => return Ok(Response::<String>::from(error)),
//!         };
//!         let (response, pending) = upgrading.accept(permit.config())?;
//!         permit.adopt(pending, echo);
//!         Ok(response.map(|()| String::new()))
//!     }
//! }
//!
//! async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
//!     while let Some(message) = ws.recv().await? {
//!         ws.feed(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! # #[derive(Clone)]
//! # struct Page;
//! # impl Service<Request<()>> for Page {
//! #     type Response = Response<String>;
//! #     type Error = std::convert::Infallible;
//! #     type Future = std::future::Ready<Result<Response<String>, Self::Error>>;
//! #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
//! #         Poll::Ready(Ok(()))
//! #     }
//! #     fn call(&mut self, _: Request<()>) -> Self::Future {
//! #         std::future::ready(Ok(Response::new("a page".to_owned())))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let layer = WebSockets { path: "/live", server: Server::new().handle() };
//! let mut service = layer.layer(Page);
//! let page = service.call(Request::get("/").body(()).unwrap()).await.unwrap();
//! assert_eq!(page.body(), "a page");
//! # let wrong = Request::get("/live").header("Upgrade", "websocket").body(()).unwrap();
//! # assert_eq!(service.call(wrong).await.unwrap().status(), 400);
//! # }
//! ```
//!
//! Layers around it see the request and the answer, and nothing of the messages. A layer that limits how long a
//! request may take does not end the socket: its request is over once the answer is out. A layer that compresses
//! bodies has nothing to compress; messages are compressed by [`deflate`](crate::Config::deflate).
