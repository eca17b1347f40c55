//! From a shape's file to a shape: everything that its parts say of each other is proved here.

use std::collections::VecDeque;
use std::time::Duration;

use crate::callback::Channel;
use crate::dialog::tree;
use crate::finding::{Finding, Source, Span};
use crate::operator::field::{Field, Place};
use crate::operator::file::{
    CodeGiven, First, Head, Holds, NumberGiven, Ordered, Peek, RepeatFile, ReplyFile, RequestFile,
    RuleFile, SessionIds, UssdFile,
};
use crate::operator::path::{PathShape, Segment};
use crate::operator::reply::{Hole, ReplyBody, ReplyTemplate};
use crate::operator::request::BodyKind;
use crate::operator::rule::{Rule, Test};
use crate::operator::sample::Sample;
use crate::operator::template::{Escape, Fill, JsonTemplate, Template};
use crate::operator::ussd::push::Push;
use crate::operator::ussd::{RepeatRule, UssdShape};
use crate::screen::{Limit, fit};

/// Nodes of a shape's file at most.
const NODES_MAX: usize = 20_000;
/// Levels at most.
const DEPTH_MAX: usize = 24;
/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// The least time for an answer, in milliseconds; a second of it is kept back.
pub const DEADLINE_MS_MIN: u64 = 2_000;

/// What is wrong with a file, before it has a place.
pub(super) struct Fault {
    /// The keys that lead to the place; of a list, numbers from 0.
    within: VecDeque<String>,
    /// What stands in the file at the place, to find it by.
    near: String,
    message: String,
    mend: String,
}

impl Fault {
    pub(super) fn new(
        near: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            within: VecDeque::new(),
            near: near.into(),
            message: message.into(),
            mend: mend.into(),
        }
    }

    /// The same, below this key.
    pub(super) fn within(mut self, key: impl ToString) -> Self {
        self.within.push_front(key.to_string());
        self
    }

    /// The fault as a finding: below its keys, at the text that it is near.
    pub(super) fn finding(self, source: &Source) -> Finding {
        self.found("O002", source)
    }

    /// The same under another code.
    pub(super) fn found(mut self, code: &'static str, source: &Source) -> Finding {
        let span = self.place(source);
        source.error(code, span, self.message, self.mend)
    }

    fn place(&mut self, source: &Source) -> Span {
        let text = source.text();
        let keys = self.within.make_contiguous();
        let range = match tree::read(text, DEPTH_MAX) {
            Ok(root) => root.behind(keys, text.len()),
            // What was read once is read again.
            Err(_) => Span {
                at: 0,
                len: text.len(),
            },
        };
        let inside = text.get(range.at..range.at + range.len).unwrap_or_default();
        match inside.find(&self.near) {
            Some(at) => Span {
                at: range.at + at,
                len: self.near.len(),
            },
            None => Span {
                at: range.at,
                len: inside.lines().next().map_or(0, str::len),
            },
        }
    }
}

/// The text of a file as `T`.
pub(super) fn read<T: serde::de::DeserializeOwned>(source: &Source) -> Result<T, Box<Finding>> {
    if source.text().len() > FILE_BYTES_MAX {
        return Err(Box::new(source.error(
            "O001",
            Span::default(),
            format!("a shape's file has at most {FILE_BYTES_MAX} bytes"),
            "leave samples out",
        )));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: NODES_MAX, max_depth: DEPTH_MAX, max_aliases: 0, max_anchors: 0 },
        // `N` and `yes` are words of operators.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(source.text(), options).map_err(|error| {
        let span = error.location().map_or_else(Span::default, |place| {
            let place = place.span();
            let fit = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            Span {
                at: fit(place.byte_offset().unwrap_or_else(|| place.offset())),
                len: fit(place.byte_len().unwrap_or_else(|| place.len())),
            }
        });
        Box::new(source.error(
            "O001",
            span,
            error.without_snippet().render_with_formatter(&serde_saphyr::DefaultMessageFormatter),
            "docs/operators.md has every key of a shape; a built-in file of a similar operator is the best start",
        ))
    })
}

/// The channel of a file.
///
/// # Errors
/// A finding where the file cannot be read at all.
pub fn channel(source: &Source) -> Result<Channel, Box<Finding>> {
    read::<Peek>(source).map(|peek| peek.channel)
}

