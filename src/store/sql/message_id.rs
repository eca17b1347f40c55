//! The id under which an operator took a part, comparable in whatever form it comes back.

use crate::store::ReceiptIds;

/// The forms in which an operator may write one message id, without repeats: first the id itself
/// in lower case without leading zeros, then its hexadecimal form if it is a decimal number, then
/// its decimal form if it is a hexadecimal one.
///
/// Two ids mean the same message if the first form of the one is among the forms of the other; an
/// earlier form is the better match. Ids of other signs, and numbers above 128 bits, have only
/// their first form.
pub(super) fn forms(id: &str) -> Vec<String> {
    let lower = id.trim().to_ascii_lowercase();
    let bare = lower.strip_prefix("0x").unwrap_or(&lower);
    let stripped = bare.trim_start_matches('0');
    let own = if stripped.is_empty() && !bare.is_empty() {
        "0"
    } else {
        stripped
    };
    let digits = !own.is_empty() && own.bytes().all(|octet| octet.is_ascii_digit());
    let hexadecimal = digits || own.bytes().all(|octet| octet.is_ascii_hexdigit());
    let decimal = own.parse::<u128>().ok().filter(|_| digits);
    let from_hexadecimal = u128::from_str_radix(own, 16).ok().filter(|_| hexadecimal);

    let mut found = vec![own.to_owned()];
    let others = [
        decimal.map(|n| format!("{n:x}")),
        from_hexadecimal.map(|n| n.to_string()),
    ];
    for other in others.into_iter().flatten() {
        if !found.contains(&other) {
            found.push(other);
        }
    }
    found
}

/// The forms that an answer's id may have, for the id of a receipt on a link that says so. An id
/// that is no number of the base that it should be in has only its own.
pub(super) fn forms_of_answer(id: &str, ids: ReceiptIds) -> Vec<String> {
    let own = normal(id);
    let converted = match ids {
        ReceiptIds::Any => return forms(id),
        ReceiptIds::Same => None,
        // A sign would be read as part of a number.
        ReceiptIds::HexAnswer | ReceiptIds::DecimalAnswer if own.starts_with(['+', '-']) => None,
        ReceiptIds::HexAnswer => own.parse::<u128>().ok().map(|n| format!("{n:x}")),
        ReceiptIds::DecimalAnswer => u128::from_str_radix(&own, 16).ok().map(|n| n.to_string()),
    };
    vec![converted.unwrap_or(own)]
}

/// The first of the forms, by which both sides are stored.
pub(super) fn normal(id: &str) -> String {
    forms(id).swap_remove(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_have_comparable_forms() {
        for (id, expected) in [
            ("1A2B", &["1a2b", "6699"][..]),
            ("00001a2b", &["1a2b", "6699"]),
            ("0x1A2B", &["1a2b", "6699"]),
            ("6699", &["6699", "1a2b", "26265"]),
            ("0000006699", &["6699", "1a2b", "26265"]),
            ("9", &["9"]),
            ("0", &["0"]),
            ("000", &["0"]),
            ("", &[""]),
            (" AbC-9 ", &["abc-9"]),
            ("1e4f7a90-0b1c", &["1e4f7a90-0b1c"]),
            (
                "999999999999999999999999999999999999999999",
                &["999999999999999999999999999999999999999999"],
            ),
        ] {
            assert_eq!(forms(id), expected, "{id}");
        }
    }

    #[test]
    fn a_link_says_which_forms_count() {
        use ReceiptIds::{Any, DecimalAnswer, HexAnswer, Same};
        for (id, ids, expected) in [
            ("16", Any, &["16", "10", "22"][..]),
            ("0016", Same, &["16"]),
            ("16", HexAnswer, &["10"]),
            ("16", DecimalAnswer, &["22"]),
            ("1F", HexAnswer, &["1f"]),
            ("0x1F", DecimalAnswer, &["31"]),
            ("0", HexAnswer, &["0"]),
            ("a-1", HexAnswer, &["a-1"]),
            ("A-1", DecimalAnswer, &["a-1"]),
            ("+5", HexAnswer, &["+5"]),
            ("", DecimalAnswer, &[""]),
        ] {
            assert_eq!(forms_of_answer(id, ids), expected, "{id} {ids:?}");
        }
    }

    #[test]
    fn an_id_is_known_in_every_form() {
        for (response, receipt, same) in [
            ("0000012345", "12345", true),
            ("A1B2C3D4", "a1b2c3d4", true),
            ("3039", "12345", true),
            ("12345", "3039", true),
            ("0x3039", "12345", true),
            ("4294967295", "FFFFFFFF", true),
            ("6f9619ff-8b86-d011", "6F9619FF-8B86-D011", true),
            ("12345", "12346", false),
            ("0", "000", true),
            ("", "0", false),
        ] {
            assert_eq!(
                forms(receipt).contains(&normal(response)),
                same,
                "{response} {receipt}"
            );
            assert_eq!(
                forms(response).contains(&normal(receipt)),
                same,
                "{receipt} {response}"
            );
        }
    }

    proptest! {
        #[test]
        fn hexadecimal_and_decimal_match(number: u64) {
            for (answer, receipt) in [
                (format!("{number:x}"), format!("{number}")),
                (format!("{number:X}"), format!("{number:020}")),
                (format!("{number:016X}"), format!("{number:x}")),
                (format!("{number:010}"), format!("{number:08X}")),
            ] {
                prop_assert!(forms(&receipt).contains(&forms(&answer)[0]), "{} {}", answer, receipt);
                prop_assert!(forms(&answer).contains(&forms(&receipt)[0]), "{} {}", answer, receipt);
            }
        }

        #[test]
        fn never_panics(id in "\\PC{0,60}") {
            prop_assert!(forms(&id).contains(&normal(&id)));
        }
    }
}
