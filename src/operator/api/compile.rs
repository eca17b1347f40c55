//! What shapes say of an operator's API, proved.

use http::Method;

use crate::operator::api::answer::AnswerShape;
use crate::operator::api::file::AnswerFile;
use crate::operator::compile::{self, Fault};
use crate::operator::field::Field;
use crate::operator::file::{FieldFile, Ordered, RequestFile};

/// The method of a request of ours.
pub(in crate::operator) fn method(name: &str) -> Result<Method, Fault> {
    match name {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        _ => Err(Fault::new(
            "method:",
            "that is no method to send with",
            "write GET, POST or PUT in capitals",
        )
        .within("method")),
    }
}

/// Proves that a path can stand behind the address of an API.
pub(in crate::operator) fn behind_url(path: &str) -> Result<(), Fault> {
    if path.is_empty() || path.starts_with('/') {
        return Ok(());
    }
    Err(Fault::new(
        "path:",
        "the path stands behind the link's `url`",
        "begin it with `/`; the host is the link's",
    )
    .within("path"))
}

/// The fields of the API's answer with its status before them, and the rules.
pub(in crate::operator) fn answer(given: &AnswerFile) -> Result<AnswerShape, Fault> {
    let request = RequestFile {
        methods: vec!["GET".to_owned()],
        body: given.body,
        content_types: Some(Vec::new()),
        path: None,
        fields: Ordered::<FieldFile>(given.fields.0.clone()),
    };
    let mut fields = vec![Field {
        name: "http".to_owned(),
        places: Vec::new(),
        optional: false,
        strip: None,
        after: None,
        before: None,
        part: None,
        digits: false,
    }];
    fields.extend(
        compile::request(&request)
            .map_err(|fault| fault.within("answer"))?
            .fields,
    );
    if given.says.is_empty() {
        return Err(Fault::new(
            "says:",
            "nothing tells that it was taken",
            "write a rule such as `{ field: http, equals: [\"200\"], is: accepted }`",
        )
        .within("says")
        .within("answer"));
    }
    let of_says = |fault: Fault| fault.within("says").within("answer");
    let says = compile::rules(&given.says, &fields).map_err(of_says)?;
    Ok(AnswerShape {
        body: given.body,
        fields,
        says,
    })
}
