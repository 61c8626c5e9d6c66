//! RFC 7692 §5, §7.1: offers and answers.

use bowstring::handshake::{
    DeflateOffer, DeflateParams, Extension, answer_deflate, check_deflate, parse_extensions,
};
use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};

fn extensions(line: &str) -> Vec<Extension> {
    let mut headers = HeaderMap::new();
    headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(line).unwrap());
    parse_extensions(&headers).unwrap()
}

/// What a server that allows this answers to that.
fn answer(allows: &DeflateParams, line: &str) -> Option<String> {
    let (agreed, answer) = answer_deflate(&extensions(line), allows)?;
    // What the server says is what it does: a client that offered everything understands the same.
    let offer = DeflateOffer { server_max_window_bits: None, ..DeflateOffer::default() };
    assert_eq!(check_deflate(&answer, &[offer]), Ok(agreed), "{line}");
    Some(answer.to_string())
}

#[test]
fn a_server_takes_the_first_offer_it_can_fulfil() {
    let full = DeflateParams::default();
    let name = "permessage-deflate";
    for (line, expected) in [
        ("permessage-deflate", Some("")),
        ("permessage-deflate; client_max_window_bits", Some("")),
        ("permessage-deflate; client_max_window_bits=15", Some("")),
        ("permessage-deflate; client_max_window_bits=10", Some("; client_max_window_bits=10")),
        ("permessage-deflate; client_max_window_bits=\"10\"", Some("; client_max_window_bits=10")),
        ("permessage-deflate; server_max_window_bits=12", Some("; server_max_window_bits=12")),
        ("permessage-deflate; server_max_window_bits=15", Some("; server_max_window_bits=15")),
        ("permessage-deflate; server_max_window_bits=8", Some("; server_max_window_bits=8")),
        ("permessage-deflate; server_no_context_takeover", Some("; server_no_context_takeover")),
        ("permessage-deflate; client_no_context_takeover", Some("; client_no_context_takeover")),
        ("x-webkit-deflate-frame, permessage-deflate", Some("")),
        // §7.1: an offer with a parameter that is unknown, doubled or bad is passed over.
        (
            "permessage-deflate; fast, permessage-deflate; server_max_window_bits=9",
            Some("; server_max_window_bits=9"),
        ),
        ("permessage-deflate; server_max_window_bits=16, permessage-deflate", Some("")),
        ("permessage-deflate; fast", None),
        ("permessage-bzip2", None),
    ] {
        let expected = expected.map(|params| format!("{name}{params}"));
        assert_eq!(answer(&full, line), expected, "{line}");
    }
}

#[test]
fn a_server_sets_its_own_limits() {
    let shared = DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..DeflateParams::default()
    };
    let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(answer(&shared, "permessage-deflate").as_deref(), Some(both));

    let small = DeflateParams {
        server_max_window_bits: 10,
        client_max_window_bits: 10,
        ..DeflateParams::default()
    };
    for (line, params) in [
        (
            "permessage-deflate; client_max_window_bits",
            "; server_max_window_bits=10; client_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9",
            "; server_max_window_bits=9; client_max_window_bits=9",
        ),
        // It cannot make its window smaller, so it has to forget it.
        ("permessage-deflate", "; client_no_context_takeover; server_max_window_bits=10"),
    ] {
        let answered = answer(&small, line).unwrap();
        assert_eq!(answered, format!("permessage-deflate{params}"), "{line}");
    }
}

/// Each of these is declined as an offer and fails the handshake as an answer; nothing panics.
#[test]
fn s14_bad_parameters() {
    let bad = [
        "server_max_window_bits=0",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=99",
        "server_max_window_bits=a",
        "server_max_window_bits=08",
        "server_max_window_bits=-1",
        "server_max_window_bits=+9",
        "server_max_window_bits=1000000000000000000000000000000",
        "server_max_window_bits",
        "client_max_window_bits=16",
        "client_max_window_bits=08",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=9; server_max_window_bits=9",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits=9; client_max_window_bits",
        "Server_No_Context_Takeover",
        "what",
    ];
    let offer = DeflateOffer::default();
    for params in bad {
        let line = format!("permessage-deflate; {params}");
        assert_eq!(answer(&DeflateParams::default(), &line), None, "{line}");
        assert!(check_deflate(&extensions(&line)[0], &[offer]).is_err(), "{line}");
    }
}

