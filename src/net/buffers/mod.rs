//! Bytes and messages in memory: what was read, what waits to be written, and who lends the memory.
//!
//! ```text
//! frame_writer ── backlog     frames messages · messages that wait to be framed
//!      │
//! write_buffer  read_buffer   bytes that wait to be written · bytes that were read
//!      └──────┬─────┘
//!           pool              buffers that the sockets of a thread share
//! ```
//!
//! `offer` has the words for back-pressure; `published` frames messages for many. `traffic` counts messages and bytes.

pub(in crate::net) mod backlog;
pub(in crate::net) mod frame_writer;
pub(in crate::net) mod offer;
pub(in crate::net) mod pool;
pub(in crate::net) mod published;
pub(in crate::net) mod read_buffer;
#[cfg_attr(not(feature = "metrics"), path = "traffic_off.rs")]
pub(in crate::net) mod traffic;
pub(in crate::net) mod write_buffer;
