//! The paths of one link: what its operator sends, what it is answered, how it shows who it is.
//!
//! A shape says what it takes in these values; how OpenAPI writes them is here alone.

use serde_json::{Map, Value, json};

use crate::http::openapi::{Site, problem};

/// One way to call a link.
#[derive(Clone, Debug, Default)]
pub struct CallbackDoc {
    /// The link's name.
    pub link: String,
    /// What is special about this way, in a few words; empty where nothing is.
    pub what: String,
    /// What it is, in a few words: the shape's title.
    pub title: String,
    /// What an integrator should know.
    pub about: String,
    /// The path with its parameters in braces, `/ussd/operator/session/{session}`.
    pub path: String,
    /// Its methods, in capitals.
    pub methods: Vec<String>,
    /// The content types of its body, the usual one first; none where no body is looked at.
    pub content_types: Vec<String>,
    /// What stands in path, query and headers.
    pub parameters: Vec<FieldDoc>,
    /// What stands in the body: one list of fields for each thing that a request may be.
    pub bodies: Vec<Vec<FieldDoc>>,
    /// Where the list of elements stands in the body, by the steps to it, where requests are
    /// batches; the fields are then those of an element. What an element lacks is told by the
    /// gateway's log: the others count.
    pub each: Option<Vec<String>>,
    /// The answers.
    pub answers: Vec<AnswerDoc>,
    /// How the caller shows who it is: all of them. None where it does not have to.
    pub security: Vec<SecurityDoc>,
    /// Requests as they are sent.
    pub samples: Vec<SampleDoc>,
}

/// One field of a request.
#[derive(Clone, Debug)]
pub struct FieldDoc {
    /// Where it stands.
    pub place: PlaceDoc,
    /// Whether a request must have it.
    pub required: bool,
    /// What it is.
    pub kind: FieldKind,
    /// What it means.
    pub note: String,
    /// Whether the body says what is a number, a flag or nothing, and all are taken.
    pub typed: bool,
}

/// Where a field stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceDoc {
    /// A segment of the path.
    Path(String),
    /// A parameter of the query.
    Query(String),
    /// A header.
    Header(String),
    /// A field of a form.
    Form(String),
    /// A value of a JSON body, by the steps to it; `*` is each of a list.
    Json(Vec<String>),
    /// An element of an XML body, by the names from the root; the last may be `@name`.
    Xml(Vec<String>),
    /// The whole body.
    Body,
}

/// What a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A text without NUL.
    Text,
    /// A text that tells things apart: 1 to 128 bytes without control characters.
    Id,
    /// The same, or nothing.
    MaybeId,
    /// A phone number, with this before it where it is not empty.
    Number(String),
    /// The same, or nothing.
    MaybeNumber(String),
    /// One of these dialled codes, and what was dialled behind it; or nothing.
    Code {
        /// The codes.
        codes: Vec<String>,
        /// What stands before it, where it is not empty.
        before: String,
    },
    /// One of these short numbers, with or without the country's code.
    ShortNumber {
        /// The numbers.
        numbers: Vec<String>,
        /// Whether it may be empty.
        may_lack: bool,
    },
    /// A number in digits.
    Digits,
    /// Nothing.
    Nothing,
    /// It is not there.
    Absent,
    /// A whole number up to 255 in digits, or nothing.
    Octet,
    /// The same up to 65535.
    Double,
    /// Octets, two digits each; at least one.
    Hexadecimal,
    /// One of these words.
    OneOf(Vec<String>),
    /// None of these words.
    NoneOf(Vec<String>),
    /// One of these words, or what begins with one of the others.
    Like(Vec<String>, Vec<String>),
    /// Neither.
    Unlike(Vec<String>, Vec<String>),
}

/// One answer.
#[derive(Clone, Debug)]
pub struct AnswerDoc {
    /// The status.
    pub status: u16,
    /// What it says.
    pub note: String,
    /// The content type; none where there is no body. Problems have `application/problem+json`.
    pub content_type: Option<String>,
    /// Headers that it always has.
    pub headers: Vec<String>,
    /// An example of the body, and what it is in a few words.
    pub example: Option<(String, Value)>,
}

/// One way to show who calls.
#[derive(Clone, Debug)]
pub struct SecurityDoc {
    /// Its name among the document's schemes; the same name is the same scheme.
    pub name: String,
    /// A security scheme object of OpenAPI.
    pub scheme: Value,
}

