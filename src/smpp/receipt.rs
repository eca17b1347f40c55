//! Delivery receipts: from the text that SMPP 3.4 shows in its appendix B and everybody varies, or
//! from parameters.

use nom::bytes::complete::{tag_no_case, take_till, take_while};
use nom::character::complete::{char as sign, space0};
use nom::{IResult, Parser};

use crate::smpp::part;
use crate::smpp::pdu::Sm;
use crate::smpp::{text, tlv};
use crate::store::ReceiptState;

/// What a receipt tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The message id as it stands there; the ledger compares it in every form.
    pub id: String,
    /// What became of it.
    pub state: ReceiptState,
}

/// Characters of a message id that are looked at. The field has 64 (SMPP 3.4, 5.2.23); some make it
/// longer, and nobody makes ledgers grow with it.
const ID_MAX: usize = 255;

/// A message id as the ledger is given it, from a response or a receipt.
pub fn id(told: &str) -> String {
    told.trim().chars().take(ID_MAX).collect()
}

/// Whether esm_class (SMPP 3.4, 5.2.12) or the parameters say that this is no message of a person:
/// a receipt, an acknowledgement or an intermediate notification.
pub fn is_receipt(sm: &Sm<'_>) -> bool {
    let kind = sm.esm_class & 0x3c;
    kind != 0
        || (sm.tlvs.get(tlv::RECEIPTED_MESSAGE_ID).is_some()
            && sm.tlvs.get(tlv::MESSAGE_STATE).is_some())
}

/// Reads a receipt. Parameters go before the text; what they lack is taken from it. None without
/// an id and a state.
pub fn read(sm: &Sm<'_>) -> Option<Told> {
    let (octets, _) = part::read(sm);
    let body = body(sm.data_coding, octets);
    let id = sm
        .tlvs
        .text(tlv::RECEIPTED_MESSAGE_ID)
        .map(|told| id(&text::latin1(told)))
        .filter(|id| !id.is_empty())
        .or_else(|| field(&body, "id").map(|told| id(&told)))?;
    let state = sm
        .tlvs
        .number(tlv::MESSAGE_STATE)
        .and_then(numbered)
        .or_else(|| field(&body, "stat").as_deref().and_then(named))?;
    Some(Told { id, state })
}

/// The text of a receipt. It is ASCII whatever data_coding says, but for UCS-2: read as the GSM
/// alphabet, an id would lose its `_` and `@`.
fn body(data_coding: u8, octets: &[u8]) -> String {
    if text::is_ucs2(data_coding) {
        text::decode(data_coding, octets)
    } else {
        text::latin1(octets)
    }
}

/// message_state (SMPP 3.4, 5.2.28, and 5.0, 4.7.15). 7 (unknown) tells nothing, and so leaves the
/// message where it is.
fn numbered(state: u32) -> Option<ReceiptState> {
    match state {
        0 | 1 | 6 | 7 => Some(ReceiptState::Underway),
        2 => Some(ReceiptState::Delivered),
        3 => Some(ReceiptState::Expired),
        4 | 5 | 8 | 9 => Some(ReceiptState::Failed),
        _ => None,
    }
}

/// The words of appendix B, by their beginnings, since they are seven letters for some and whole
/// for others. An unknown word is on its way: it must not make anything final.
fn named(stat: &str) -> Option<ReceiptState> {
    let stat = stat.to_ascii_uppercase();
    let begins = |words: &[&str]| words.iter().any(|word| stat.starts_with(word));
    match () {
        () if stat.is_empty() => None,
        // Some write the number of message_state.
        () if stat.bytes().all(|octet| octet.is_ascii_digit()) => {
            stat.parse().ok().and_then(numbered)
        }
        () if begins(&["DELIV"]) => Some(ReceiptState::Delivered),
        () if begins(&["EXPIR"]) => Some(ReceiptState::Expired),
        () if begins(&["UNDEL", "DELET", "REJ", "FAIL", "SKIP"]) => Some(ReceiptState::Failed),
        () => Some(ReceiptState::Underway),
    }
}

