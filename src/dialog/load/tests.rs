//! Each proof broken once, in copies of the dialog of the procedure.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use miette::{GraphicalReportHandler, GraphicalTheme};
use proptest::prelude::*;

use super::*;

const TNS: &str = include_str!("../../../dialogs/tns.yaml");

/// Puts `new` for the first `old` and compares every finding with the codes given, each with a
/// text that stands on its line.
fn check(old: &str, new: &str, expected: &[(&str, &str)]) {
    let text = poisoned(old, new);
    let found = load("dialogs/tns.yaml", &text).err().unwrap_or_default();
    let found: Vec<String> = found
        .iter()
        .map(|finding| {
            let line = text.lines().nth(finding.place().0 - 1).unwrap_or_default();
            let place = expected
                .iter()
                .find(|(code, on)| *code == finding.code && line.contains(on));
            match place {
                Some((code, on)) => format!("{code} {on}"),
                None => format!("{} {:?} {}", finding.code, finding.place(), finding.message),
            }
        })
        .collect();
    let mut expected: Vec<String> = expected
        .iter()
        .map(|(code, on)| format!("{code} {on}"))
        .collect();
    let mut sorted = found.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected, "after\n{old}\nbecame\n{new}");
}

fn poisoned(old: &str, new: &str) -> String {
    assert!(TNS.contains(old), "the dialog has no {old}");
    TNS.replacen(old, new, 1)
}

