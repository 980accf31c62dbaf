//! Errors of S3 servers, as messages that clients know, without secrets. Only `Code` and `Message` of an error body
//! are used; the rest may repeat credentials and signed content.

use super::credentials::S3Keys;
use super::location::{Placement, refused};
use crate::{ObjectError, ObjectErrorKind};

/// Maximum characters of a server's message.
const MAX_MESSAGE_CHARS: usize = 500;

/// The object was replaced after it was first opened.
pub const CHANGED: &str = "The source changed while it was read";

/// How a request failed.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Failure {
    #[error("the address is private or reserved")]
    Refused,
    #[error("no connection: {0}")]
    Connect(String),
    #[error("the server did not answer in time")]
    Timeout,
    #[error("the connection was lost: {0}")]
    Broken(String),
    #[error("the server answered {status} {code}")]
    Answer { status: u16, code: String, message: String },
    #[error("the server's answer is invalid: {0}")]
    Nonsense(String),
}

impl Failure {
    /// Parses an error response of the server.
    pub fn answer(status: u16, body: &str) -> Self {
        let code = element(body, "Code").unwrap_or_default();
        Failure::Answer { status, message: element(body, "Message").unwrap_or_default(), code }
    }

    /// Returns whether the same request may succeed when retried.
    pub fn is_transient(&self) -> bool {
        match self {
            Failure::Connect(_) | Failure::Timeout | Failure::Broken(_) => true,
            Failure::Answer { status, code, .. } => {
                matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
                    || matches!(code.as_str(), "SlowDown" | "InternalError" | "RequestTimeout" | "ServiceUnavailable")
            }
            Failure::Refused | Failure::Nonsense(_) => false,
        }
    }

    /// The server's error code; empty if it sent none.
    pub fn code(&self) -> &str {
        match self {
            Failure::Answer { code, .. } => code,
            _ => "",
        }
    }

