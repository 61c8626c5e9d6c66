//! §5–§8 as a state machine: bytes in, events out; events in, bytes out.