#[test]
fn the_dialog_of_the_procedure_is_proved() {
    let found = load("dialogs/tns.yaml", TNS).err().unwrap_or_default();
    let told: Vec<String> = found
        .iter()
        .map(|finding| format!("{} {:?} {finding}", finding.code, finding.place()))
        .collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn the_file_and_its_keys() {
    check("version: 1", "version: [1", &[("D001", "consent:")]);
    check(
        "version: 1",
        "version: 1\nversion: 2",
        &[("D001", "version: 2")],
    );
    check(
        "entry: home",
        "entri: home",
        &[("D002", "entri"), ("D003", "# The procedure")],
    );
    check(
        "    no_back: true\n",
        "    noback: true\n",
        &[("D002", "noback")],
    );
    check(
        "label: agree, agree",
        "lable: agree, agree",
        &[("D002", "lable"), ("D003", "lable")],
    );
    check(
        "kind: end\n    text: refused",
        "kind: end",
        &[("D003", "refused:")],
    );
    check(
        "- { label: refuse, agree: false, to: refused }",
        "- { label: refuse, agree: false }",
        &[("D003", "label: refuse, agree: false }")],
    );
    check("version: 1", "version: one", &[("D004", "version: one")]);
    check("version: 1", "version: 0", &[("D004", "version: 0")]);
    check("no_back: true", "no_back: yes", &[("D004", "no_back: yes")]);
    check(
        "kind: end\n    text: refused",
        "kind: end\n    slot: code\n    text: refused",
        &[("D005", "slot: code")],
    );
    check("text: refused", "text: Refused!", &[("D006", "Refused!")]);
    check("kind: say", "kind: says", &[("D007", "says")]);
    check(
        "call: registry.lookup",
        "call: registry.look",
        &[("D007", "registry.look")],
    );
    check(
        "list: regions\n    slot",
        "list: region\n    slot",
        &[("D007", "list: region")],
    );
    check(
        "email: email",
        "email: mail",
        &[
            ("D007", "email: mail"),
            ("D020", "slot: email"),
            ("D020", "forget: [email]"),
        ],
    );
    check("dialog: tns", "dialog: tsn", &[("D008", "tsn")]);
}

#[test]
fn slots_and_options() {
    check(
        "code: code",
        "code: { choice: [a, a, b] }",
        &[
            ("D006", "choice: [a, a"),
            ("D021", "slot: code"),
            ("D021", "slot: code"),
            ("D021", "slot: code"),
        ],
    );
    check(
        "choice: [cnie, sejour]",
        "choice: [cnie, passport]",
        &[("D022", "set: { id_type: sejour }")],
    );
    check(
        "set: { id_type: cnie }",
        "set: { id_typ: cnie }",
        &[("D020", "id_typ:")],
    );
    check(
        "set: { id_type: cnie }",
        "set: { code: cnie }",
        &[("D023", "set: { code")],
    );
    check(
        "set: { id_type: cnie }",
        "set: { birth: cnie }",
        &[("D021", "set: { birth")],
    );
    check(
        "email: email",
        "email: email\n  account: email",
        &[("D024", "account: email")],
    );
    check(
        "email: email",
        "email: email\n  not: email",
        &[("D024", "not: email")],
    );
    check("slot: city", "slot: region", &[("D021", "slot: region")]);
    check(
        "within: group",
        "within: region",
        &[("D021", "within: region")],
    );
    check("    within: group\n", "", &[("D003", "categories:")]);
    check(
        "slot: group",
        "within: region\n    slot: group",
        &[("D005", "within: region")],
    );
    check(
        "label: home-other",
        "label: home-phone",
        &[("D031", "home-phone, to: other")],
    );
    check(
        "- { label: home-number, to: id_type }",
        "- { label: a, to: id_type }\n      - { label: b, to: id_type }",
        &[("D030", "label: a,")],
    );
    check(
        "- { label: home-phone, to: phone_changed }\n    then",
        "- { label: home-phone, to: phone_changed }\n      - { label: b, to: other }\n    then",
        &[("D030", "code-again")],
    );
    check(
        "speak: ar, to",
        "speak: ar, agree: true, to",
        &[("D032", "speak: ar")],
    );
}

#[test]
fn targets_and_arrows() {
    check("to: id_number }", "to: id_numbr }", &[("D010", "id_numbr")]);
    check("entry: home", "entry: hom", &[("D010", "entry: hom")]);
    check(
        "one_text: id_type",
        "one_text: idtype",
        &[("D010", "one_text: idtype")],
    );
    check(
        "  - { to: home }",
        "  - { to: start }",
        &[("D010", "- { to: start }")],
    );
    check(
        "entry: home",
        "entry: refused",
        &[("D026", "entry: refused")],
    );
    check(
        "one_text: id_type",
        "one_text: lookup",
        &[("D026", "one_text: lookup")],
    );
    check(
        "when: caller != on_file",
        "when: caller != onfile",
        &[("D011", "onfile")],
    );
    check(
        "when: account, to",
        "when: acount, to",
        &[("D011", "acount")],
    );
    check(
        "when: account, to",
        "when: status, to",
        &[("D011", "when: status,")],
    );
    check(
        "when: filled(expiry) and",
        "when: \"filled(expirx) and",
        &[("D001", "filled(expirx)")],
    );
    check(
        "when: filled(expiry) and filled(birth)",
        "when: \"filled(expirx) and filled(birth)\"",
        &[("D011", "filled(expirx)")],
    );
    check(
        "  - { to: home }",
        "  - { when: consent_given, to: home }",
        &[("D012", "when: consent_given")],
    );
    check(
        "{ when: not consent_given, to: consent }",
        "{ to: consent }",
        &[("D012", "  - { to: consent }")],
    );
    check(
        "    to: summary",
        "    to: summary\n    then: summary",
        &[("D004", "then: summary")],
    );
}

#[test]
fn calls() {
    check(
        "      limited: too_many\n",
        "",
        &[("D013", "call: registry.lookup")],
    );
    check(
        "      limited: too_many\n",
        "      limitd: too_many\n",
        &[("D013", "call: registry.lookup"), ("D014", "limitd")],
    );
    check(
        "    later: waiting\n",
        "",
        &[("D015", "call: registry.lookup")],
    );
    check(
        "later: waiting\n",
        "later: summary\n",
        &[("D015", "later: summary")],
    );
    check(
        "call: codes.send\n",
        "call: codes.send\n    later: waiting\n",
        &[("D015", "later: waiting")],
    );
    check(
        "later: waiting_password",
        "later: waiting",
        &[("D016", "later: waiting")],
    );
    check(
        "limited: too_many",
        "limited: waiting",
        &[("D016", "limited: waiting")],
    );
    check(
        "id_number: identity",
        "id_nummer: identity",
        &[
            ("D020", "slot: id_number"),
            ("D020", "forget: [id_type"),
            ("D020", "forget: [id_number]"),
        ],
    );
    check(
        "choice: [cnie, sejour]",
        "choice: [sejour, cnie]",
        &[
            ("D025", "call: registry.lookup"),
            ("D025", "slot: id_number"),
        ],
    );
}

#[test]
fn the_whole_graph() {
    check("to: forgotten }", "to: phone_changed }", &[]);
    check("      gone: forgotten", "      gone: back", &[]);
    check(
        "consent-more-info, to: privacy",
        "consent-more-info, to: regions",
        &[("D040", "privacy:")],
    );
    check(
        "  goodbye:",
        "  island:\n    kind: say\n    text: a\n\n  goodbye:",
        &[("D040", "island:")],
    );
    check("entry: home", "entry: island", &[("D010", "entry: island")]);
    check(
        "text: code-spent\n    no_back: true\n    options:\n      - { label: nearest, to: regions }",
        "text: code-spent\n    no_back: true",
        &[("D041", "code_spent:")],
    );
    check(
        "      too_soon: code_too_soon",
        "      too_soon: send_code",
        &[("D040", "code_too_soon:"), ("D042", "send_code:")],
    );
    check(
        "      unavailable: registry_down",
        "      unavailable: lookup",
        &[("D040", "registry_down:"), ("D042", "lookup:")],
    );
}

#[test]
fn nothing_is_read_before_it_is_filled() {
    // Somebody looks for places without having chosen a region.
    check(
        "label: other-language, to: language",
        "label: other-language, to: cities",
        &[("D043", "within: region")],
    );
    // A number is asked before its kind.
    check(
        "label: home-number, to: id_type",
        "label: home-number, to: id_number",
        &[
            ("D043", "call: registry.lookup"),
            ("D043", "slot: id_number"),
        ],
    );
    // The birth date is passed over on one way.
    check(
        "- { when: filled(birth), to: summary }\n      - { to: birth }",
        "- { when: filled(expiry), to: summary }\n      - { to: birth }",
        &[("D043", "call: registry.lookup")],
    );
    // What was forgotten is not asked again.
    check(
        "forget: [birth], to: birth",
        "forget: [birth], to: summary",
        &[("D043", "call: registry.lookup")],
    );
    // A code is sent although nobody has been found.
    check(
        "label: home-forgotten, to: forgotten",
        "label: home-forgotten, to: resend",
        &[("D043", "call: password.resend")],
    );
    check(
        "      no_match: no_match",
        "      no_match: send_code",
        &[
            ("D040", "no_match:"),
            ("D043", "call: codes.send"),
            ("D043", "call: account.open"),
            ("D043", "call: password.resend"),
        ],
    );
    // The person is corrected after the registry has answered, and the old answer used.
    check(
        "label: details-wrong, to: not_me",
        "label: details-wrong, forget: [birth], to: open",
        &[
            ("D040", "not_me:"),
            ("D043", "call: account.open"),
            ("D043", "call: password.resend"),
        ],
    );
    // A guard compares a slot that may be empty; asked first whether it is filled, it may.
    check(
        "when: not consent_given, to",
        "when: id_type == cnie, to",
        &[("D043", "id_type == cnie")],
    );
    check(
        "when: filled(birth), to: summary }\n      - { to: birth }",
        "when: filled(birth) and id_type == cnie, to: summary }\n      - { to: birth }",
        &[],
    );
}

/// As the console prints it.
fn printed(old: &str, new: &str) -> String {
    let found = load("dialogs/tns.yaml", &poisoned(old, new)).unwrap_err();
    let handler =
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(90);
    let mut out = String::new();
    for finding in found {
        handler.render_report(&mut out, &finding).unwrap();
    }
    out
}

#[test]
fn what_the_console_prints() {
    assert_eq!(
        printed("to: id_number }", "to: id_numbr }"),
        "\
D010

  × there is no page `id_numbr`
    ╭─[dialogs/tns.yaml:86:55]
 85 │     options:
 86 │       - { label: id-cnie, set: { id_type: cnie }, to: id_numbr }
    ·                                                       ────────
 87 │       - { label: id-sejour, set: { id_type: sejour }, to: id_number }
    ╰────
  help: did you mean `id_number`?
"
    );
    assert_eq!(
        printed("when: caller != on_file", "when: caller != onfile"),
        "\
D011

  × `caller` is never `onfile`, did you mean `on_file`? (one of on_file, other, none)
     ╭─[dialogs/tns.yaml:135:29]
 134 │         - { when: caller == none and policy == agency, to: no_number }
 135 │         - { when: caller != onfile, to: send_code }
     ·                             ──────
 136 │         - { when: status == subject, to: subject }
     ╰────
  help: guards are such as `caller == other and not account` or `filled(expiry)`
"
    );
    assert_eq!(
        printed(
            "label: other-language, to: language",
            "label: other-language, to: cities"
        ),
        "\
D043

  × the list on page `cities` reads `region`, not there on the way from `other`
     ╭─[dialogs/tns.yaml:397:13]
 396 │     list: cities
 397 │     within: region
     ·             ──────
 398 │     slot: city
     ╰────
  help: ask for it on every way to `cities`, or lead there only `when: filled(region)`
"
    );
}

#[test]
fn a_dialog_is_not_endless() {
    let island = |n: usize| format!("  more{n}:\n    kind: end\n    text: goodbye\n");
    let islands: String = (0..=300).map(island).collect();
    check(
        "pages:\n",
        &format!("pages:\n{islands}"),
        &[("D009", "more0:")],
    );
    let call = |n: usize| {
        format!(
            "  more{n}:\n    kind: call\n    call: codes.send\n    outcomes: {{ sent: more{}, too_soon: code, limited: code }}\n",
            n + 1
        )
    };
    let calls: String = (0..6).map(call).collect();
    let last = "  more6:\n    kind: end\n    text: goodbye\n";
    check("sent: code\n", "sent: more0\n", &[("D010", "sent: more0")]);
    let text = poisoned("pages:\n", &format!("pages:\n{calls}{last}")).replacen(
        "sent: code\n",
        "sent: more0\n",
        1,
    );
    let found = load("dialogs/tns.yaml", &text).unwrap_err();
    let told: Vec<&str> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(
        told,
        ["D042", "D042"],
        "the chains that begin at lookup and at send_code"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever somebody does to the file, it is refused or it is right; what is loaded has every
    /// page that it names.
    #[test]
    fn a_spoilt_dialog_never_panics(edits in prop::collection::vec((0usize..450, 0usize..450, 0u8..4), 1..4)) {
        let mut lines: Vec<String> = TNS.lines().map(str::to_owned).collect();
        for (at, other, what) in edits {
            let (at, other) = (at % lines.len(), other % lines.len());
            match what {
                0 => { lines.remove(at); }
                1 => { let line = lines[other].clone(); lines.insert(at, line); }
                2 => lines.swap(at, other),
                _ => {
                    let word = lines[other].split_whitespace().last().unwrap_or("x").to_owned();
                    let cut = lines[at].rfind(' ').unwrap_or(0);
                    lines[at] = format!("{} {word}", &lines[at][..cut]);
                }
            }
        }
        match load("dialogs/tns.yaml", &lines.join("\n")) {
            Err(found) => prop_assert!(!found.is_empty()),
            Ok(dialog) => {
                for page in dialog.pages.values() {
                    for to in crate::dialog::graph::targets(&dialog, page) {
                        prop_assert!(dialog.pages.contains_key(to));
                    }
                }
            }
        }
    }

    #[test]
    fn any_text_is_refused_in_peace(text in "[a-z{}\\[\\]:,&*!|>'\"#\n -]{0,200}") {
        prop_assert!(load("dialogs/tns.yaml", &text).is_err());
    }
}
