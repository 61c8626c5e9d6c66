//! The tokio layer over transports that follow a script, in virtual time: corking, the end in all
//! its forms, cancellation, deadlines, two tasks, back-pressure, the opening handshake, and other
//! implementations as peers. A test named `sNN_` answers the attack of that number.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[path = "../support/scripted.rs"]
mod scripted;
mod support;

mod byte_stream;
mod cancel;
mod deadlines;
mod doors;
mod ends;
mod faults;
mod handle;
mod interop;
mod large;
mod opening;
mod parts;
mod pressure;
mod random;
mod socket;
mod split;
mod writers;