#[test]
fn a_client_takes_only_what_it_offered() {
    let open = DeflateOffer::default();
    let strict = DeflateOffer {
        server_no_context_takeover: true,
        client_no_context_takeover: false,
        server_max_window_bits: Some(12),
        client_max_window_bits: None,
    };
    let limited = DeflateOffer { client_max_window_bits: Some(11), ..open };
    for (offer, params, agreed) in [
        (open, "", Some((false, false, 15, 15))),
        (open, "; server_max_window_bits=12", Some((false, false, 12, 15))),
        (open, "; client_max_window_bits=12", Some((false, false, 15, 12))),
        (open, "; client_no_context_takeover", Some((false, true, 15, 15))),
        (open, "; server_no_context_takeover", Some((true, false, 15, 15))),
        // §7.1.2.2: in an answer it has a value.
        (open, "; client_max_window_bits", None),
        (limited, "", Some((false, false, 15, 11))),
        (limited, "; client_max_window_bits=11", Some((false, false, 15, 11))),
        (limited, "; client_max_window_bits=12", None),
        (
            strict,
            "; server_no_context_takeover; server_max_window_bits=12",
            Some((true, false, 12, 15)),
        ),
        (
            strict,
            "; server_no_context_takeover; server_max_window_bits=9",
            Some((true, false, 9, 15)),
        ),
        (strict, "; server_no_context_takeover; server_max_window_bits=13", None),
        (strict, "; server_no_context_takeover", None),
        (strict, "; server_max_window_bits=12", None),
        (
            strict,
            "; server_no_context_takeover; server_max_window_bits=12; client_max_window_bits=9",
            None,
        ),
    ] {
        let answer = &extensions(&format!("permessage-deflate{params}"))[0];
        let found = check_deflate(answer, &[offer]).ok().map(|p| {
            (
                p.server_no_context_takeover,
                p.client_no_context_takeover,
                p.server_max_window_bits,
                p.client_max_window_bits,
            )
        });
        assert_eq!(found, agreed, "{offer:?} {params}");
    }
}

/// Whatever a client of ours offers, a server of ours answers to its liking.
#[test]
fn all_offers_under_all_policies() {
    let bits = [None, Some(8), Some(9), Some(12), Some(15)];
    for i in 0..2 * 2 * 5 * 5 {
        let (snct, cnct, s, c) = (i & 1 != 0, i & 2 != 0, bits[i / 4 % 5], bits[i / 20]);
        let offer = DeflateOffer {
            server_no_context_takeover: snct,
            client_no_context_takeover: cnct,
            server_max_window_bits: s,
            client_max_window_bits: c,
        };
        let line = offer.to_extension().to_string();
        for allows in [(false, 15), (true, 15), (false, 9), (true, 12)] {
            let allows = DeflateParams {
                server_no_context_takeover: allows.0,
                client_no_context_takeover: allows.0,
                server_max_window_bits: allows.1,
                client_max_window_bits: allows.1,
            };
            let (agreed, answer) = answer_deflate(&extensions(&line), &allows).unwrap();
            assert_eq!(check_deflate(&answer, &[offer]), Ok(agreed), "{line} {allows:?}");
            assert!(agreed.server_max_window_bits <= allows.server_max_window_bits);
            assert!(agreed.server_max_window_bits <= s.unwrap_or(15));
            assert!(agreed.client_max_window_bits <= c.unwrap_or(15));
        }
    }
}

/// RFC 7692 §5.1: offers are alternatives. Which one the server took, its answer tells; where it could be
/// either, the client keeps both promises.
#[test]
fn an_answer_goes_with_one_of_the_offers() {
    let frugal = DeflateOffer {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        client_max_window_bits: Some(12),
        ..DeflateOffer::default()
    };
    let offers = [frugal, DeflateOffer::default()];
    for (params, agreed) in [
        ("", Ok((false, false, 15, 15))),
        ("; client_max_window_bits=15", Ok((false, false, 15, 15))),
        ("; client_no_context_takeover", Ok((false, true, 15, 15))),
        ("; server_no_context_takeover", Ok((true, true, 15, 12))),
        ("; server_no_context_takeover; client_max_window_bits=14", Ok((true, false, 15, 14))),
        ("; server_no_context_takeover; client_max_window_bits=9", Ok((true, true, 15, 9))),
        ("; client_max_window_bits", Err("client_max_window_bits")),
        ("; fast", Err("an unknown parameter")),
    ] {
        let answer = &extensions(&format!("permessage-deflate{params}"))[0];
        let found = check_deflate(answer, &offers).map(|p| {
            (
                p.server_no_context_takeover,
                p.client_no_context_takeover,
                p.server_max_window_bits,
                p.client_max_window_bits,
            )
        });
        assert_eq!(found, agreed, "{params}");
    }
    assert!(check_deflate(&extensions("permessage-deflate")[0], &[]).is_err());
}