/// The value of `name:` in a receipt's text: the name begins the text or follows a separator, in
/// any letter case, with or without spaces around the colon. Nothing is looked for behind
/// `text:`, which quotes the message.
fn field(body: &str, name: &'static str) -> Option<String> {
    let mut rest = body;
    loop {
        rest = rest.trim_start_matches(is_separator);
        if rest.is_empty() || key(rest, "text").is_ok() {
            return None;
        }
        if let Ok((behind, ())) = key(rest, name) {
            let (after, value) = value(behind).unwrap_or((behind, ""));
            // `id: stat:DELIVRD` has no id: what follows a space may be the next name.
            let spaced = rest[..rest.len() - behind.len()].ends_with(char::is_whitespace);
            let is_name = value.contains(':')
                || after.trim_start().starts_with(':')
                || ["submit", "done"]
                    .iter()
                    .any(|name| value.eq_ignore_ascii_case(name));
            return Some(value.to_owned()).filter(|value| !(value.is_empty() || spaced && is_name));
        }
        rest = rest.trim_start_matches(|c| !is_separator(c));
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '|' | '\0')
}

fn key<'a>(input: &'a str, name: &'static str) -> IResult<&'a str, (), ()> {
    let (rest, _) = (tag_no_case(name), space0, sign(':'), space0).parse(input)?;
    Ok((rest, ()))
}

