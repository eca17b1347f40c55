//! Messages over HTTP, the whole way for every built-in shape: a subscriber writes, the answer goes
//! to the operator's API, its receipt comes back. And what comes twice, or cannot be used.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::response::IntoResponse;
use jisr::brake::Brake;
use jisr::callback::{LinkName, ServiceName};
use jisr::http::entry::Entry;
use jisr::http::sms::{self, Door, Nameless, SmsLink};
use jisr::operator::auth::Auth;
use jisr::operator::shape::{Shape, Shapes};
use jisr::store::{SmsId, Store};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::phone::{Setup, World};
use crate::program::{Program, change, exchange, until};

/// What an API has heard.
#[derive(Clone)]
struct Heard {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

impl Heard {
    /// A field of the query or the form.
    fn field(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let mut pairs = pairs.chain(form_urlencoded::parse(self.body.as_bytes()));
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// An operator's API that takes everything.
struct Api {
    url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    _running: tokio::task::JoinHandle<()>,
}

type Accepts = fn(usize) -> (u16, String);

impl Api {
    async fn start(accepts: Accepts) -> Self {
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .fallback(answer)
            .with_state((heard.clone(), accepts));
        let running = tokio::spawn(async move {
            axum_serve(listener, app).await;
        });
        Self {
            url,
            heard,
            _running: running,
        }
    }

    /// The messages, without what was asked for tokens.
    fn messages(&self) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap();
        let is_message = |heard: &&Heard| !heard.uri.path().ends_with("/token");
        heard.iter().filter(is_message).cloned().collect()
    }
}

async fn axum_serve(listener: tokio::net::TcpListener, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = hyper_util::service::TowerToHyperService::new(app.clone());
        let stream = hyper_util::rt::TokioIo::new(stream);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
    }
}

async fn answer(
    State((heard, accepts)): State<(Arc<Mutex<Vec<Heard>>>, Accepts)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    if uri.path().ends_with("/token") {
        heard.lock().unwrap().push(Heard {
            method,
            uri,
            headers,
            body,
        });
        let token = r#"{"access_token":"T","token_type":"Bearer","expires_in":"3600"}"#;
        return (StatusCode::OK, token.to_owned());
    }
    let number = {
        let mut heard = heard.lock().unwrap();
        let before = heard
            .iter()
            .filter(|heard| !heard.uri.path().ends_with("/token"))
            .count();
        heard.push(Heard {
            method,
            uri,
            headers,
            body,
        });
        before
    };
    let (status, body) = accepts(number);
    (StatusCode::from_u16(status).unwrap(), body)
}

/// A request of the operator to us.
struct Call {
    method: &'static str,
    /// Behind `/sms/api`, and its secret.
    rest: String,
    kind: &'static str,
    body: String,
}

fn form(rest: &str, body: impl Into<String>) -> Call {
    Call {
        method: "POST",
        rest: rest.into(),
        kind: "application/x-www-form-urlencoded",
        body: body.into(),
    }
}

fn json(rest: &str, body: impl Into<String>) -> Call {
    Call {
        kind: "application/json",
        ..form(rest, body)
    }
}

fn get(rest: impl Into<String>) -> Call {
    Call {
        method: "GET",
        rest: rest.into(),
        kind: "",
        body: String::new(),
    }
}

/// One shape on its whole way.
struct Way {
    shape: &'static str,
    message: fn() -> Call,
    accepts: Accepts,
    /// The receipt of the message of that number.
    receipt: fn(&Heard, usize) -> Call,
    /// What proves us to the API.
    key: fn(&Heard) -> bool,
}

const TEXT: &str = "aide";

fn ways() -> Vec<Way> {
    vec![
        Way {
            shape: "generic-sms",
            message: || {
                json(
                    "",
                    format!(r#"{{"id":"m1","from":"+212661000001","to":"5800","text":"{TEXT}"}}"#),
                )
            },
            accepts: |n| (202, format!(r#"{{"id":"id-{n}"}}"#)),
            receipt: |_, n| {
                json(
                    "/receipts",
                    format!(r#"{{"id":"id-{n}","state":"delivered"}}"#),
                )
            },
            key: |heard| heard.header("authorization") == "Bearer SECRET",
        },
        Way {
            shape: "kannel",
            message: || get(format!("?from=%2B212661000001&to=5800&text={TEXT}&id=k1")),
            accepts: |_| (202, "0: Accepted for delivery".into()),
            receipt: |heard, _| {
                let url = heard.field("dlr-url").unwrap();
                let rest = url
                    .strip_prefix("https://jisr.example/sms/api/SEGMENT")
                    .unwrap();
                get(rest.replace("%d", "1"))
            },
            key: |heard| {
                heard.field("username").unwrap() == "user"
                    && heard.field("password").unwrap() == "SECRET"
            },
        },
        Way {
            shape: "jasmin",
            message: || {
                form(
                    "",
                    format!("id=j1&from=212661000001&to=5800&origin-connector=x&content={TEXT}"),
                )
            },
            accepts: |n| (200, format!("Success \"id-{n}\"")),
            receipt: |_, n| {
                form(
                    "/receipts",
                    format!("id=id-{n}&message_status=DELIVRD&level=2&text=%E9"),
                )
            },
            key: |heard| heard.field("password").unwrap() == "SECRET",
        },
        Way {
            shape: "twilio",
            message: || {
                form(
                    "",
                    format!("MessageSid=SM1&From=%2B212661000001&To=5800&Body={TEXT}"),
                )
            },
            accepts: |n| (201, format!(r#"{{"sid":"SM-{n}","status":"queued"}}"#)),
            receipt: |_, n| {
                form(
                    "/receipts",
                    format!("MessageSid=SM-{n}&MessageStatus=delivered"),
                )
            },
            // user:SECRET
            key: |heard| heard.header("authorization") == "Basic dXNlcjpTRUNSRVQ=",
        },
        Way {
            shape: "africastalking-sms",
            message: || {
                form(
                    "",
                    format!("id=a1&from=%2B212661000001&to=5800&text={TEXT}&date=x&linkId=y"),
                )
            },
            accepts: |n| {
                let one =
                    format!(r#"{{"statusCode":101,"status":"Success","messageId":"AT-{n}"}}"#);
                (
                    201,
                    format!(r#"{{"SMSMessageData":{{"Message":"Sent","Recipients":[{one}]}}}}"#),
                )
            },
            receipt: |_, n| {
                form(
                    "/receipts",
                    format!("id=AT-{n}&status=Success&phoneNumber=%2B212661000001"),
                )
            },
            key: |heard| heard.header("apikey") == "SECRET",
        },
        Way {
            shape: "infobip-sms",
            message: || {
                // The second element is from no number; the third is of no service of ours.
                json(
                    "",
                    format!(
                        r#"{{"results":[{{"messageId":"i1","from":"212661000001","to":"5800","text":"{TEXT}"}},{{"messageId":"i2","from":"INFO","to":"5800","text":"x"}},{{"messageId":"i3","from":"212661000002","to":"9999","text":"x"}}],"messageCount":3}}"#
                    ),
                )
            },
            accepts: |n| {
                (
                    200,
                    format!(
                        r#"{{"messages":[{{"messageId":"IB-{n}","status":{{"groupName":"PENDING","name":"PENDING_ACCEPTED"}}}}]}}"#
                    ),
                )
            },
            receipt: |_, n| {
                json(
                    "/receipts",
                    format!(
                        r#"{{"results":[{{"messageId":"none","status":{{}}}},{{"messageId":"IB-{n}","status":{{"groupName":"DELIVERED","name":"DELIVERED_TO_HANDSET"}}}}]}}"#
                    ),
                )
            },
            key: |heard| heard.header("authorization") == "App SECRET",
        },
        Way {
            shape: "vonage",
            message: || {
                form(
                    "",
                    format!("messageId=v1&msisdn=212661000001&to=5800&text={TEXT}&type=text"),
                )
            },
            accepts: |n| {
                (
                    200,
                    format!(r#"{{"messages":[{{"status":"0","message-id":"0C{n}"}}]}}"#),
                )
            },
            receipt: |_, n| {
                form(
                    "/receipts",
                    format!("messageId=0C{n}&status=delivered&msisdn=212661000001"),
                )
            },
            key: |heard| heard.field("api_secret").unwrap() == "SECRET",
        },
        Way {
            shape: "orange-sms",
            message: || {
                json(
                    "",
                    format!(
                        r#"{{"inboundSMSMessageNotification":{{"inboundSMSMessage":{{"senderAddress":"tel:+212661000001","destinationAddress":"+2125800","message":"{TEXT}"}}}}}}"#
                    ),
                )
            },
            accepts: |n| {
                (
                    201,
                    format!(
                        r#"{{"outboundSMSMessageRequest":{{"resourceURL":"https://x/outbound/y/requests/or-{n}"}}}}"#
                    ),
                )
            },
            receipt: |_, n| {
                json(
                    "/receipts",
                    format!(
                        r#"{{"deliveryInfoNotification":{{"callbackData":"or-{n}","deliveryInfo":{{"address":"tel:+212661000001","deliveryStatus":"DeliveredToTerminal"}}}}}}"#
                    ),
                )
            },
            key: |heard| heard.header("authorization") == "Bearer T",
        },
    ]
}

fn config(shape: &str, api: &Api) -> String {
    format!(
        "[[link]]\nkind = \"sms-http\"\nname = \"api\"\nshape = \"{shape}\"\nservices = [\"tns\"]\n\
         url = \"{}\"\nuser = \"user\"\nsecret = \"SECRET\"\npublic_url = \"https://jisr.example\"\n\
         [[link.auth]]\nkind = \"path\"\nsecret = \"SEGMENT\"\n",
        api.url
    )
    .replace("SEGMENT", SEGMENT)
}

/// A secret segment of the path has to be long.
const SEGMENT: &str = "segment0segment0segment0segment0";

async fn call(program: &Program, call: &Call) -> String {
    let Call {
        method,
        rest,
        kind,
        body,
    } = call;
    let request = format!(
        "{method} /sms/api/{SEGMENT}{rest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(program.http, request.as_bytes()).await
}

/// The head's first line.
fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

async fn walk(way: &Way) {
    let shape = way.shape;
    let api = Api::start(way.accepts).await;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("jisr.toml"), config(shape, &api)).unwrap();
    let program = Program::start(folder.path(), &[]).await;

    let answer = call(&program, &(way.message)()).await;
    assert!(status(&answer).starts_with('2'), "{shape}: {answer}");
    // The same again is no second message, where it has an id.
    if shape != "orange-sms" {
        let again = call(&program, &(way.message)()).await;
        assert_eq!(status(&again), status(&answer), "{shape}");
    }
    until("the answer goes out", || async {
        !api.messages().is_empty()
    })
    .await;
    let first = &api.messages()[0];
    assert!((way.key)(first), "{shape}: {} {}", first.method, first.uri);
    assert!(
        first.body.contains("212661000001") || first.uri.to_string().contains("212661000001"),
        "{shape}"
    );

    let told = Cell::new(0);
    until("every message has its receipt", || async {
        let messages = api.messages();
        for (number, message) in messages.iter().enumerate().skip(told.get()) {
            let receipt = call(&program, &receipt_of(way, message, number)).await;
            assert!(status(&receipt).starts_with('2'), "{shape}: {receipt}");
        }
        told.set(messages.len());
        let mut open = 0;
        for state in ["queued", "sending", "sent", "unknown"] {
            open += program.messages(state).await;
        }
        open == 0 && told.get() > 0
    })
    .await;
    let told = told.get();
    program.until_delivered(u64::try_from(told).unwrap()).await;
    assert_eq!(api.messages().len(), told);
    let figures = program.shows("/metrics").await;
    let sent = format!("jisr_sms_http_requests_total{{link=\"api\",outcome=\"accepted\"}} {told}");
    assert!(figures.contains(&sent), "{shape}: {figures}");
    let log = format!("{}{}", program.stderr.text(), program.stdout.text());
    for personal in ["661000001", "SECRET", SEGMENT, TEXT] {
        assert!(
            !log.contains(personal),
            "{shape}: {personal} is in the log:\n{log}"
        );
    }
}

fn receipt_of(way: &Way, message: &Heard, number: usize) -> Call {
    // The address for receipts has the segment that the table writes shorter.
    let mut message = message.clone();
    let uri = message.uri.to_string().replace(SEGMENT, "SEGMENT");
    message.uri = uri.parse().unwrap();
    (way.receipt)(&message, number)
}

#[tokio::test]
async fn a_message_comes_in_and_its_answer_goes_out_in_every_shape() {
    let ways = ways();
    let shapes = Shapes::load(&[]).unwrap_or_else(|_| panic!("the built-in shapes"));
    for shape in shapes.iter() {
        if let Shape::Sms(shape) = shape {
            let name = &shape.head.name;
            assert!(
                ways.iter().any(|way| way.shape == name),
                "no way for {name}"
            );
        }
    }
    for way in &ways {
        walk(way).await;
    }
}

/// The answer is lost, the message is not: its receipt names it, and nothing goes again.
#[tokio::test]
async fn a_receipt_ends_the_unknown_outcome_of_what_it_names() {
    let way = ways()
        .into_iter()
        .find(|way| way.shape == "kannel")
        .unwrap();
    let api = Api::start(|_| (500, String::new())).await;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("jisr.toml"), config(way.shape, &api)).unwrap();
    let program = Program::start(folder.path(), &[]).await;
    call(&program, &(way.message)()).await;
    until("its outcome is unknown", || async {
        program.messages("unknown").await == 1
    })
    .await;
    let sent = api.messages();
    let receipt = call(&program, &receipt_of(&way, &sent[0], 0)).await;
    assert_eq!(status(&receipt), "200", "{receipt}");
    program.until_delivered(1).await;
    assert_eq!(program.messages("unknown").await, 0);
    assert_eq!(api.messages().len(), 1);
}

#[tokio::test]
async fn strangers_and_broken_ledgers() {
    let api = Api::start(|n| (202, format!(r#"{{"id":"id-{n}"}}"#))).await;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("jisr.toml"), config("generic-sms", &api)).unwrap();
    let program = Program::start(folder.path(), &[]).await;
    let body = r#"{"id":"m1","from":"+212661000001","to":"5800","text":"aide"}"#;
    let post = |target: &str, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let own = format!("/sms/api/{SEGMENT}");
    let receipts = format!("{own}/receipts");
    for (target, body, expected, says) in [
        ("/sms/api", body, "401", ""),
        ("/sms/api/receipts", body, "401", ""),
        ("/sms/none", body, "401", ""),
        (&own, "{", "400", "JSON"),
        (
            &own,
            r#"{"id":"1","from":"+212661000001","to":"5800"}"#,
            "400",
            "field text is missing",
        ),
        (
            &own,
            r#"{"id":"1","from":"x","to":"5800","text":"y"}"#,
            "400",
            "field from is not",
        ),
        (
            &own,
            r#"{"id":"1","from":"+212661000001","to":"9","text":"y"}"#,
            "400",
            "field to names no service",
        ),
        (
            &receipts,
            r#"{"id":"x","state":"lost"}"#,
            "400",
            "field state is not",
        ),
        (&receipts, r#"{"id":"x"}"#, "400", "field state is missing"),
        (
            &receipts,
            r#"{"state":"delivered"}"#,
            "400",
            "field id is missing",
        ),
        (
            &receipts,
            r#"{"id":"unknown","state":"delivered"}"#,
            "202",
            "accepted",
        ),
    ] {
        let answer = exchange(program.http, post(target, body).as_bytes()).await;
        assert_eq!(status(&answer), expected, "{target} {body}: {answer}");
        assert!(answer.contains(says), "{answer}");
    }
    let wrong_method = format!("GET {own} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = exchange(program.http, wrong_method.as_bytes()).await;
    assert!(
        status(&answer) == "405" && answer.contains("allow: POST"),
        "{answer}"
    );

    // A ledger that cannot take it: the operator keeps it.
    let file = folder.path().join("jisr-data/jisr.db");
    change(&file, "DROP TABLE inbox_sms").await;
    let answer = exchange(program.http, post(&own, body).as_bytes()).await;
    assert_eq!(status(&answer), "503", "{answer}");
    assert!(answer.contains("retry-after: 5"), "{answer}");
}

/// A door of a link without ids, on a ledger that tells what waits.
struct Nobody {
    world: World,
    router: Router,
}

impl Nobody {
    async fn new() -> Self {
        Self::of("orange-sms").await
    }

    async fn of(shape: &str) -> Self {
        let world = World::new(Setup::default()).await;
        let shapes = Shapes::load(&[]).unwrap_or_else(|_| panic!("the built-in shapes"));
        let Some(Shape::Sms(shape)) = shapes.get(shape) else {
            panic!("no such shape")
        };
        let service = ServiceName::from("tns");
        let link = SmsLink {
            shape: Arc::clone(shape),
            numbers: vec![("5800".to_owned(), service.clone())],
            services: vec![service],
            auth: Auth::open(),
            nameless: Nameless::default(),
        };
        let door = Door {
            gateway: Arc::clone(&world.gateway),
            entry: Entry {
                clock: world.clock.clone(),
                body_bytes_max: 16 * 1024,
                body_time: Duration::from_secs(5),
                proxies: Vec::new(),
                brake: Brake::default(),
            },
            links: BTreeMap::from([(LinkName::from("api"), link)]),
        };
        let router = sms::router(Arc::new(door));
        Self { world, router }
    }

    fn request() -> Request<Body> {
        let body = r#"{"inboundSMSMessageNotification":{"inboundSMSMessage":{"senderAddress":"tel:+212661000001","destinationAddress":"5800","message":"1"}}}"#;
        let request = Request::builder()
            .method("POST")
            .uri("/sms/api")
            .header("content-type", "application/json");
        request
            .body(Body::from(Bytes::from_static(body.as_bytes())))
            .unwrap()
    }

    async fn post(&self) -> StatusCode {
        let answer = self.router.clone().oneshot(Self::request()).await;
        answer.unwrap().status()
    }

    /// Sends it and hangs up as soon as it waits for something.
    async fn hang_up(&self) {
        let mut answer = pin!(self.router.clone().oneshot(Self::request()));
        poll_fn(|context| {
            assert!(answer.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    async fn waiting(&self) -> usize {
        let store = &self.world.gateway.store;
        store.waiting_sms(SmsId(0), 100).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_message_without_an_id_is_one_until_it_is_answered() {
    let door = Nobody::new().await;
    assert_eq!(door.post().await, StatusCode::OK);
    assert_eq!(door.waiting().await, 1);
    // The subscriber writes the same again.
    assert_eq!(door.post().await, StatusCode::OK);
    assert_eq!(door.waiting().await, 2);
    // The operator sends one three times side by side.
    let all = tokio::join!(door.post(), door.post(), door.post());
    assert_eq!(all, (StatusCode::OK, StatusCode::OK, StatusCode::OK));
    assert_eq!(door.waiting().await, 3);
}

#[tokio::test]
async fn a_message_without_an_id_that_was_not_acknowledged_comes_again() {
    let door = Nobody::new().await;
    door.hang_up().await;
    until("it is durable all the same", || async {
        door.waiting().await == 1
    })
    .await;
    assert_eq!(door.post().await, StatusCode::OK);
    assert_eq!(door.waiting().await, 1, "it came again");
    assert_eq!(door.post().await, StatusCode::OK);
    assert_eq!(door.waiting().await, 2, "and once more, which is another");
}

#[tokio::test]
async fn parts_of_a_long_message_come_in_any_order_and_again() {
    let door = Nobody::of("vonage").await;
    for (id, part, text) in [
        ("A3", 3, "c"),
        ("A1", 1, "a"),
        ("A3", 3, "c"),
        ("A2", 2, "b"),
        ("A2", 2, "b"),
    ] {
        let body = format!(
            "msisdn=212661000001&to=5800&messageId={id}&text={text}&type=text&concat=true&concat-ref=7&concat-total=3&concat-part={part}"
        );
        let request = Request::builder()
            .method("POST")
            .uri("/sms/api")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let answer = door.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }
    let store = &door.world.gateway.store;
    let waiting = store.waiting_sms(SmsId(0), 100).await.unwrap();
    let texts: Vec<&str> = waiting.iter().map(|sms| sms.text.as_str()).collect();
    assert_eq!(texts, ["abc"]);
}
