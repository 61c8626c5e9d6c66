//! Guides: how to do the things that most programs need.
//!
//! | guide | read it if |
//! |---|---|
//! | [Writing a client](client) | you connect to a server |
//! | [Going through a forward proxy](proxies) | your clients run where there is one |
//! | [A client that comes back](reconnecting) | your client is to stay connected |
//! | [Serving](serving) | you accept connections |
//! | [In axum](axum) | your program is served by axum |
//! | [Two tasks on one socket](two_tasks) | one task receives while others send |
//! | [Back-pressure and slow peers](back_pressure) | a peer may read more slowly than you send |
//! | [Your own event loop](event_loop) | you do not use tokio |
//! | [Testing your handlers](testing) | you want tests without a network |
//! | [Limits and hazards](limits) | your program faces the internet |
//! | [Known deviations and choices](choices) | you compare the crate with the RFC |
//!
//! The modules hold nothing but these pages. Each example in them is compiled and run by the tests,
//! unless it needs a server that is not there.

pub mod axum;
pub mod back_pressure;
pub mod choices;
pub mod client;
pub mod event_loop;
pub mod limits;
pub mod proxies;
pub mod reconnecting;
pub mod serving;
pub mod testing;
pub mod two_tasks;
