//! What an operator's API answers, for the pages of both channels.

use crate::operator::api::answer::AnswerShape;
use crate::operator::api::file::Says;
use crate::operator::page::{Page, when};

/// What the answers to our requests mean.
pub(super) fn said(
    page: &mut Page,
    answer: &AnswerShape,
    what: &str,
    word: fn(Says) -> &'static str,
) {
    let rows: Vec<Vec<String>> = answer
        .says
        .iter()
        .map(|rule| vec![when(rule, &answer.fields), word(rule.is).to_owned()])
        .collect();
    page.text("Its answer, where the field `http` is the status:");
    page.table(&["when", what], &rows);
}
