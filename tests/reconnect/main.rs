//! The client that comes back, in virtual time: pauses, ends, limits, the hook, what becomes of messages. A
//! function of the test stands in for the network. The pauses come from seeds.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod network;

mod cancel;
mod ends;
mod hook;
mod limits;
mod messages;
mod pauses;
mod soak;
mod states;
