//! WebSockets in axum.
