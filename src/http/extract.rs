//! Reading requests: JSON bodies, paths, queries and pages, with errors that name the field at fault.

use std::future::{Future, Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::pin::Pin;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::AppData;
use super::error::{ApiError, ErrorCode, FieldError};
use crate::app::App;
use crate::auth::Client;
use crate::domain::money::decimal_from_f64;
use crate::domain::network::{Networks, NetworksError};

/// Largest JSON body.
pub(super) const LARGEST_BODY: usize = 1 << 20;
/// Objects and lists inside each other in a JSON body. Ours need six; a reader that follows thousands
/// would run out of stack.
const DEEPEST: usize = 32;
/// Length of a page when none is asked for, and the longest.
const PAGE: u32 = 50;
const LONGEST_PAGE: u32 = 500;

/// Error answers of actix's own extractors in our form.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.app_data(web::PathConfig::default().error_handler(|_, _| ApiError::not_found("the addressed object").into()));
}

/// The query of the address.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T> Deref for Query<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_query(req.query_string()).map(Self))
    }
}

fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let parent = pointer(error.path());
        let detail = without_value(&error.inner().to_string());
        let (code, pointer) = field_at_fault(&parent, &detail);
        let name = pointer.trim_start_matches('/');
        let detail = if detail.contains(name) { detail } else { format!("{name}: {detail}") };
        ApiError::new(code, format!("the query is not valid: {detail}")).at(pointer)
    })
}

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read_body(req, payload);
        Box::pin(async move { parse_json(&body.await?).map(Json) })
    }
}

/// A JSON body that may be left out. What is there must be right.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJson<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read_body(req, payload);
        Box::pin(async move {
            let body = body.await?;
            if body.is_empty() { Ok(Self(None)) } else { parse_json(&body).map(|value| Self(Some(value))) }
        })
    }
}

/// The bytes of a body that says it is JSON, up to the limit.
fn read_body(req: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<web::BytesMut, ApiError>> + use<> {
    let content_type = req.content_type().to_ascii_lowercase();
    let mut payload = payload.take();
    async move {
        if !content_type.is_empty() && content_type != "application/json" && !content_type.ends_with("+json") {
            let detail = format!("the body is '{content_type}': send JSON with Content-Type: application/json");
            return Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail));
        }
        let mut body = web::BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|e| ApiError::new(ErrorCode::Malformed, format!("the body broke off: {e}")))?;
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(ApiError::new(ErrorCode::TooLarge, format!("the body is larger than {LARGEST_BODY} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    match body.iter().find(|b| !b.is_ascii_whitespace()) {
        None => return Err(ApiError::new(ErrorCode::Malformed, "the body is empty: send a JSON object")),
        // Serde would take its items for the fields in their order.
        Some(b'[') => return Err(ApiError::invalid("", "the body is a list: send a JSON object")),
        Some(_) => {}
    }
    if depth(body) > DEEPEST {
        return Err(ApiError::new(ErrorCode::Malformed, format!("the body is nested more than {DEEPEST} levels deep")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| explain(body, &pointer(e.path()), e.inner()))?;
    deserializer.end().map_err(|e| explain(body, "", &e))?;
    Ok(value)
}

/// How many objects and lists lie inside each other; brackets in texts do not count.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut text, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'[' | b'{' if !text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A day of a query, as `2026-11-22` and in no other of the ways in which dates can be written.
pub fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let written = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    written.map(Some).ok_or_else(|| serde::de::Error::custom("a day is written as 2026-11-22"))
}

/// An instant of a request, as RFC 3339 writes it and in no other way: `2026-11-22T10:00:00Z`.
pub fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let form = text.bytes().enumerate().take(19).all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        10 => byte.eq_ignore_ascii_case(&b'T'),
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let written = text.parse().ok().filter(|_| form && !text.contains(['[', ',']));
    written.ok_or_else(|| serde::de::Error::custom("an instant is written as 2026-11-22T10:00:00Z, or with an offset such as +09:00"))
}

/// The same, where it may be missing or `null`.
pub fn optional_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    struct Written(#[serde(deserialize_with = "instant")] Timestamp);
    Ok(Option::<Written>::deserialize(deserializer)?.map(|written| written.0))
}

/// An object inside a request: serde alone would also take a list for its fields in their order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = T;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Visitor(std::marker::PhantomData)).map(Self)
    }
}