/// A request as it is sent.
#[derive(Clone, Debug)]
pub struct SampleDoc {
    /// What it is, in a few words.
    pub what: String,
    /// Its values by field: of the body as a whole, or of the parameter of that name.
    pub body: Option<Value>,
    /// Values of parameters, by name.
    pub parameters: Vec<(String, String)>,
}

impl CallbackDoc {
    /// The name under which its paths stand together.
    pub fn tag(&self) -> String {
        format!("link {}", self.link)
    }

    /// A name for an operation that no other has: letters, digits and underscores.
    fn id(&self, method: &str) -> String {
        let path = self.path.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        format!("{}{}", method.to_ascii_lowercase(), path)
    }
}

/// Puts the paths and the security schemes of one way to call a link into the document.
pub(super) fn describe(
    site: &Site,
    of: &CallbackDoc,
    paths: &mut Map<String, Value>,
    schemes: &mut Map<String, Value>,
) {
    for security in &of.security {
        schemes.insert(security.name.clone(), security.scheme.clone());
    }
    let item = paths
        .entry(of.path.clone())
        .or_insert_with(|| json!({ "servers": [{ "url": site.callbacks, "description": "Operators' callbacks." }] }));
    for method in &of.methods {
        item[method.to_ascii_lowercase()] = operation(of, method);
    }
}

fn operation(of: &CallbackDoc, method: &str) -> Value {
    let mut operation = json!({
        "operationId": of.id(method),
        "tags": [of.tag()],
        "summary": if of.what.is_empty() { of.title.clone() } else { format!("{}: {}", of.title, of.what) },
        "description": of.about,
        "responses": responses(of),
    });
    let parameters: Vec<Value> = of
        .parameters
        .iter()
        .filter_map(|field| parameter(of, field))
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if !of.content_types.is_empty() && method != "GET" {
        operation["requestBody"] = request_body(of);
    }
    if !of.security.is_empty() {
        // One requirement with all of them: each has to pass.
        let all: Map<String, Value> = of
            .security
            .iter()
            .map(|security| (security.name.clone(), json!([])))
            .collect();
        operation["security"] = json!([all]);
    }
    operation
}

/// The field as a parameter, if it is none of the body.
fn parameter(of: &CallbackDoc, field: &FieldDoc) -> Option<Value> {
    let (place, name) = match &field.place {
        PlaceDoc::Path(name) => ("path", name),
        PlaceDoc::Query(name) => ("query", name),
        PlaceDoc::Header(name) => ("header", name),
        PlaceDoc::Form(_) | PlaceDoc::Json(_) | PlaceDoc::Xml(_) | PlaceDoc::Body => return None,
    };
    let mut parameter = json!({
        "name": name,
        "in": place,
        "required": field.required || place == "path",
        "schema": schema(field),
        "description": field.note,
    });
    let examples: Map<String, Value> = of
        .samples
        .iter()
        .filter_map(|sample| {
            let (_, value) = sample.parameters.iter().find(|(known, _)| known == name)?;
            Some((sample.what.clone(), json!({ "value": value })))
        })
        .collect();
    if !examples.is_empty() {
        parameter["examples"] = examples.into();
    }
    Some(parameter)
}

/// Up to 255, and up to 65535, for regular expressions, which cannot count.
const OCTET: &str = "[0-9]{0,2}|1[0-9]{2}|2[0-4][0-9]|25[0-5]";
const DOUBLE: &str =
    "[0-9]{0,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]";

