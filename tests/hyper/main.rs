//! WebSockets out of requests that hyper has read: bare hyper 1, over HTTP/1.1 and HTTP/2, without axum.

mod served;
mod support;