/// Turns serde's complaint into a code and a pointer.
fn explain(body: &[u8], parent: &str, error: &serde_json::Error) -> ApiError {
    use serde_json::error::Category;
    let text = error.to_string();
    match error.classify() {
        // A value of the wrong kind where one of a few words belongs is reported as wrong syntax.
        Category::Syntax if !parent.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() => {
            ApiError::invalid(parent, "a value of another kind belongs here: a text in quotation marks")
        }
        Category::Syntax | Category::Eof | Category::Io => ApiError::new(ErrorCode::Malformed, format!("the body is no JSON: {text}")),
        Category::Data => {
            // The position means little to a person who never saw the bytes.
            let detail = without_value(text.rsplit_once(" at line ").map_or(text.as_str(), |(head, _)| head));
            let (code, pointer) = field_at_fault(parent, &detail);
            let entry = FieldError::new(pointer.clone(), code.code(), detail.clone());
            ApiError::new(code, detail).at(pointer).with_errors(vec![entry])
        }
    }
}

/// A complaint without the text that was sent: it may be a secret in the wrong field.
fn without_value(detail: &str) -> String {
    for (start, kept, end) in [
        ("unknown variant `", "unknown variant", "`, expected "),
        ("invalid type: string \"", "invalid type: a text", "\", expected "),
        ("invalid value: string \"", "invalid value: a text", "\", expected "),
    ] {
        // What was sent may look like the end of the complaint; the real one is the last.
        if let Some((_, expected)) = detail.strip_prefix(start).and_then(|rest| rest.rsplit_once(end)) {
            return format!("{kept}, expected {expected}");
        }
    }
    detail.to_owned()
}

/// Code and pointer of a complaint about something at `parent`.
fn field_at_fault(parent: &str, detail: &str) -> (ErrorCode, String) {
    match quoted_field(detail) {
        Some((ErrorCode::MissingField, field)) => (ErrorCode::MissingField, format!("{parent}/{field}")),
        Some((code, field)) if parent.ends_with(&format!("/{field}")) => (code, parent.to_owned()),
        Some((code, field)) => (code, format!("{parent}/{field}")),
        None => (ErrorCode::Invalid, parent.to_owned()),
    }
}

fn quoted_field(detail: &str) -> Option<(ErrorCode, &str)> {
    let starts = [
        ("missing field `", ErrorCode::MissingField),
        ("unknown field `", ErrorCode::UnknownField),
        ("duplicate field `", ErrorCode::Invalid),
    ];
    let (rest, code) = starts.into_iter().find_map(|(start, code)| Some((detail.strip_prefix(start)?, code)))?;
    rest.split_once('`').map(|(field, _)| (code, field))
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("/{index}")),
            Segment::Map { key } => text.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    text
}

/// What a decimal looks like as text; the number of digits is limited besides.
const DECIMAL: &str = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)\s*$";

/// A decimal that a request may write as text or as a number; a number counts by its shortest text,
/// so that 10.1 stays 10.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Decimal);

impl utoipa::PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Number]))
            .description(Some("A decimal number, as text or as a number"))
            .pattern(Some(DECIMAL))
            .examples(["61.37"])
            .into()
    }
}

impl ToSchema for Amount {}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Amount;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a decimal number, as text or as a number")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
                let number = text.trim();
                let plain = !number.contains('_');
                number.parse().ok().filter(|_| plain).map(Amount).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Amount, E> {
                Ok(Amount(number.into()))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Amount, E> {
                Ok(Amount(number.into()))
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Amount, E> {
                decimal_from_f64(number).map(Amount).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Query of a list: how many, and after which item.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Items on the page, 1 to 500; 50 when absent.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default)]
    after: Option<Uuid>,
}