/// A shape of USSD callbacks.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn ussd(source: &Source) -> Result<UssdShape, Box<Finding>> {
    let file: UssdFile = read(source)?;
    ussd_of(&file).map_err(|fault| Box::new(fault.finding(source)))
}

fn ussd_of(file: &UssdFile) -> Result<UssdShape, Fault> {
    let head = file.head();
    head_of(&head)?;
    let request = request(&file.request).map_err(|fault| fault.within("request"))?;
    let RequestShape {
        methods,
        body,
        media_types,
        path,
        fields,
    } = request;
    let at = |name: &str| fields.iter().position(|field| field.name == name);
    let needed = |name: &str| {
        at(name).ok_or_else(|| {
            Fault::new(
                "fields:",
                format!("there is no field `{name}`"),
                format!("say where it stands: `{name}: form NAME`, or another place"),
            )
            .within("fields")
            .within("request")
        })
    };
    let (subscriber, input) = (needed("subscriber")?, needed("input")?);
    let (session, code) = (at("session"), at("code"));
    let reads = &file.reads;
    match (reads.code, code) {
        (CodeGiven::Always | CodeGiven::First, None) if reads.first != First::Dialled => {
            return Err(Fault::new(
                "code:",
                "the code is said to be told, and there is no field `code`",
                "name its place among the fields, or write `first: dialled` or `code: never`",
            )
            .within("code")
            .within("reads"));
        }
        (CodeGiven::Never, Some(_)) => {
            return Err(Fault::new(
                "code: never",
                "there is a field `code` that is never told",
                "take the field away, or write `code: always` or `code: first`",
            )
            .within("code")
            .within("reads"));
        }
        (CodeGiven::Always | CodeGiven::First | CodeGiven::Never, _) => {}
    }
    let has_id = session.is_some_and(|at| !fields[at].optional);
    if reads.subscriber == NumberGiven::First && !has_id {
        return Err(Fault::new(
            "subscriber: first",
            "the number is told at the dial only, and no field `session` that is always there tells whose a key press is",
            "name the place of the session's id as `session:`, without `optional: true`; or write `subscriber: always`",
        ));
    }
    if reads.holds_path() && file.repeat != RepeatFile::Path {
        return Err(Fault::new(
            "repeat:",
            "where `input` is the whole path, the path tells a repeat",
            "write `repeat: path`",
        )
        .within("repeat"));
    }
    if !reads.holds_path() && file.repeat == RepeatFile::Path {
        return Err(Fault::new(
            "repeat: path",
            "`input` holds the last thing typed, which tells no repeat",
            "write `repeat: none`, or `repeat: { key: [FIELD, …] }` with the fields of an id",
        )
        .within("repeat"));
    }
    if !reads.holds_path() && reads.event.is_empty() {
        return Err(Fault::new(
            "reads:",
            "nothing tells a dial from a key press",
            "write `event:` with a rule each, or `event: [{ is: unsaid }]` where the first request of a session is the dial",
        ).within("reads"));
    }
    let session_ids = match session.map(|at| fields[at].optional) {
        // Without an id of its own, the number's next session has the same.
        None | Some(true) => SessionIds::Recur,
        Some(false) => reads.session_ids,
    };
    let of_reads = |fault: Fault| fault.within("event").within("reads");
    let events = rules(&reads.event, &fields).map_err(of_reads)?;
    if let Some(at) = events.iter().position(|rule| rule.test == Test::Always)
        && at + 1 < events.len()
    {
        return Err(Fault::new(
            "event:",
            "a rule stands behind one that always holds, and is never asked",
            "let the rule without `field:` be the last one",
        )
        .within("event")
        .within("reads"));
    }
    let repeat = match &file.repeat {
        RepeatFile::Path => RepeatRule::Path,
        RepeatFile::None => RepeatRule::None,
        RepeatFile::Key(names) => RepeatRule::Key(
            names
                .iter()
                .map(|name| field_named(&fields, name, "key:"))
                .collect::<Result<_, _>>()
                .map_err(|fault| fault.within("repeat"))?,
        ),
    };
    let closed = match &file.closed {
        Some(file) => self::reply(file, &fields, "closed")?,
        None => ReplyTemplate::empty(),
    };
    let (reply, push) = match (&file.reply, &file.push) {
        (Some(given), None) => (
            shown(self::reply(given, &fields, "reply")?, "reply")
                .map_err(|fault| fault.within("reply"))?,
            None,
        ),
        // The screen goes elsewhere: this is an acknowledgement.
        (None, Some(given)) => (closed.clone(), {
            push::names(&fields)?;
            let push = push::push(given, &fields).map_err(|fault| fault.within("push"))?;
            Some(push)
        }),
        (Some(_), Some(_)) => {
            return Err(Fault::new(
                "push:",
                "a screen goes in one way: in the answer, or in a request of ours",
                "take `reply:` or `push:` away; with `push:`, `closed:` is what callbacks are answered",
            )
            .within("push"));
        }
        (None, None) => {
            return Err(Fault::new(
                "shape:",
                "nothing says how a screen goes back",
                "write `reply:` where it is in the answer, `push:` where it is a request of ours",
            ));
        }
    };
    let refused = match &file.refused {
        Some(file) => Some(self::reply(file, &fields, "refused")?),
        None => None,
    };
    let mut echoed = reply.fields();
    echoed.extend(closed.fields());
    echoed.extend(push.iter().flat_map(Push::fields));
    echoed.sort_unstable();
    echoed.dedup();
    let limit = Limit {
        septets: file.limits.septets,
        units: file.limits.units,
    };
    if limit.septets < fit::LIMIT_MIN.septets || limit.units < fit::LIMIT_MIN.units {
        return Err(Fault::new(
            "limits:",
            "such a screen is too small for any text",
            format!(
                "give at least {} septets and {} units",
                fit::LIMIT_MIN.septets,
                fit::LIMIT_MIN.units
            ),
        )
        .within("limits"));
    }
    if file.deadline_ms < DEADLINE_MS_MIN {
        return Err(Fault::new(
            "deadline_ms:",
            "that leaves no time to answer",
            format!("give at least {DEADLINE_MS_MIN} milliseconds"),
        )
        .within("deadline_ms"));
    }
    if file.samples.is_empty() {
        return Err(Fault::new(
            "samples:",
            "there is no sample, so nothing shows that the shape is right",
            "put in what the operator's document shows, or what was seen on the wire",
        )
        .within("samples"));
    }
    let samples: Vec<Sample> = file
        .samples
        .iter()
        .enumerate()
        .map(|(at, file)| Sample::parse(file).map_err(|fault| fault.within(at).within("samples")))
        .collect::<Result<_, _>>()?;
    if reads.subscriber == NumberGiven::Always
        && samples.iter().any(|sample| sample.dialled_by.is_some())
    {
        return Err(Fault::new(
            "dialled_by:",
            "every request tells the number, so that nobody is asked who dialled",
            "take it away, or write `subscriber: first` under `reads:`",
        ));
    }
    Ok(UssdShape {
        network: at("network"),
        head,
        methods,
        body,
        media_types,
        path,
        subscriber,
        session,
        code,
        input,
        holds: reads.input,
        first: reads.first,
        number_given: reads.subscriber,
        code_given: reads.code,
        session_ids,
        events,
        repeat,
        reply,
        push,
        closed,
        refused,
        echoed,
        limit,
        deadline: Duration::from_millis(file.deadline_ms),
        session_life: Duration::from_millis(file.session_ms),
        networks: file.networks.0.clone(),
        samples,
        fields,
    })
}

