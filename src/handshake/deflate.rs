//! Negotiating permessage-deflate (RFC 7692 §5, §7.1), for both roles.
//!
//! | parameter | in an offer | in an answer |
//! |---|---|---|
//! | `server_no_context_takeover` | the server must not keep its window between messages | it does not |
//! | `client_no_context_takeover` | the client will not keep its own | the client must not |
//! | `server_max_window_bits=8…15` | the server's window must not be larger | it is not |
//! | `client_max_window_bits[=8…15]` | the client's can be made smaller; it will not be larger | it must not be larger |
//!
//! A client makes a list of offers, the best first. A server takes the first offer that it can fulfil and
//! passes over the others; without one the connection goes on uncompressed. A client fails the handshake
//! on an answer that goes with none of its offers.

use super::extensions::{Extension, Param};

/// The name under which the extension is registered (RFC 7692 §9).
pub const PERMESSAGE_DEFLATE: &str = "permessage-deflate";

/// What both sides agreed on, or what a server allows at the most (RFC 7692 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateParams {
    /// The server forgets its window after each message.
    pub server_no_context_takeover: bool,
    /// The client forgets its window after each message.
    pub client_no_context_takeover: bool,
    /// The base-2 logarithm of the server's window: 8–15.
    pub server_max_window_bits: u8,
    /// The base-2 logarithm of the client's window: 8–15.
    pub client_max_window_bits: u8,
}

/// What a client offers (RFC 7692 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateOffer {
    /// The server must forget its window after each message.
    pub server_no_context_takeover: bool,
    /// The client will forget its own.
    pub client_no_context_takeover: bool,
    /// The most bits that the server's window may have: 8–15; `None` leaves it to the server.
    pub server_max_window_bits: Option<u8>,
    /// The most bits that the client's window will have, 8–15, which the server may lower; with
    /// `None` it may not. 15 is sent without a value.
    pub client_max_window_bits: Option<u8>,
}

impl Default for DeflateParams {
    /// Full windows, kept between messages.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}

impl Default for DeflateOffer {
    /// The plain offer, which browsers make: whatever the server likes best.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: None,
            client_max_window_bits: Some(15),
        }
    }
}

/// The server's choice among `offers`, given what it `allows`: what is agreed on, and the extension that says
/// so. `None` if it can fulfil no offer (RFC 7692 §5.1, §7.1).
///
/// If a client's window should be small, but the client cannot do that, it is asked to forget its window after
/// each message.
///
/// ```
/// use bowstring::handshake::{DeflateParams, Extension, answer_deflate};
///
/// let mut allows = DeflateParams::default();
/// allows.server_no_context_takeover = true;
/// let offer = Extension::new("permessage-deflate")?;
/// let (agreed, answer) = answer_deflate(&[offer], &allows).unwrap();
/// assert!(agreed.server_no_context_takeover);
/// assert_eq!(answer.to_string(), "permessage-deflate; server_no_context_takeover");
/// # Ok::<(), bowstring::handshake::BuildError>(())
/// ```
pub fn answer_deflate(
    offers: &[Extension],
    allows: &DeflateParams,
) -> Option<(DeflateParams, Extension)> {
    offers.iter().filter(|offer| is_deflate(offer)).find_map(|offer| {
        let offer = DeflateOffer::parse(offer).ok()?;
        let stuck = allows.client_max_window_bits < 15 && offer.client_max_window_bits.is_none();
        let agreed = DeflateParams {
            server_no_context_takeover: offer.server_no_context_takeover
                || allows.server_no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover
                || allows.client_no_context_takeover
                || stuck,
            server_max_window_bits: offer
                .server_max_window_bits
                .unwrap_or(15)
                .min(allows.server_max_window_bits),
            // RFC 7692 §7.1.2.2: MUST NOT be answered if it was not offered.
            client_max_window_bits: offer
                .client_max_window_bits
                .map_or(15, |bits| bits.min(allows.client_max_window_bits)),
        };
        let said = DeflateOffer {
            server_no_context_takeover: agreed.server_no_context_takeover,
            client_no_context_takeover: agreed.client_no_context_takeover,
            // RFC 7692 §7.1.2.1: an offered limit MUST be answered with one that is not larger.
            server_max_window_bits: (offer.server_max_window_bits.is_some()
                || agreed.server_max_window_bits < 15)
                .then_some(agreed.server_max_window_bits),
            client_max_window_bits: (agreed.client_max_window_bits < 15)
                .then_some(agreed.client_max_window_bits),
        };
        Some((agreed, said.to_extension()))
    })
}

/// Whether an extension is permessage-deflate.
pub fn is_deflate(extension: &Extension) -> bool {
    extension.name().eq_ignore_ascii_case(PERMESSAGE_DEFLATE)
}

