//! §3–§4: the opening handshake as pure functions over bytes.