    pub fn status(&self) -> Option<u16> {
        match self {
            Failure::Answer { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Extracts the failure from an error of the client library.
    pub fn of(error: &object_store::Error) -> Failure {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        let mut innermost = String::new();
        while let Some(current) = cause {
            if let Some(failure) = current.downcast_ref::<Failure>() {
                return failure.clone();
            }
            innermost = current.to_string();
            cause = current.source();
        }
        Failure::Nonsense(innermost)
    }

    /// Converts the failure to an error of this crate. The client library's error is not kept as its source, because
    /// it repeats bodies and URLs.
    pub fn explained(self, placement: &Placement, keys: &S3Keys) -> ObjectError {
        let server = placement.server();
        let (kind, message) = match &self {
            Failure::Refused => return refused(placement),
            Failure::Connect(why) => (
                ObjectErrorKind::Unavailable,
                format!(
                    "S3 server {server} cannot be reached: {why}; check the endpoint and whether the server is running"
                ),
            ),
            Failure::Timeout => (
                ObjectErrorKind::Unavailable,
                format!("S3 server {server} did not answer in time (s3.timeout_seconds); try again later"),
            ),
            Failure::Broken(why) => (
                ObjectErrorKind::Unavailable,
                format!("the connection to S3 server {server} was lost repeatedly: {why}; try again later"),
            ),
            Failure::Nonsense(why) => (
                ObjectErrorKind::Unavailable,
                format!("S3 server {server} returned an invalid answer ({why}); check that it is an S3 server"),
            ),
            Failure::Answer { status, code, message } => answered(&server, *status, code, message),
        };
        ObjectError::caused_by(kind, clean(&keys.scrub(&message)), self)
    }
}

/// Returns the kind and message for a response. For well-known cases, the message is exactly the one that clients
/// know.
fn answered(server: &str, status: u16, code: &str, message: &str) -> (ObjectErrorKind, String) {
    let or = |sentence: &str| if message.is_empty() { sentence.to_owned() } else { message.to_owned() };
    match (status, code) {
        (_, "NoSuchKey") => (ObjectErrorKind::NotFound, "The specified key does not exist.".to_owned()),
        (_, "NoSuchBucket") => (ObjectErrorKind::NotFound, "The specified bucket does not exist".to_owned()),
        (412, _) => (ObjectErrorKind::Unavailable, CHANGED.to_owned()),
        (_, "SignatureDoesNotMatch") => (
            ObjectErrorKind::Denied,
            or(
                "The request signature we calculated does not match the signature you provided. Check your key and signing \
                method.",
            ),
        ),
        (_, "InvalidAccessKeyId") => {
            (ObjectErrorKind::Denied, or("The AWS Access Key Id you provided does not exist in our records."))
        }
        (_, "ExpiredToken") => (ObjectErrorKind::Denied, or("The provided token has expired.")),
        (401 | 403, _) => (ObjectErrorKind::Denied, or("Access Denied")),
        (404, _) => (ObjectErrorKind::NotFound, or("The specified key does not exist.")),
        (300..=399, _) => {
            (ObjectErrorKind::Invalid, or("The S3 server redirects to another server; use that one as the endpoint"))
        }
        (400..=499, _) if !matches!(status, 408 | 409 | 429) => {
            (ObjectErrorKind::Invalid, or(&format!("S3 server {server} refused the request with status {status}")))
        }
        _ => {
            let word = if code.is_empty() { String::new() } else { format!(" {code}") };
            let said = if message.is_empty() { String::new() } else { format!(": {message}") };
            (ObjectErrorKind::Unavailable, format!("S3 server {server} answered {status}{word}{said}; try again later"))
        }
    }
}

/// Reduces a message to one line of limited length.
fn clean(message: &str) -> String {
    let mut clean: String =
        message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE_CHARS).collect();
    if message.chars().nth(MAX_MESSAGE_CHARS).is_some() {
        clean.push('…');
    }
    clean
}

/// Returns the text of the first element with this name.
pub fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Some(text.replace("&#39;", "'").replace("&#34;", "\"").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AddressGuard;
    use jobhost_model::S3Location;

    fn explained(status: u16, body: &str) -> ObjectError {
        let location = S3Location {
            bucket: "dogs".to_owned(),
            key: "k".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some("http://s3.example:9000".to_owned()),
            path_style: None,
        };
        let placement = super::super::location::place(&location, None, &AddressGuard::default()).unwrap();
        let keys =
            S3Keys { access_key_id: "AKID".to_owned(), secret_access_key: "SECRET".to_owned(), session_token: None };
        Failure::answer(status, body).explained(&placement, &keys)
    }

    fn body(code: &str, message: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
    }

    #[test]
    fn errors_have_the_messages_that_clients_know() {
        let missing = explained(404, &body("NoSuchKey", ""));
        assert_eq!(
            (missing.kind, missing.message.as_str()),
            (ObjectErrorKind::NotFound, "The specified key does not exist.")
        );
        let bucket = explained(404, &body("NoSuchBucket", "whatever"));
        assert_eq!(bucket.message, "The specified bucket does not exist");
        let denied = explained(403, &body("AccessDenied", ""));
        assert_eq!((denied.kind, denied.message.as_str()), (ObjectErrorKind::Denied, "Access Denied"));
        let malformed = explained(400, &body("AuthorizationHeaderMalformed", "the region &apos;x&apos; is wrong"));
        assert_eq!((malformed.kind, malformed.message.as_str()), (ObjectErrorKind::Invalid, "the region 'x' is wrong"));
        let busy = explained(503, &body("SlowDown", "Please reduce your request rate."));
        assert_eq!(busy.kind, ObjectErrorKind::Unavailable);
        assert_eq!(
            busy.message,
            "S3 server http://s3.example:9000 answered 503 SlowDown: Please reduce your request rate.; try again later"
        );
        assert_eq!(explained(412, "").message, CHANGED);
        assert_eq!(explained(502, "<html>").kind, ObjectErrorKind::Unavailable);
    }

    #[test]
    fn secrets_in_an_error_body_are_not_passed_on() {
        let text = "<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature of AKID with SECRET\nis wrong\
                    </Message><AWSAccessKeyId>AKID</AWSAccessKeyId><StringToSign>AWS4-HMAC</StringToSign>\
                    <CanonicalRequest>GET</CanonicalRequest></Error>";
        let error = explained(403, text);
        assert_eq!(error.message, "The request signature of … with … is wrong");
        let chain = format!("{error:?}");
        assert!(!chain.contains("StringToSign") && !chain.contains("AWS4"), "{chain}");
        let long = explained(403, &body("AccessDenied", &"x".repeat(10_000)));
        assert_eq!(long.message.chars().count(), MAX_MESSAGE_CHARS + 1);
    }

    #[test]
    fn only_transient_failures_are_retried() {
        for (status, code) in [(500, "InternalError"), (503, "SlowDown"), (429, ""), (408, ""), (400, "RequestTimeout")]
        {
            assert!(Failure::answer(status, &body(code, "")).is_transient(), "{status}");
        }
        for (status, code) in
            [(400, ""), (403, "AccessDenied"), (404, "NoSuchKey"), (409, ""), (412, ""), (501, "NotImplemented")]
        {
            assert!(!Failure::answer(status, &body(code, "")).is_transient(), "{status}");
        }
        assert!(!Failure::Refused.is_transient());
    }

    /// Any server response becomes one message of limited length without credentials.
    #[test]
    fn fuzz_answer() {
        let pieces = [
            "<Error>",
            "<Code>",
            "</Code>",
            "<Message>",
            "</Message>",
            "AccessDenied",
            "SignatureDoesNotMatch",
            "AKID",
            "SECRET",
            "SEC",
            "RET",
            "AK",
            "ID",
            "&amp;",
            "&lt;",
            "&#39;",
            "&",
            "\n",
            "\0",
            " ",
            "\u{1b}[31m",
            "é\u{1f600}",
            "<![CDATA[",
            "]]>",
        ];
        let statuses = [200_u16, 301, 400, 403, 404, 409, 412, 500, 503];
        let input = (0usize..9, bolero::produce::<Vec<u8>>().with().len(0usize..40));
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(|(status, picks)| {
            let text: String = picks.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect();
            for body in [text.clone(), body("AccessDenied", &text), body(&text, "no")] {
                let told = explained(statuses[*status], &body).message;
                assert!(!told.contains("SECRET") && !told.contains("AKID"), "{told:?}");
                assert!(
                    !told.chars().any(char::is_control) && told.chars().count() <= MAX_MESSAGE_CHARS + 1,
                    "{told:?}"
                );
            }
        });
    }
}