/// Proves that a screen is where it goes to.
fn shown(template: ReplyTemplate, what: &str) -> Result<ReplyTemplate, Fault> {
    let near = format!("{what}:");
    if matches!(template.body, ReplyBody::Empty) {
        return Err(Fault::new(
            near,
            format!("a {what} without a body shows nothing"),
            "write one of `text:`, `json:`, `xml:`",
        ));
    }
    if !template.shows_text() {
        return Err(Fault::new(
            near,
            format!("the screen is nowhere in the {what}, so that nobody would read it"),
            "put `{text}` where the operator wants the text, in `continue:` and `end:` alike",
        ));
    }
    Ok(template)
}

impl crate::operator::file::ReadsFile {
    fn holds_path(&self) -> bool {
        self.input == Holds::Path
    }
}

/// What every shape has at its head.
pub(super) fn head_of(head: &Head) -> Result<(), Fault> {
    let good = !head.name.is_empty()
        && head.name.len() <= 40
        && head
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !good {
        return Err(Fault::new(
            "shape:",
            "that is no name of a shape",
            "use small letters, digits and `-`, at most 40",
        )
        .within("shape"));
    }
    if !head.enabled && head.because.is_empty() {
        return Err(Fault::new(
            "enabled: false",
            "nobody will know why it is switched off",
            "add `because:` with a sentence",
        )
        .within("enabled"));
    }
    if head.sources.is_empty() {
        return Err(Fault::new(
            "sources:",
            "there is no source",
            "name the document or capture that the shape was made from",
        )
        .within("sources"));
    }
    Ok(())
}