/// Checks the server's answer to a list of offers (RFC 7692 §5.1, §7.1): it has to go with one of them.
///
/// An answer may go with several offers. Which one the server meant is not known then, so the client
/// keeps what it promised in any of these.
///
/// ```
/// use bowstring::handshake::{DeflateOffer, Extension, check_deflate};
///
/// let alone = DeflateOffer { server_no_context_takeover: true, ..DeflateOffer::default() };
/// let offers = [alone, DeflateOffer::default()];
/// let agreed = check_deflate(&Extension::new("permessage-deflate")?, &offers)?;
/// assert!(!agreed.server_no_context_takeover, "the server took the second offer");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The parameter that was not offered, not answered, or is not legal: the handshake MUST fail. Where
/// there are several offers, it is what the last one has against the answer.
pub fn check_deflate(
    answer: &Extension,
    offers: &[DeflateOffer],
) -> Result<DeflateParams, &'static str> {
    let said = DeflateOffer::parse(answer)?;
    let mut agreed: Option<DeflateParams> = None;
    let mut fault = "it was not offered";
    for offer in offers {
        match agree(answer, &said, offer) {
            Ok(params) => {
                agreed = Some(agreed.map_or(params, |before| before.strictest(&params)));
            }
            Err(parameter) => fault = parameter,
        }
    }
    agreed.ok_or(fault)
}

/// What `answer`, which says `said`, means as an answer to one offer.
fn agree(
    answer: &Extension,
    said: &DeflateOffer,
    offer: &DeflateOffer,
) -> Result<DeflateParams, &'static str> {
    if offer.server_no_context_takeover && !said.server_no_context_takeover {
        return Err(SERVER_TAKEOVER);
    }
    if let Some(most) = offer.server_max_window_bits
        && said.server_max_window_bits.is_none_or(|bits| bits > most)
    {
        return Err(SERVER_BITS);
    }
    let client_max_window_bits = match (offer.client_max_window_bits, said.client_max_window_bits) {
        (None, None) => 15,
        (Some(most), None) => most,
        // RFC 7692 §7.1.2.2: in an answer it MUST have a value.
        (Some(most), Some(bits)) if bits <= most && has_value(answer, CLIENT_BITS) => bits,
        _ => return Err(CLIENT_BITS),
    };
    Ok(DeflateParams {
        server_no_context_takeover: said.server_no_context_takeover,
        client_no_context_takeover: said.client_no_context_takeover
            || offer.client_no_context_takeover,
        server_max_window_bits: said.server_max_window_bits.unwrap_or(15),
        client_max_window_bits,
    })
}

impl DeflateParams {
    /// What keeps both agreements. Of the server they say the same, because it was one answer.
    fn strictest(self, other: &Self) -> Self {
        Self {
            client_no_context_takeover: self.client_no_context_takeover
                || other.client_no_context_takeover,
            client_max_window_bits: self.client_max_window_bits.min(other.client_max_window_bits),
            ..self
        }
    }
}

impl DeflateOffer {
    /// The offer as an element of `Sec-WebSocket-Extensions`.
    pub fn to_extension(&self) -> Extension {
        let mut params = Vec::new();
        if self.server_no_context_takeover {
            params.push((SERVER_TAKEOVER, None));
        }
        if self.client_no_context_takeover {
            params.push((CLIENT_TAKEOVER, None));
        }
        if let Some(bits) = self.server_max_window_bits {
            params.push((SERVER_BITS, Some(bits)));
        }
        if let Some(bits) = self.client_max_window_bits {
            params.push((CLIENT_BITS, (bits < 15).then_some(bits)));
        }
        Extension::known(PERMESSAGE_DEFLATE, params)
    }

    /// Reads the parameters. The error names the one that is unknown, occurs twice, or has no legal value. An
    /// offer with it is declined, and an answer with it fails the handshake (RFC 7692 §7.1).
    pub(super) fn parse(extension: &Extension) -> Result<Self, &'static str> {
        let mut offer = Self { client_max_window_bits: None, ..Self::default() };
        for param in extension.params() {
            match param.name() {
                SERVER_TAKEOVER => set(&mut offer.server_no_context_takeover, param)?,
                CLIENT_TAKEOVER => set(&mut offer.client_no_context_takeover, param)?,
                SERVER_BITS => {
                    let bits = param.value().and_then(window_bits).ok_or(SERVER_BITS)?;
                    replace_none(&mut offer.server_max_window_bits, bits, SERVER_BITS)?;
                }
                CLIENT_BITS => {
                    let bits = match param.value() {
                        None => 15,
                        Some(value) => window_bits(value).ok_or(CLIENT_BITS)?,
                    };
                    replace_none(&mut offer.client_max_window_bits, bits, CLIENT_BITS)?;
                }
                _ => return Err("an unknown parameter"),
            }
        }
        Ok(offer)
    }
}

const SERVER_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// RFC 7692 §7.1.1: without a value, and once.
fn set(flag: &mut bool, param: &Param) -> Result<(), &'static str> {
    if param.value().is_some() || std::mem::replace(flag, true) {
        let known = if param.name() == SERVER_TAKEOVER { SERVER_TAKEOVER } else { CLIENT_TAKEOVER };
        return Err(known);
    }
    Ok(())
}

fn replace_none(slot: &mut Option<u8>, bits: u8, name: &'static str) -> Result<(), &'static str> {
    if slot.replace(bits).is_some() { Err(name) } else { Ok(()) }
}

fn has_value(extension: &Extension, name: &str) -> bool {
    extension.params().iter().any(|param| param.name() == name && param.value().is_some())
}

/// 8–15 in decimal without leading zeros (RFC 7692 §7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok()?;
    ((8..=15).contains(&bits) && value.len() == if bits < 10 { 1 } else { 2 }).then_some(bits)
}
