//! The protocol core without I/O.
//!
//! | module | asks |
//! |---|---|
//! | `tables` | what each rule of §5–§8 makes of each row of bytes, cut everywhere, in both roles |
//! | `closing` | how a connection ends, by whom and when |
//! | `deadlines` | when a ping is due, what answers it, and who is given up |
//! | `pair` | what two ends say to each other in virtual time |
//! | `properties` | what holds for any bytes |
//! | `memory`, `large`, `lent` | what messages cost in memory, counted by the allocator |
//! | `messages` | what messages and texts are made of, and what they become |
//! | `prepared` | messages that are framed once and sent to many |

#[path = "../support/mod.rs"]
mod support;

mod closing;
mod deadlines;
mod large;
mod lent;
mod memory;
mod messages;
mod pair;
mod prepared;
mod properties;
mod tables;
