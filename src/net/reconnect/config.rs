//! The settings of a client that comes back.

use std::time::Duration;

/// When a [`ReconnectingWebSocket`](super::client::ReconnectingWebSocket) comes back, how often, and what it keeps.
///
/// ```
/// use std::time::Duration;
/// use bowstring::net::ReconnectConfig;
///
/// let mut config = ReconnectConfig::default();
/// config.cap = Duration::from_secs(20);
/// config.max_time = Some(Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReconnectConfig {
    /// The longest first pause. Default 1 s.
    ///
    /// Each pause is random, from nothing up to a limit (full jitter): when a server fails, its clients must not
    /// come back all at once (§7.2.3). The limit is `base` at first and doubles with every attempt.
    pub base: Duration,
    /// The longest pause of all. Default 60 s. What a server asks for may be longer.
    pub cap: Duration,
    /// A connection that lasts so long is a success: after it, pauses and attempts count anew. Default 10 s.
    pub stable_after: Duration,
    /// The longest pause that a server may ask for. Default 1 hour.
    pub max_retry_after: Duration,
    /// The shortest and the longest pause after a close with 1012 (the service restarts). Default 5 s and 30 s, as
    /// the code is registered.
    pub restart_pause: (Duration, Duration),
    /// The shortest and the longest pause after a close with 1013 (the server is overloaded). Default 30 s and
    /// 60 s.
    pub overload_pause: (Duration, Duration),
    /// How many attempts in a row may fail. Default `None`: any number.
    ///
    /// A connection that did not [last](Self::stable_after) counts as a failed attempt.
    pub max_attempts: Option<u32>,
    /// How long there may be no connection. Default `None`: for ever.
    ///
    /// No attempt begins later than that after the last connection ended.
    pub max_time: Option<Duration>,
    /// How long an attempt may take, with the hook. Default 30 s.
    pub attempt_timeout: Duration,
    /// What happens to messages while there is no connection. Default: they are kept.
    pub unsent: Unsent,
    /// How many messages are kept at most. Default 4096.
    ///
    /// They are kept from when they are sent until it is known that they have arrived.
    pub max_kept_messages: usize,
    /// How many bytes of messages are kept at most. One message may go beyond it. Default 1 MiB.
    ///
    /// To know that messages have arrived takes a round trip. So this limits how much is sent per round trip.
    pub max_kept_bytes: usize,
}

/// What happens to messages that are not yet sent while there is no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// They are kept for the next connection, within
    /// [`max_kept_messages`](ReconnectConfig::max_kept_messages) and
    /// [`max_kept_bytes`](ReconnectConfig::max_kept_bytes). Without room, the sender waits.
    #[default]
    Keep,
    /// They are dropped and [counted](super::client::ReconnectingWebSocket::dropped): what is old is of no use.
    Drop,
}

impl Default for ReconnectConfig {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            base: secs(1),
            cap: secs(60),
            stable_after: secs(10),
            max_retry_after: secs(3600),
            restart_pause: (secs(5), secs(30)),
            overload_pause: (secs(30), secs(60)),
            max_attempts: None,
            max_time: None,
            attempt_timeout: secs(30),
            unsent: Unsent::Keep,
            max_kept_messages: 4096,
            max_kept_bytes: 1 << 20,
        }
    }
}