/// `request:`, proved.
pub(super) struct RequestShape {
    pub methods: Vec<String>,
    pub body: BodyKind,
    pub media_types: Vec<String>,
    pub path: PathShape,
    pub fields: Vec<Field>,
}

/// Proves `request:`. Fields that only the shape knows may be asked about by rules and given back by
/// replies.
pub(super) fn request(file: &RequestFile) -> Result<RequestShape, Fault> {
    let methods = file.methods.clone();
    let good = ["GET", "POST", "PUT", "DELETE", "PATCH"];
    if methods.is_empty() || !methods.iter().all(|method| good.contains(&method.as_str())) {
        return Err(Fault::new(
            "methods:",
            "these are no methods of callbacks",
            "write one or more of GET, POST, PUT, DELETE, PATCH in capitals",
        )
        .within("methods"));
    }
    let media_types = match &file.content_types {
        Some(types) => types.clone(),
        None => file
            .body
            .media_types()
            .iter()
            .map(|t| (*t).to_owned())
            .collect(),
    };
    let fields: Vec<Field> = file
        .fields
        .0
        .iter()
        .map(|(name, field)| {
            let mut places = vec![field.at.clone()];
            places.extend(field.or.iter().cloned());
            Field {
                name: name.clone(),
                places,
                optional: field.optional,
                strip: field.strip.clone(),
                after: field.after.clone(),
                before: field.before.clone(),
                part: field.part.as_ref().map(|part| (part.of.clone(), part.nth)),
                digits: field.digits,
            }
        })
        .collect();
    let path = match &file.path {
        Some(path) => PathShape::parse(path).map_err(|message| {
            Fault::new(
                path,
                message,
                "name segments that differ, such as {session}",
            )
            .within("path")
        })?,
        None if fields
            .iter()
            .any(|field| field.places.contains(&Place::Rest)) =>
        {
            PathShape::Any
        }
        None => PathShape::None,
    };
    for field in &fields {
        let near = format!("{}:", field.name);
        if HOLES.iter().any(|(hole, _)| *hole == field.name) {
            return Err(Fault::new(
                near,
                format!("`{}` is what replies call something else", field.name),
                "give the field another name",
            )
            .within(&field.name)
            .within("fields"));
        }
        for place in &field.places {
            let can = match place {
                Place::Form(_) => file.body == BodyKind::Form,
                Place::Json(_) => file.body == BodyKind::Json,
                Place::Xml(_) => file.body == BodyKind::Xml,
                Place::Body => file.body == BodyKind::Text,
                Place::Path(name) => match &path {
                    PathShape::Of(segments) => segments
                        .iter()
                        .any(|segment| matches!(segment, Segment::Named(n) if n == name)),
                    PathShape::Any | PathShape::None => false,
                },
                Place::Query(_) | Place::Header(_) | Place::Rest | Place::Method => true,
            };
            if !can {
                return Err(Fault::new(
                    near,
                    format!(
                        "field `{}` stands in `{}`, which this request does not have",
                        field.name,
                        place.kind()
                    ),
                    "let `body:` be form, json, xml or text as the operator sends it, and name the segment in `path:`",
                ).within(&field.name).within("fields"));
            }
        }
        if field
            .part
            .as_ref()
            .is_some_and(|(of, nth)| of.is_empty() || *nth == 0)
        {
            return Err(Fault::new(
                near,
                "a part is counted from 1, between separators that are not empty",
                "write `part: { of: \";\", nth: 1 }`",
            )
            .within(&field.name)
            .within("fields"));
        }
    }
    Ok(RequestShape {
        methods,
        body: file.body,
        media_types,
        path,
        fields,
    })
}

