//! `push:` of a shape, proved: where a screen goes in a request of ours.

use crate::operator::api::compile::{answer, behind_url, method};
use crate::operator::compile::Fault;
use crate::operator::compile::reply::{hole, shown, template, unfit};
use crate::operator::field::Field;
use crate::operator::file::{PushFile, ReplyFile};
use crate::operator::template::Template;
use crate::operator::ussd::push::{PUSH_HOLES, Push};

/// Proves that no field of the callback is called as a hole of the request is.
pub(super) fn names(fields: &[Field]) -> Result<(), Fault> {
    let taken = |field: &&Field| PUSH_HOLES.iter().any(|(hole, _)| *hole == field.name);
    match fields.iter().find(taken) {
        None => Ok(()),
        Some(field) => Err(Fault::new(
            format!("{}:", field.name),
            format!("`{}` is what `push:` calls something else", field.name),
            "give the field another name",
        )
        .within(&field.name)
        .within("fields")
        .within("request")),
    }
}

/// Proves it; `fields` are those of the callback.
pub(super) fn push(file: &PushFile, fields: &[Field]) -> Result<Push, Fault> {
    behind_url(&file.path)?;
    if file.method == "GET" {
        return Err(Fault::new(
            "method:",
            "a GET has no body, and a screen stands in it",
            "write POST or PUT",
        )
        .within("method"));
    }
    let known = |name: &str| hole(name, fields, &PUSH_HOLES);
    let path = Template::parse(&file.path, &known)
        .map_err(|misfit| unfit(misfit, fields, &PUSH_HOLES, "path:").within("path"))?;
    let given = ReplyFile {
        status: None,
        content_type: file.content_type.clone(),
        headers: file.headers.clone(),
        text: file.text.clone(),
        xml: file.xml.clone(),
        json: file.json.clone(),
        replace: file.replace.clone(),
    };
    Ok(Push {
        method: method(&file.method)?,
        path,
        basic: file.basic,
        body: shown(template(&given, fields, &PUSH_HOLES, "push:")?, "push")?,
        answer: file.answer.as_ref().map(answer).transpose()?,
    })
}
