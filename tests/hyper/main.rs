//! WebSockets out of requests that hyper has read: bare hyper 1, over HTTP/1.1 and HTTP/2, without axum.
//!
//! Both ends are in memory, and the clock stands still, so a test waits for facts alone.

mod ends;
mod paused;
mod pending;
mod refused;
mod served;
mod shape;
mod shutdown;
mod support;
