//! The split socket: one task receives, others send.
//!
//! ```text
//! recipient                   one of many that a message goes to
//!   │
//! halves ── stall_timeout     Reader and Writer · how long a writer waits for a peer that takes nothing
//!   │ └── split_link          the reading task's way to write
//!   └─────────┤
//!       shared_writer         the writing direction, under one lock
//!     waker_set  pressure     the tasks that wait for it · those who want to know how full it is
//! ```
//!
//! `locked` splits transports of other crates.

pub(in crate::net) mod halves;
pub(in crate::net) mod locked;
pub(in crate::net) mod pressure;
pub(in crate::net) mod recipient;
pub(in crate::net) mod shared_writer;
pub(in crate::net) mod split_link;
pub(in crate::net) mod stall_timeout;
pub(in crate::net) mod waker_set;