/// What stands in a field of that kind, but for its types.
fn content(kind: &FieldKind, in_xml: bool, in_json: bool) -> Value {
    match kind {
        // XML has no NUL.
        FieldKind::Text if in_xml => json!({}),
        FieldKind::Text => json!({ "pattern": "^[^\\u0000]*$" }),
        // Spaces around the text of an element are taken away.
        FieldKind::Id if in_xml => json!({
            "pattern": "^[^\\u0000-\\u0020\\u007f-\\u00a0][^\\u0000-\\u001f\\u007f-\\u009f]*$",
            "maxLength": 128,
        }),
        FieldKind::Id => {
            json!({ "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", "maxLength": 128 })
        }
        FieldKind::MaybeId => {
            json!({ "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$", "maxLength": 128 })
        }
        FieldKind::Digits => json!({ "pattern": "^[0-9]+$" }),
        FieldKind::Nothing => json!({ "maxLength": 0 }),
        FieldKind::Absent if in_json => json!({ "type": "null" }),
        FieldKind::Absent => json!(false),
        FieldKind::Octet => json!({ "pattern": format!("^0*({OCTET})$") }),
        FieldKind::Double => json!({ "pattern": format!("^0*({DOUBLE})$") }),
        FieldKind::Hexadecimal => json!({ "pattern": "^([0-9A-Fa-f]{2})+$" }),
        FieldKind::ShortNumber { numbers, may_lack } => {
            let known: Vec<String> = numbers.iter().map(|number| escaped(number)).collect();
            let one = format!(" *\\+?(212)?({}) *", known.join("|"));
            let pattern = if *may_lack {
                format!("^({one})?$")
            } else {
                format!("^{one}$")
            };
            json!({ "pattern": pattern, "examples": numbers })
        }
        FieldKind::MaybeNumber(before) => json!({
            "pattern": format!(
                "^({}((\\+|00)?[1-9][0-9]{{7,14}}|0[1-9][0-9]{{8}}))?$",
                maybe(before)
            ),
        }),
        FieldKind::Number(before) => json!({
            "pattern": format!(
                "^{}((\\+|00)?[1-9][0-9]{{7,14}}|0[1-9][0-9]{{8}})$",
                maybe(before)
            ),
            "examples": [format!("{before}+212661000002")],
        }),
        FieldKind::Code { codes, before } => {
            let bare: Vec<String> = codes
                .iter()
                .map(|code| escaped(code.trim_matches(['*', '#'])))
                .collect();
            // Behind the code anything may be dialled; signs around it are left out by some.
            json!({
                "pattern": format!(
                    "^{}( *[*#+]*({})(\\*[^\\u0000-\\u001f\\u007f-\\u009f]*|#* *))?$",
                    maybe(before),
                    bare.join("|")
                ),
                "maxLength": 128,
                "examples": codes,
            })
        }
        FieldKind::OneOf(words) => json!({ "enum": literals(words, in_json) }),
        FieldKind::Like(words, begins) => either(words, begins, in_json),
        FieldKind::Unlike(words, begins) => {
            json!({ "not": either(words, begins, in_json), "pattern": "^[^\\u0000]*$" })
        }
        FieldKind::NoneOf(words) => {
            json!({ "not": { "enum": literals(words, in_json) }, "pattern": "^[^\\u0000]*$" })
        }
    }
}

/// Whether a field of that kind holds whatever is written, also what is no text.
fn holds_any(kind: &FieldKind) -> bool {
    match kind {
        FieldKind::Text
        | FieldKind::Id
        | FieldKind::MaybeId
        | FieldKind::NoneOf(_)
        | FieldKind::Unlike(..) => true,
        FieldKind::Number(_)
        | FieldKind::MaybeNumber(_)
        | FieldKind::Code { .. }
        | FieldKind::ShortNumber { .. }
        | FieldKind::Hexadecimal
        | FieldKind::Digits
        | FieldKind::Nothing
        | FieldKind::Absent
        | FieldKind::Octet
        | FieldKind::Double
        | FieldKind::OneOf(_)
        | FieldKind::Like(..) => false,
    }
}

fn schema(field: &FieldDoc) -> Value {
    let in_xml = matches!(field.place, PlaceDoc::Xml(_));
    let in_json = matches!(field.place, PlaceDoc::Json(_));
    let mut schema = content(&field.kind, in_xml, in_json);
    if matches!(field.kind, FieldKind::Absent) {
        return schema;
    }
    let mut types = vec!["string"];
    let is_any = holds_any(&field.kind);
    if field.typed && is_any {
        types.extend(["number", "boolean"]);
    }
    if in_json && matches!(field.kind, FieldKind::Number(_)) {
        // 8 to 15 digits, as a text has them.
        types.push("integer");
        schema["minimum"] = 10_000_000.into();
        schema["maximum"] = 999_999_999_999_999_u64.into();
    }
    if matches!(field.place, PlaceDoc::Path(_)) {
        schema["minLength"] = 1.into();
    }
    if in_json && matches!(field.kind, FieldKind::Digits) {
        types.push("integer");
        schema["minimum"] = 0.into();
        // What is larger is read as a fraction, whose digits are not those that were written.
        schema["maximum"] = u64::MAX.into();
    }
    // In XML everything is text, nothing too; in JSON it is the same as an absent value.
    let may_be_null = if in_xml { is_any } else { !field.required };
    if field.typed && may_be_null && !matches!(field.kind, FieldKind::OneOf(_)) {
        types.push("null");
    }
    // Words are of the types that they are.
    if !matches!(field.kind, FieldKind::OneOf(_)) {
        schema["type"] = match types.as_slice() {
            [one] => (*one).into(),
            several => several.into(),
        };
    }
    if !field.note.is_empty() {
        schema["description"] = field.note.clone().into();
    }
    schema
}

