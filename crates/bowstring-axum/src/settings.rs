//! What an upgrade was told.

use bowstring::Config;
use bowstring::handshake::Origins;
use bowstring::net::Deflate;

/// The settings that an upgrade begins with: those of [`Config`], but messages of up to 64 MiB in frames of up to
/// 16 MiB, and pings and pongs are reported. That is so in axum.
///
/// ```
/// use std::time::Duration;
/// use bowstring_axum::{WebSocketUpgrade, default_config};
///
/// async fn handler(ws: WebSocketUpgrade) -> axum::response::Response {
///     let mut config = default_config();
///     config.limits.max_message_size = 64 * 1024;
///     config.timeouts.keep_alive = Some(Duration::from_secs(60));
///     ws.config(config).on_upgrade(async |_socket| {})
/// }
/// ```
pub fn default_config() -> Config {
    let mut config = Config::default();
    config.limits.max_message_size = 64 << 20;
    config.limits.max_frame_size = Some(16 << 20);
    config.report_pings = true;
    config
}

/// What was set. It changes the configuration that counts in the end, so the order of calls does not matter.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) config: Option<Config>,
    pub(crate) max_message_size: Option<usize>,
    pub(crate) max_frame_size: Option<usize>,
    pub(crate) high_water: Option<usize>,
    pub(crate) deflate: Option<Option<Deflate>>,
    pub(crate) origins: Option<Origins>,
    pub(crate) tls: Option<bool>,
    pub(crate) unmasked: bool,
}

impl Settings {
    /// The configuration of the connection; `base` unless one was set.
    pub(crate) fn config(&mut self, base: impl FnOnce() -> Config) -> Config {
        let mut config = self.config.take().unwrap_or_else(base);
        if let Some(max) = self.max_message_size {
            config.limits.max_message_size = max;
        }
        if let Some(max) = self.max_frame_size {
            config.limits.max_frame_size = Some(max);
        }
        if let Some(bytes) = self.high_water {
            config.high_water = bytes;
        }
        if let Some(deflate) = self.deflate {
            config.deflate = deflate;
        }
        config
    }
}
