//! Each proof broken once, in copies of the texts and the dialog of the procedure.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::LazyLock;

use super::*;
use crate::dialog::load::load_marked;
use crate::finding::Level;
use crate::locale::embedded_files;

const TNS: &str = include_str!("../../dialogs/tns.yaml");
const LIMITS: [(&str, Limit); 2] = [("USSD", Limit::USSD), ("SMS", Limit::SMS)];

fn found(dialog: &str, files: &[LocaleFile]) -> Vec<Finding> {
    let source = Source::new("dialogs/tns.yaml", dialog);
    let (dialog, marks) = load_marked(&source).unwrap();
    let locales = Locales::load(files).map_err(|_| "broken texts").unwrap();
    let lists = Lists::default();
    texts(Subject {
        dialog: &dialog,
        marks: &marks,
        source: &source,
        locales: &locales,
        files,
        lists: &lists,
        limits: &LIMITS,
    })
}

fn printed(finding: &Finding) -> String {
    let (line, _) = finding.place();
    format!(
        "{} {}:{line} {}",
        finding.code,
        finding.source.file(),
        finding.message
    )
}

#[test]
fn the_texts_of_the_procedure_are_right() {
    let found = found(TNS, &embedded_files());
    let errors: Vec<String> = found
        .iter()
        .filter(|finding| finding.level == Level::Error)
        .map(printed)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    // Where the Arabic must be long, it is told and does not stop anything.
    assert!(
        found.iter().all(|finding| finding.code == "T006"),
        "{:?}",
        found.iter().map(printed).collect::<Vec<_>>()
    );
}

/// Changes one file and compares the new findings: code, file, and a text of the line.
#[track_caller]
fn check(file: &str, old: &str, new: &str, expected: &[(&str, &str)]) {
    let mut files = embedded_files();
    let mut dialog = TNS.to_owned();
    let text = match files
        .iter_mut()
        .find(|one| one.name == format!("locales/{file}.ftl"))
    {
        Some(one) => &mut one.source,
        None => &mut dialog,
    };
    assert!(text.contains(old), "{file} has no {old}");
    *text = text.replacen(old, new, 1);
    static BEFORE: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        found(TNS, &embedded_files())
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    });
    let found = found(&dialog, &files);
    let mut told: Vec<String> = found
        .iter()
        .filter(|finding| !BEFORE.contains(&finding.message))
        .map(|finding| {
            let line = finding
                .source
                .text()
                .lines()
                .nth(finding.place().0 - 1)
                .unwrap_or_default();
            match expected
                .iter()
                .find(|(code, on)| *code == finding.code && line.contains(on))
            {
                Some((code, on)) => format!("{code} {on}"),
                None => printed(finding),
            }
        })
        .collect();
    let mut expected: Vec<String> = expected
        .iter()
        .map(|(code, on)| format!("{code} {on}"))
        .collect();
    expected.sort();
    told.sort();
    assert_eq!(told, expected, "after {old} became {new}");
}

#[test]
fn each_proof_is_broken_once() {
    let long = "mot ".repeat(150);
    let long_word = "m".repeat(200);
    check(
        "fr/tns",
        "goodbye =",
        "godbye =",
        &[("T001", "text: goodbye"), ("T012", "godbye =")],
    );
    check(
        "fr/system",
        "busy =",
        "bussy =",
        &[("T001", "# What every dialog says"), ("T012", "bussy =")],
    );
    check(
        "dialog",
        "text: goodbye",
        "text: goodby",
        &[("T001", "text: goodby"), ("T012", "goodbye =")],
    );
    check(
        "fr/tns",
        "Essais restants: { $tries_left }",
        "Peu d'essais",
        &[("T002", "code-wrong =")],
    );
    check(
        "fr/tns",
        "home = Bonjour.",
        "home = { $keyword }.",
        &[("T002", "home =")],
    );
    check(
        "fr/tns",
        "{ $help_line }",
        "{ $helpline }",
        &[("T002", "consent-more ="), ("T003", "consent-more =")],
    );
    check(
        "fr/system",
        "over = Cette",
        "over = { $birth }",
        &[("T002", "over ="), ("T003", "over =")],
    );
    check(
        "fr/tns",
        "[sejour]",
        "[passport]",
        &[("T003", "id-number =")],
    );
    check(
        "fr/tns",
        "{ $tries_left }",
        "{ $code }",
        &[("T002", "code-wrong ="), ("T004", "code-wrong =")],
    );
    check(
        "fr/system",
        "over = Cette",
        "over = { $code }",
        &[("T002", "over ="), ("T004", "over =")],
    );
    check(
        "fr/tns",
        "agree = Accepter",
        &format!("agree = {long_word}"),
        &[
            ("T005", "consent ="),
            ("T005", "consent-more ="),
            ("T006", "consent-more ="),
        ],
    );
    check(
        "fr/tns",
        "id-type = Quelle",
        &format!("id-type = {long}"),
        &[("T006", "id-type =")],
    );
    check(
        "fr/tns",
        "sms-number =\n",
        &format!("sms-number =\n    {long}\n"),
        &[("T006", "sms-number =")],
    );
    check(
        "fr/tns",
        "id-type = Quelle",
        "id-type = ✓",
        &[("T007", "id-type =")],
    );
    check("fr/tns", "id-type = Quelle", "id-type = Où, l'été, ça", &[]);
    check(
        "ar/tns",
        "goodbye =\n",
        "goodbye =\n    اتصل 06 12 34 56 78\n",
        &[("T008", "goodbye =")],
    );
    check(
        "fr/tns",
        "home = Bonjour.",
        "home = { $registration }",
        &[("T002", "home ="), ("T009", "home =")],
    );
    check(
        "fr/tns",
        "home = Bonjour.",
        "home = { $birth }",
        &[("T002", "home ="), ("T009", "home =")],
    );
    check(
        "dialog",
        "text: other\n",
        "text: documents\n",
        &[
            ("T006", "documents ="),
            ("T009", "documents ="),
            ("T009", "documents ="),
            ("T012", "other ="),
        ],
    );
    check(
        "dialog",
        "speak: ar,",
        "speak: es,",
        &[("T010", "speak: es,")],
    );
    check(
        "fr/tns",
        ".words = je refuse,",
        ".words = Accépter,",
        &[("T011", "refuse ="), ("T011", "refuse =")],
    );
    check(
        "fr/tns",
        "finish = Terminer",
        "finish = { $keyword }",
        &[("T002", "finish ="), ("T013", "finish =")],
    );
    check(
        "fr/tns",
        "goodbye =",
        "more = Encore\ngoodbye =",
        &[("T012", "more =")],
    );
}