/// What may stand before a value, within a regular expression.
fn maybe(before: &str) -> String {
    if before.is_empty() {
        String::new()
    } else {
        format!("({})?", escaped(before))
    }
}

/// One of these words, or what begins with one of the others.
fn either(words: &[String], begins: &[String], in_json: bool) -> Value {
    let begins: Vec<String> = begins.iter().map(|begin| escaped(begin)).collect();
    json!({ "anyOf": [
        { "enum": literals(words, in_json) },
        { "type": "string", "pattern": format!("^({})[^\\u0000]*$", begins.join("|")) },
    ] })
}

/// Words; in JSON those that look like a number or a flag may be one.
fn literals(words: &[String], in_json: bool) -> Vec<Value> {
    let bare = |word: &String| {
        let read: Value = serde_json::from_str(word).ok()?;
        (read.is_number() || read.is_boolean()).then_some(read)
    };
    let mut all: Vec<Value> = words.iter().cloned().map(Value::from).collect();
    if in_json {
        all.extend(words.iter().filter_map(bare));
    }
    all
}

/// A text within a regular expression.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_alphanumeric() && c != ':' {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn request_body(of: &CallbackDoc) -> Value {
    let mut schemas: Vec<Value> = of.bodies.iter().map(|fields| body_schema(fields)).collect();
    let schema = match schemas.len() {
        0 => json!({}),
        1 => schemas.remove(0),
        _ if of.each.is_some() => schemas.remove(0),
        _ => {
            let mut either = json!({ "anyOf": schemas });
            // The root's name is looked for where the body begins.
            let root = either["anyOf"][0]["xml"].clone();
            if !root.is_null() {
                either["xml"] = root;
            }
            either
        }
    };
    let schema = match &of.each {
        Some(steps) => batch(schema, steps),
        None => schema,
    };
    let mut media = json!({ "schema": schema });
    let examples: Map<String, Value> = of
        .samples
        .iter()
        .filter_map(|sample| {
            Some((
                sample.what.clone(),
                json!({ "value": sample.body.clone()? }),
            ))
        })
        .collect();
    if !examples.is_empty() {
        media["examples"] = examples.into();
    }
    let content: Map<String, Value> = of
        .content_types
        .iter()
        .map(|kind| (kind.clone(), media.clone()))
        .collect();
    json!({ "required": true, "content": content })
}

/// The schema of a list of such elements, or one alone, at the end of these steps.
fn batch(mut element: Value, steps: &[String]) -> Value {
    loosen(&mut element);
    let mut schema = json!({ "type": ["array", "object"], "items": element, "maxItems": 2000 });
    for step in steps.iter().rev() {
        schema = json!({ "type": "object", "required": [step], "properties": { step: schema } });
    }
    schema
}

/// Takes out what an element may break without harm to the request.
fn loosen(schema: &mut Value) {
    let Value::Object(map) = schema else {
        return;
    };
    for strict in [
        "type",
        "required",
        "pattern",
        "maxLength",
        "enum",
        "not",
        "anyOf",
        "minimum",
        "maximum",
    ] {
        map.remove(strict);
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(loosen);
    }
    if let Some(items) = map.get_mut("items") {
        loosen(items);
    }
}

fn body_schema(fields: &[FieldDoc]) -> Value {
    let mut schema = json!({ "type": "object" });
    for field in fields {
        match &field.place {
            PlaceDoc::Form(name) => put(&mut schema, std::slice::from_ref(name), field),
            PlaceDoc::Json(steps) => put(&mut schema, steps, field),
            PlaceDoc::Xml(names) => {
                // The root is the schema itself.
                if let Some((root, below)) = names.split_first() {
                    schema["xml"] = json!({ "name": root });
                    put(&mut schema, below, field);
                }
            }
            PlaceDoc::Body => return self::schema(field),
            PlaceDoc::Path(_) | PlaceDoc::Query(_) | PlaceDoc::Header(_) => {}
        }
    }
    let in_xml = fields
        .iter()
        .any(|field| matches!(field.place, PlaceDoc::Xml(_)));
    if !in_xml && schema.get("required").is_none() {
        // Where nothing in it is needed, it may be anything.
        schema["type"] = json!(["object", "array", "string", "number", "boolean", "null"]);
    }
    schema
}