fn value(input: &str) -> IResult<&str, &str, ()> {
    let (rest, _) = take_while(|c| c == '"' || c == '\'').parse(input)?;
    take_till(|c| is_separator(c) || c == '"' || c == '\'').parse(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::smpp::tlv::Tlvs;
    use proptest::prelude::*;

    fn told(text: &str, id: Option<&[u8]>, state: Option<&[u8]>) -> Option<Told> {
        let mut raw = Vec::new();
        if let Some(id) = id {
            tlv::put(&mut raw, tlv::RECEIPTED_MESSAGE_ID, id);
        }
        if let Some(state) = state {
            tlv::put(&mut raw, tlv::MESSAGE_STATE, state);
        }
        let sm = Sm {
            esm_class: 4,
            short_message: text.as_bytes(),
            tlvs: Tlvs::new(&raw),
            ..Sm::default()
        };
        assert!(is_receipt(&sm));
        read(&sm)
    }

    #[test]
    fn texts_are_read() {
        use ReceiptState::{Delivered, Expired, Failed, Underway};
        for (text, expected) in [
            (
                "id:1234 sub:001 dlvrd:001 submit date:2409011200 done date:2409011201 stat:DELIVRD err:000 text:Bonjour",
                Some(("1234", Delivered)),
            ),
            ("id:0A1b stat:UNDELIV", Some(("0A1b", Failed))),
            ("stat:EXPIRED err:012 id:77", Some(("77", Expired))),
            ("ID: 9 Stat: ACCEPTD", Some(("9", Underway))),
            ("id : 9 stat : REJECTD", Some(("9", Failed))),
            ("id:\"a-b-c\",stat:\"DELIVRD\"", Some(("a-b-c", Delivered))),
            ("id:5;stat:DELETED;err:1", Some(("5", Failed))),
            ("id:5\nstat:ENROUTE\n", Some(("5", Underway))),
            ("id:5 stat:UNKNOWN", Some(("5", Underway))),
            ("id:5 stat:DELIVERED", Some(("5", Delivered))),
            ("id:5 stat:FAILED", Some(("5", Failed))),
            ("id:5 stat:NOVELTY", Some(("5", Underway))),
            (
                "subid:4 id:5 mystat:REJECTD stat:DELIVRD",
                Some(("5", Delivered)),
            ),
            ("id:5 dlvrd:001 Text:id:6 stat:DELIVRD", None),
            ("id: stat:", None),
            ("id: stat:DELIVRD", None),
            ("id : stat : DELIVRD", None),
            ("id: submit date:2409011200 stat:DELIVRD", None),
            ("id:a:5 stat:DELIVRD", Some(("a:5", Delivered))),
            ("id: 5 stat:2", Some(("5", Delivered))),
            ("id:5 stat:05", Some(("5", Failed))),
            ("id:5 stat:77", None),
            ("id:a_1@b stat:DELIVRD", Some(("a_1@b", Delivered))),
            (
                "id:5 submit date:240901120159 done date:2409011202 stat:delivrd",
                Some(("5", Delivered)),
            ),
            (
                "id:5|sub:001|stat:UNDELIVERABLE|err:27",
                Some(("5", Failed)),
            ),
            ("stat:REJECTED id:'5'", Some(("5", Failed))),
            ("id:5 stat:SKIPPED", Some(("5", Failed))),
            ("id:5 stat:SCHEDULED", Some(("5", Underway))),
            ("id:5 stat:BUFFERED", Some(("5", Underway))),
            ("id:5", None),
            ("stat:DELIVRD", None),
            ("id:", None),
            ("", None),
        ] {
            let expected = expected.map(|(id, state)| Told {
                id: id.to_owned(),
                state,
            });
            assert_eq!(told(text, None, None), expected, "{text}");
        }
    }

    #[test]
    fn an_id_has_an_end() {
        let long = "7".repeat(60_000);
        let id = |told: Option<Told>| told.unwrap().id.len();
        let text = format!("id:{long} stat:DELIVRD");
        assert_eq!(id(told(&text, None, None)), ID_MAX);
        assert_eq!(id(told("", Some(long.as_bytes()), Some(&[2]))), ID_MAX);
    }

    #[test]
    fn parameters_go_before_the_text() {
        use ReceiptState::{Delivered, Expired, Failed, Underway};
        for (text, id, state, expected) in [
            (
                "",
                Some(&b"77\0"[..]),
                Some(&[2][..]),
                Some(("77", Delivered)),
            ),
            ("", Some(b"77"), Some(&[0, 5]), Some(("77", Failed))),
            (
                "id:5 stat:UNDELIV",
                Some(b"77"),
                Some(&[2]),
                Some(("77", Delivered)),
            ),
            (
                "id:5 stat:EXPIRED",
                Some(b"77"),
                None,
                Some(("77", Expired)),
            ),
            ("id:5 stat:EXPIRED", None, Some(&[1]), Some(("5", Underway))),
            (
                "id:5 stat:EXPIRED",
                Some(b"\0"),
                Some(&[99]),
                Some(("5", Expired)),
            ),
            ("", None, Some(&[2]), None),
            ("", Some(b"77"), None, None),
        ] {
            let expected = expected.map(|(id, state)| Told {
                id: id.to_owned(),
                state,
            });
            assert_eq!(told(text, id, state), expected, "{text} {id:?} {state:?}");
        }
    }

    #[test]
    fn people_send_no_receipts() {
        let mut raw = Vec::new();
        tlv::put(&mut raw, tlv::RECEIPTED_MESSAGE_ID, b"77");
        let with_id = Tlvs::new(&raw);
        let mut raw = raw.clone();
        tlv::put(&mut raw, tlv::MESSAGE_STATE, &[2]);
        let with_both = Tlvs::new(&raw);
        for (esm_class, tlvs, expected) in [
            (0x00, Tlvs::default(), false),
            (0x40, Tlvs::default(), false),
            (0x03, Tlvs::default(), false),
            (0x00, with_id, false),
            (0x00, with_both, true),
            (0x04, Tlvs::default(), true),
            (0x44, Tlvs::default(), true),
            (0x20, Tlvs::default(), true),
        ] {
            let sm = Sm {
                esm_class,
                tlvs,
                ..Sm::default()
            };
            assert_eq!(is_receipt(&sm), expected, "{esm_class:#x}");
        }
    }

    proptest! {
        #[test]
        fn random_texts_never_panic(text in "(id|stat|text|[ :,;|\"]|\\PC){0,60}", raw in proptest::collection::vec(any::<u8>(), 0..60)) {
            let sm = Sm { esm_class: 4, short_message: text.as_bytes(), tlvs: Tlvs::new(&raw), ..Sm::default() };
            read(&sm);
        }
    }
}
