//! Guides: how to do the things that most programs need.
//!
//! | guide | read it if |
//! |---|---|
//! | [Writing a client](client) | you connect to a server |
//! | [Going through a forward proxy](proxies) | your clients run where there is one |
//! | [A client that comes back](reconnecting) | your client is to stay connected |
//! | [Serving](serving) | you accept connections |
//! | [In axum](axum) | your program is served by axum |
//! | [In actix-web](actix) | your program is served by actix |
//! | [Two tasks on one socket](two_tasks) | one task receives while others send |
//! | [Back-pressure and slow peers](back_pressure) | a peer may read more slowly than you send |
//! | [Your own event loop](event_loop) | you do not use tokio |
#![cfg_attr(
    feature = "hyper",
    doc = "| [WebSockets in a server of hyper](hyper) | hyper reads your requests, over HTTP/1.1 or HTTP/2 |
| [WebSockets as a service or layer](tower) | your server is made of tower's services |"
)]
//! | [Testing your handlers](testing) | you want tests without a network |
//! | [Limits and hazards](limits) | your program faces the internet |
//! | [Known deviations and choices](choices) | you compare the crate with the RFC |
//!
//! The modules hold nothing but these pages. Each example in them is compiled and run by the tests,
//! unless it needs a server that is not there.

pub mod actix;
pub mod axum;
pub mod back_pressure;
pub mod choices;
pub mod client;
pub mod event_loop;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod limits;
pub mod proxies;
pub mod reconnecting;
pub mod serving;
pub mod testing;
#[cfg(feature = "hyper")]
pub mod tower;
pub mod two_tasks;