/// Puts a field into an object's schema at the end of these steps.
fn put(object: &mut Value, steps: &[String], field: &FieldDoc) {
    let Some((step, below)) = steps.split_first() else {
        return;
    };
    if step == "*" || step.bytes().all(|byte| byte.is_ascii_digit()) {
        object["type"] = "array".into();
        if below.is_empty() {
            object["items"] = schema(field);
        } else {
            if object.get("items").is_none() {
                object["items"] = json!({ "type": "object" });
            }
            put(&mut object["items"], below, field);
        }
        return;
    }
    let name = step.strip_prefix('@').unwrap_or(step);
    if field.required {
        let required = &mut object["required"];
        if required.is_null() {
            *required = json!([]);
        }
        if let Some(required) = required.as_array_mut()
            && !required.iter().any(|known| known == name)
        {
            required.push(name.into());
        }
    }
    if below.is_empty() {
        object["properties"][name] = schema(field);
        if step.starts_with('@') {
            object["properties"][name]["xml"] = json!({ "attribute": true });
        }
        return;
    }
    // Where nothing in it is needed, it may be anything.
    let is_new = object["properties"].get(name).is_none();
    if is_new {
        object["properties"][name] = json!({});
    }
    if field.required {
        object["properties"][name]["type"] = "object".into();
    }
    put(&mut object["properties"][name], below, field);
}

fn responses(of: &CallbackDoc) -> Value {
    let mut responses = Map::new();
    for answer in &of.answers {
        let mut described = match answer.content_type.as_deref() {
            Some("application/problem+json") => problem(&answer.note),
            Some(kind) => {
                let mut media = json!({});
                if let Some((what, example)) = &answer.example {
                    media["examples"] = json!({ what.as_str(): { "value": example } });
                }
                json!({ "description": answer.note, "content": { kind: media } })
            }
            None => json!({ "description": answer.note }),
        };
        for header in &answer.headers {
            described["headers"][header] =
                json!({ "required": true, "schema": { "type": "string" } });
        }
        responses.insert(answer.status.to_string(), described);
    }
    responses.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::openapi::document;

    fn field(place: PlaceDoc, required: bool) -> FieldDoc {
        FieldDoc {
            place,
            required,
            kind: FieldKind::OneOf(vec!["a".into()]),
            note: String::new(),
            typed: false,
        }
    }

    fn described(of: CallbackDoc) -> Value {
        document(&Site::default(), &[of])
    }

    #[test]
    fn a_form_with_a_secret_in_its_path() {
        let document = described(CallbackDoc {
            link: "at".into(),
            path: "/ussd/at/{secret}".into(),
            methods: vec!["POST".into()],
            content_types: vec!["application/x-www-form-urlencoded".into()],
            parameters: vec![field(PlaceDoc::Path("secret".into()), true)],
            bodies: vec![vec![
                field(PlaceDoc::Form("text".into()), true),
                field(PlaceDoc::Form("networkCode".into()), false),
            ]],
            security: vec![SecurityDoc {
                name: "at-key".into(),
                scheme: json!({ "type": "apiKey", "in": "header", "name": "x-api-key" }),
            }],
            ..CallbackDoc::default()
        });
        let post = &document["paths"]["/ussd/at/{secret}"]["post"];
        assert_eq!(post["operationId"], "post_ussd_at__secret_");
        assert_eq!(post["parameters"][0]["name"], "secret");
        assert_eq!(post["security"], json!([{ "at-key": [] }]));
        let schema = &post["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
        assert_eq!(schema["required"], json!(["text"]));
        assert_eq!(schema["properties"].as_object().unwrap().len(), 2);
        assert!(
            document["components"]["securitySchemes"]
                .get("at-key")
                .is_some()
        );
    }

    #[test]
    fn pointers_and_paths_become_nested_schemas() {
        let steps = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        let mut schema = json!({ "type": "object" });
        put(
            &mut schema,
            &steps("results/0/from"),
            &field(PlaceDoc::Body, true),
        );
        put(
            &mut schema,
            &steps("results/0/text"),
            &field(PlaceDoc::Body, false),
        );
        put(
            &mut schema,
            &steps("call/@id"),
            &field(PlaceDoc::Body, true),
        );
        let word = json!({ "enum": ["a"] });
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "required": ["results", "call"],
                "properties": {
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["from"],
                            "properties": { "from": word, "text": word },
                        },
                    },
                    "call": {
                        "type": "object",
                        "required": ["id"],
                        "properties": { "id": { "enum": ["a"], "xml": { "attribute": true } } },
                    },
                },
            })
        );
    }
}