impl Page {
    /// A page inside another query type.
    pub fn new(limit: Option<u32>, after: Option<Uuid>) -> Self {
        Self { limit, after }
    }

    /// # Errors
    /// 422 when the limit is out of range.
    pub fn limit(&self) -> Result<usize, ApiError> {
        match self.limit.unwrap_or(PAGE) {
            n @ 1..=LONGEST_PAGE => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
            n => Err(ApiError::invalid("/limit", format!("limit is {n}: use 1 to {LONGEST_PAGE}"))),
        }
    }

    pub fn after(&self) -> Option<Uuid> {
        self.after
    }
}

/// A list answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Where the next page begins; `null` on the last.
    pub next: Option<Uuid>,
}

impl<T> List<T> {
    /// A list that fits on one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Whom a request comes from, as far as that can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `None` when it is not known: the connection does not say, or the header cannot be read.
    pub address: Option<IpAddr>,
    /// The other end of the connection.
    pub peer: Option<IpAddr>,
    /// It came through a proxy that is believed.
    pub proxied: bool,
}

/// The caller's address. A proxy that the configuration trusts says whom it speaks for; anybody else's
/// claim is not believed. Of several addresses in the header the last one that is no such proxy counts:
/// what stands before it was written by the caller.
pub fn origin(req: &HttpRequest) -> Origin {
    let Some(peer) = req.peer_addr().map(|a| a.ip().to_canonical()) else { return Origin::default() };
    let forwarded: Vec<&[u8]> = req.headers().get_all("x-forwarded-for").map(HeaderValue::as_bytes).collect();
    match req.app_data::<AppData>() {
        Some(app) => originator(peer, &app.config.trusted_proxies, &forwarded.join(&b',')),
        None => Origin { address: Some(peer), peer: Some(peer), proxied: false },
    }
}

