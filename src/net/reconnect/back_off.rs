//! How long to wait before the next attempt (§7.2.3). Pure: randomness is an argument.

use std::time::Duration;

use super::config::ReconnectConfig;
use super::disconnect::Retry;

/// How many attempts in a row have led to no connection that lasted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BackOff {
    attempts: u32,
}

impl BackOff {
    /// Notes that an attempt begins, and gives its number: 1 is the first.
    pub(super) fn note_attempt(&mut self) -> u32 {
        self.attempts = self.attempts.saturating_add(1);
        self.attempts
    }

    /// Notes that a connection has lasted: it begins anew.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    pub(super) fn attempts(self) -> u32 {
        self.attempts
    }

    /// The pause before the next attempt; `random` is from 0 up to 1. `None`: there is none.
    pub(super) fn pause(
        self,
        retry: Retry,
        config: &ReconnectConfig,
        random: f64,
    ) -> Option<Duration> {
        let part = |of: Duration| {
            // What is no number from 0 to 1 counts as one of the two.
            let part = of.as_secs_f64() * if random > 0.0 { random.min(1.0) } else { 0.0 };
            Duration::try_from_secs_f64(part).unwrap_or(of).min(of)
        };
        // The first attempt after a connection that lasted, and the second after the first, wait for up to `base`.
        let doublings = self.attempts.saturating_sub(1);
        let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
        let most = config.base.saturating_mul(factor).min(config.cap);
        let jitter = part(most);
        Some(match retry {
            Retry::Never => return None,
            Retry::BackOff => jitter,
            // Many clients may be asked for the same pause: they still come back one after another.
            Retry::After(asked) => asked.min(config.max_retry_after).saturating_add(jitter),
            Retry::Between(least, most) => {
                let least = least.min(config.max_retry_after);
                let spread = most.min(config.max_retry_after).saturating_sub(least);
                // If it goes on failing, the back-off is longer than what was asked for.
                (least + part(spread)).max(jitter)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn the_most_doubles_up_to_the_cap() {
        let config = ReconnectConfig::default();
        let mut back_off = BackOff::default();
        let most = |back_off: BackOff| back_off.pause(Retry::BackOff, &config, 1.0).unwrap();
        assert_eq!(most(back_off), secs(1));
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            back_off.note_attempt();
            assert_eq!(most(back_off), secs(expected));
            assert_eq!(back_off.pause(Retry::BackOff, &config, 0.0), Some(Duration::ZERO));
            assert_eq!(back_off.pause(Retry::BackOff, &config, 0.5), Some(secs(expected) / 2));
        }
        assert_eq!(most(BackOff { attempts: u32::MAX }), secs(60));
        back_off.reset();
        assert_eq!(most(back_off), secs(1));
        assert_eq!(back_off.note_attempt(), 1);
    }

    #[test]
    fn no_setting_is_too_large() {
        let config = ReconnectConfig {
            base: Duration::MAX,
            cap: Duration::MAX,
            max_retry_after: Duration::MAX,
            ..ReconnectConfig::default()
        };
        for retry in [
            Retry::BackOff,
            Retry::After(Duration::MAX),
            Retry::Between(Duration::ZERO, Duration::MAX),
            Retry::Between(Duration::MAX, Duration::ZERO),
        ] {
            assert_eq!(BackOff { attempts: 5 }.pause(retry, &config, 1.0), Some(Duration::MAX));
        }
    }

    #[test]
    fn what_the_server_asks_for_is_kept_up_to_a_limit() {
        let config = ReconnectConfig::default();
        let back_off = BackOff { attempts: 1 };
        for (retry, random, pause) in [
            (Retry::After(secs(100)), 0.0, Some(secs(100))),
            (Retry::After(secs(100)), 1.0, Some(secs(101))),
            (Retry::After(Duration::MAX), 1.0, Some(secs(3601))),
            (Retry::Between(secs(5), secs(30)), 0.0, Some(secs(5))),
            (Retry::Between(secs(5), secs(30)), 1.0, Some(secs(30))),
            (Retry::Between(secs(30), secs(5)), 1.0, Some(secs(30))),
            (Retry::Between(secs(5), Duration::MAX), 1.0, Some(secs(3600))),
            (Retry::Between(Duration::ZERO, Duration::ZERO), 0.5, Some(secs(1) / 2)),
            (Retry::Never, 0.5, None),
            // A generator out of its range changes nothing.
            (Retry::BackOff, 7.0, Some(secs(1))),
            (Retry::BackOff, -1.0, Some(Duration::ZERO)),
            (Retry::BackOff, f64::NAN, Some(Duration::ZERO)),
            (Retry::BackOff, f64::INFINITY, Some(secs(1))),
        ] {
            assert_eq!(back_off.pause(retry, &config, random), pause, "{retry:?} {random}");
        }
    }
}