/// The place of a field among the fields.
pub(super) fn field_named(fields: &[Field], name: &str, near: &str) -> Result<usize, Fault> {
    fields
        .iter()
        .position(|field| field.name == name)
        .ok_or_else(|| {
            Fault::new(
                near,
                format!("`{name}` is no field"),
                format!(
                    "take one of {}",
                    fields
                        .iter()
                        .map(|field| field.name.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            )
        })
}

/// Proves rules.
pub(super) fn rules<T: Copy>(
    files: &[RuleFile<T>],
    fields: &[Field],
) -> Result<Vec<Rule<T>>, Fault> {
    files
        .iter()
        .enumerate()
        .map(|(at, file)| {
            let mut tests = Vec::new();
            tests.extend(file.equals.clone().map(Test::Equals));
            tests.extend(file.other_than.clone().map(Test::OtherThan));
            tests.extend(file.begins.clone().map(Test::Begins));
            tests.extend(file.given.map(Test::Given));
            tests.extend(file.empty.map(Test::Empty));
            let near = match &file.field {
                Some(name) => format!("field: {name}"),
                None => "is:".to_owned(),
            };
            let several = || {
                Fault::new(
                    near.clone(),
                    "a rule asks one thing of one field",
                    "write `field:` with one of `equals: […]`, `other_than: […]`, `begins: […]`, `given: true`, `empty: true`; or `is:` alone as the last rule",
                )
            };
            let (field, test) = match (&file.field, tests.len()) {
                (None, 0) => (0, Test::Always),
                (Some(name), 1) => (
                    field_named(fields, name, &near).map_err(|fault| fault.within(at))?,
                    tests.swap_remove(0),
                ),
                (None | Some(_), _) => return Err(several().within(at)),
            };
            Ok(Rule {
                field,
                test,
                any_case: file.any_case,
                is: file.is,
            })
        })
        .collect()
}

/// Headers that say where an answer ends.
const FRAMING: [&str; 6] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "trailer",
    "upgrade",
];

/// What replies can fill in besides fields.
pub const HOLES: [(&str, Hole); 9] = [
    ("text", Hole::Text),
    ("msisdn", Hole::Msisdn),
    ("digits", Hole::Digits),
    ("ends", Hole::Ends),
    ("continues", Hole::Continues),
    ("status", Hole::Status),
    ("detail", Hole::Detail),
    ("dcs", Hole::Dcs),
    ("url", Hole::Url),
];

/// Proves the reply that stands under this key.
pub(super) fn reply(file: &ReplyFile, fields: &[Field], key: &str) -> Result<ReplyTemplate, Fault> {
    template(file, fields, &[], &format!("{key}:")).map_err(|fault| fault.within(key))
}

/// The hole of that name: one that everything has, one of `further`, or a field.
fn hole(name: &str, fields: &[Field], further: &[(&str, Hole)]) -> Option<Hole> {
    let known = HOLES.iter().chain(further);
    let mut known = known.filter(|(known, _)| *known == name);
    known.next().map(|(_, hole)| *hole).or_else(|| {
        let at = fields.iter().position(|field| field.name == name);
        at.map(Hole::Field)
    })
}

/// A fault of a template: at the hole, where the message names one.
fn unfit(message: String, fields: &[Field], further: &[(&str, Hole)], near: &str) -> Fault {
    let at = message
        .split_once('}')
        .map(|(hole, _)| hole.to_owned() + "}");
    let more: String = further
        .iter()
        .map(|(name, _)| format!("{{{name}}}, "))
        .collect();
    Fault::new(
        at.filter(|at| at.starts_with('{'))
            .unwrap_or_else(|| near.to_owned()),
        message,
        format!(
            "fill in {more}{{text}}, {{msisdn}}, {{digits}}, {{ends}}, {{continues}}, {{status}}, {{detail}}, {{dcs}}, {{url}} or a field: {}",
            fields
                .iter()
                .map(|field| format!("{{{}}}", field.name))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    )
}

/// Proves what goes to the operator; `further` are holes beside those of every reply.
fn template(
    file: &ReplyFile,
    fields: &[Field],
    further: &[(&str, Hole)],
    near: &str,
) -> Result<ReplyTemplate, Fault> {
    let hole = |name: &str| hole(name, fields, further);
    let wrong = |message: String| unfit(message, fields, further, near);
    let template = |text: &String| Template::parse(text, &hole);
    let (body, content_type) = match (&file.text, &file.xml, &file.json) {
        (None, None, None) => (ReplyBody::Empty, None),
        (Some(text), None, None) => (
            ReplyBody::Text(text.map(&template).map_err(wrong)?),
            Some("text/plain; charset=utf-8"),
        ),
        (None, Some(xml), None) => (
            ReplyBody::Xml(xml.map(&template).map_err(wrong)?),
            Some("application/xml; charset=utf-8"),
        ),
        (None, None, Some(json)) => (
            ReplyBody::Json(JsonTemplate::parse(json, &hole).map_err(wrong)?),
            Some("application/json"),
        ),
        (_, _, _) => {
            return Err(Fault::new(
                near,
                "a reply has one body",
                "write one of `text:`, `json:`, `xml:`",
            ));
        }
    };
    let headers = headers(&file.headers, &template).map_err(wrong)?;
    if file
        .status
        .is_some_and(|status| !(200..600).contains(&status))
    {
        return Err(Fault::new(
            "status:",
            "that is no status of an answer",
            "write a number from 200 to 599",
        )
        .within("status"));
    }
    let replace = replacements(&file.replace, &body).map_err(|fault| fault.within("replace"))?;
    if let ReplyBody::Xml(xml) = &body {
        for ends in [false, true] {
            let probe = xml
                .of(ends)
                .fill(Escape::Xml, &|_| Some(Fill::text("x".to_owned())));
            if roxmltree::Document::parse(&probe).is_err() {
                return Err(Fault::new(
                    "xml:",
                    format!("what `{near}` would send is no XML"),
                    "close every element, put attributes in quotes, write `&amp;` for `&`",
                )
                .within("xml"));
            }
        }
    }
    Ok(ReplyTemplate {
        replace,
        status: file.status,
        content_type: file
            .content_type
            .clone()
            .or_else(|| content_type.map(str::to_owned)),
        headers,
        body,
    })
}

/// Proves `replace:`.
fn replacements(file: &Ordered<String>, body: &ReplyBody) -> Result<Vec<(char, String)>, Fault> {
    file.0
        .iter()
        .map(|(from, to)| {
            let mut chars = from.chars();
            match (chars.next(), chars.next(), body) {
                (Some(only), None, ReplyBody::Text(_) | ReplyBody::Xml(_)) => {
                    Ok((only, to.clone()))
                }
                (_, _, ReplyBody::Json(_) | ReplyBody::Empty) => Err(Fault::new(
                    "replace:",
                    "only a text or XML lacks characters",
                    "take it away: JSON holds every character",
                )),
                (_, _, ReplyBody::Text(_) | ReplyBody::Xml(_)) => Err(Fault::new(
                    "replace:",
                    format!("`{from}` is not one character"),
                    "write one character each, and what stands for it",
                )),
            }
        })
        .collect()
}

type Headers = Vec<(String, crate::operator::template::Choice<Template<Hole>>)>;

fn headers(
    file: &Ordered<crate::operator::template::Choice<String>>,
    template: &dyn Fn(&String) -> Result<Template<Hole>, String>,
) -> Result<Headers, String> {
    file.0
        .iter()
        .map(|(name, value)| {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                return Err(format!("`{name}` is no name of a header"));
            }
            if FRAMING
                .iter()
                .any(|framing| name.eq_ignore_ascii_case(framing))
            {
                return Err(format!(
                    "`{name}` is not a shape's to say: the answer's length and connection are ours"
                ));
            }
            Ok((name.to_ascii_lowercase(), value.map(template)?))
        })
        .collect()
}

mod push;

#[cfg(test)]
mod broken;