fn originator(peer: IpAddr, trusted: &Networks, forwarded: &[u8]) -> Origin {
    let from = |address, proxied| Origin { address, peer: Some(peer), proxied };
    if !trusted.contains(peer) {
        return from(Some(peer), false);
    }
    let mut address = peer;
    for hop in forwarded.rsplit(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
        // Who is behind an unreadable hop is not known, and is nobody whom a list could name.
        let Some(ip) = hop_address(hop) else { return from(None, true) };
        address = ip;
        if !trusted.contains(address) {
            break;
        }
    }
    from(Some(address), true)
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]` or `[2001:db8::7]:4711`.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()));
    address.map(|ip| ip.to_canonical())
}

/// Whether the browser reached us over TLS, as configured or as a trusted proxy says.
pub fn over_tls(app: &App, req: &HttpRequest) -> bool {
    let proxied = || req.headers().get("x-forwarded-proto").is_some_and(|v| v == "https");
    app.config.speaks_tls() || (origin(req).proxied && proxied())
}

/// The caller's address in words.
pub fn client_address(req: &HttpRequest) -> String {
    origin(req).address.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
}

/// The networks of a request's field `networks`.
///
/// # Errors
/// 422 names the one that is none.
pub fn networks(texts: &[String]) -> Result<Networks, ApiError> {
    Networks::parse(texts).map_err(|error| match error {
        NetworksError::Entry(place, error) => ApiError::invalid(format!("/networks/{place}"), error.to_string()),
        error @ NetworksError::TooMany(_) => ApiError::invalid("/networks", error.to_string()),
    })
}

/// The caller's program and address.
pub fn client(req: &HttpRequest) -> Client {
    let agent = req.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    Client::new(agent, &client_address(req), is_web(req))
}

/// Whether the web client asks. Other sites cannot set this header without our consent.
pub(super) fn is_web(req: &HttpRequest) -> bool {
    req.headers().get("x-client").is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"web"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_trusted_proxies_say_whom_they_speak_for() {
        let trusted = Networks::parse(&["127.0.0.0/8", "::1", "172.16.0.0/12"]).unwrap();
        for (peer, forwarded, address, proxied) in [
            ("203.0.113.9", "10.0.0.1", "203.0.113.9", false),
            ("127.0.0.1", "", "127.0.0.1", true),
            ("127.0.0.1", "203.0.113.9", "203.0.113.9", true),
            ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9", true),
            // The caller wrote the first one itself.
            ("127.0.0.1", "10.0.0.1, 203.0.113.9", "203.0.113.9", true),
            ("127.0.0.1", "10.0.0.1, 203.0.113.9, 172.17.0.2", "203.0.113.9", true),
            ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9", true),
            ("::1", "2001:db8::7", "2001:db8::7", true),
            ("127.0.0.1", "10.0.0.1, nonsense", "", true),
            ("127.0.0.1", "10.0.0.1, nonsense, 172.17.0.2", "", true),
            ("127.0.0.1", "10.0.0.1, \u{ff}, 203.0.113.9", "203.0.113.9", true),
            ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9", true),
            ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7", true),
            ("127.0.0.1", "[2001:db8::7]", "2001:db8::7", true),
            ("127.0.0.1", "172.17.0.3, 172.17.0.2", "172.17.0.3", true),
        ] {
            let origin = originator(peer.parse::<IpAddr>().unwrap().to_canonical(), &trusted, forwarded.as_bytes());
            assert_eq!((origin.address, origin.proxied), (address.parse().ok(), proxied), "{peer} {forwarded}");
        }
        assert_eq!(originator("127.0.0.1".parse().unwrap(), &trusted, b"127.0.0.1, \xff").address, None);
    }

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        for (text, expected) in [("{}", 1), (r#"{"a":[{"b":[]}]}"#, 4), (r#"{"a":"[[[{\"[["}"#, 1), ("[][]]]]{}", 1), ("\"", 0), ("", 0)] {
            assert_eq!(depth(text.as_bytes()), expected, "{text}");
        }
        let deep = format!("{}{}{}", r#"{"a":"#.repeat(40), 1, "}".repeat(40));
        let error = parse_json::<serde_json::Value>(deep.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("32 levels"), "{error}");
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors matter here")]
    struct Body {
        name: String,
        legs: Vec<Leg>,
        color: Option<Color>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Color {
        Red,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors matter here")]
    struct Leg {
        quantity: u32,
    }

    fn complaint(body: &str) -> (String, String) {
        let error = parse_json::<Body>(body.as_bytes()).unwrap_err();
        let code = error.code().to_owned();
        let response = actix_web::ResponseError::error_response(&error);
        let bytes = futures_util::FutureExt::now_or_never(actix_web::body::to_bytes(response.into_body())).unwrap().unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        (code, problem.get("pointer").and_then(|p| p.as_str()).unwrap_or("-").to_owned())
    }

    #[test]
    fn complaints_do_not_repeat_what_was_sent() {
        for (detail, wanted) in [
            ("unknown variant `s3cret`, expected `mock` or `live`", "unknown variant, expected `mock` or `live`"),
            ("unknown variant `s3cret`, expected `x`, expected `mock` or `live`", "unknown variant, expected `mock` or `live`"),
            ("invalid type: string \"s3cret\", expected a boolean", "invalid type: a text, expected a boolean"),
            ("missing field `name`", "missing field `name`"),
        ] {
            assert_eq!(without_value(detail), wanted);
        }
    }

    #[test]
    fn complaints_point_at_the_field() {
        for (body, code, pointer) in [
            ("", "malformed", "-"),
            ("{", "malformed", "-"),
            ("nonsense", "malformed", "-"),
            (r#"{"name":"a","legs":[]} x"#, "malformed", "-"),
            (r#"{"legs":[]}"#, "missing_field", "/name"),
            (r#"{"name":"a","legs":[{}]}"#, "missing_field", "/legs/0/quantity"),
            (r#"{"name":"a","legs":[{"quantity":1},{"quantity":"x"}]}"#, "invalid", "/legs/1/quantity"),
            (r#"{"name":"a","legs":[{"quantity":1,"qty":1}]}"#, "unknown_field", "/legs/0/qty"),
            (r#"{"nam":"a"}"#, "unknown_field", "/nam"),
            (r#"{"name":7,"legs":[]}"#, "invalid", "/name"),
            (r#"{"name":"a","legs":[],"color":7}"#, "invalid", "/color"),
            (r#"{"name":"a","legs":[],"color":7"#, "malformed", "-"),
            (r#"[]"#, "invalid", ""),
        ] {
            assert_eq!(complaint(body), (code.to_owned(), pointer.to_owned()), "{body}");
        }
    }

    #[test]
    fn queries_name_the_parameter_at_fault() {
        for (query, code, pointer) in [
            ("limit=abc", "invalid", "/limit"),
            ("limit=-1", "invalid", "/limit"),
            ("limit=99999999999999999999", "invalid", "/limit"),
            ("after=x", "invalid", "/after"),
            ("limit=1&surprise=1", "unknown_field", "/surprise"),
            ("limit=1&limit=2", "invalid", "/limit"),
        ] {
            let error = parse_query::<Page>(query).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(code) && text.contains(&pointer[1..]), "{query}: {text}");
            assert_eq!(error.pointer(), Some(pointer), "{query}");
        }
        assert_eq!(parse_query::<Page>("").unwrap().limit().unwrap(), 50);
        assert_eq!(parse_query::<Page>("limit=7").unwrap().limit().unwrap(), 7);
    }

    #[test]
    fn days_and_instants_are_written_in_one_way() {
        #[derive(Debug, Deserialize)]
        struct When {
            #[serde(default, deserialize_with = "day")]
            on: Option<Date>,
            #[serde(default, deserialize_with = "optional_instant")]
            at: Option<Timestamp>,
        }
        let read = |value: serde_json::Value| serde_json::from_value::<When>(value);
        let right = read(json!({"on": "2026-11-22", "at": "2026-11-22T10:00:00.5+09:00"})).unwrap();
        assert_eq!(
            (right.on.unwrap().to_string(), right.at.unwrap().to_string()),
            ("2026-11-22".to_owned(), "2026-11-22T01:00:00.5Z".to_owned())
        );
        let absent = read(json!({"on": null, "at": null})).unwrap();
        assert!(absent.on.is_none() && absent.at.is_none() && read(json!({})).unwrap().at.is_none());
        for wrong in ["20261122", "2026-11-22T10:00:00", "2026-326", "2026-11-2", " 2026-11-22", ""] {
            assert!(read(json!({ "on": wrong })).is_err(), "{wrong}");
        }
        for wrong in
            ["2026-11-22", "2026-11-22 10:00:00Z", "20261122T100000Z", "2026-11-22T10:00:00+09:00[Asia/Seoul]", "2026-11-22T10:00:00"]
        {
            assert!(read(json!({ "at": wrong })).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_are_texts_or_numbers() {
        for (value, expected) in
            [(json!("61.370"), "61.370"), (json!(70000), "70000"), (json!(10.1), "10.1"), (json!(-3), "-3"), (json!(" 5 "), "5")]
        {
            assert_eq!(serde_json::from_value::<Amount>(value).unwrap().0.to_string(), expected);
        }
        for value in [json!("ten"), json!(null), json!(true), json!(""), json!("1e400"), json!("NaN"), json!("1_000"), json!("1,5")] {
            assert!(serde_json::from_value::<Amount>(value.clone()).is_err(), "{value}");
        }
    }
}
