//! Where a load finds its input: in the request, in a file on the server or at a URL. Defines the fields that name the
//! input, their rules and their schemas, for loads that Harper does not have. CSV loads keep Harper's error messages.

use jobhost_plugin::schema::Field;
use jobhost_plugin::{Encoding, FileSource, PlannedSource, Request, UrlSource};
use serde_json::{Value, json};

const HEADERS: &str = "passthrough_headers";

/// The place from which an operation reads its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The field `data` of the request.
    Data,
    /// The file that the field `file_path` names.
    File,
    /// The URL in the field of this name, fetched with the headers in `passthrough_headers`.
    Url { field: &'static str },
}

impl Place {
    /// Returns every problem with the fields, or an empty list if they name a valid input.
    pub fn check(self, request: &Request) -> Vec<String> {
        match self {
            Place::Data => match request.get("data") {
                Some(Value::String(_)) => vec![],
                Some(_) => vec![
                    "'data' must be a string: the text to load. Send records themselves with the operation \
                                 insert"
                        .to_owned(),
                ],
                None => vec!["'data' is required".to_owned()],
            },
            Place::File => match request.get("file_path") {
                Some(Value::String(path)) if path.is_empty() => {
                    vec!["'file_path' is not allowed to be empty".to_owned()]
                }
                Some(Value::String(_)) => vec![],
                Some(_) => vec!["'file_path' must be a string".to_owned()],
                None => vec!["'file_path' is required".to_owned()],
            },
            Place::Url { field } => {
                let mut problems = match request.get(field) {
                    Some(Value::String(url)) => check_url(field, url).into_iter().collect(),
                    Some(_) => vec![format!("'{field}' must be a string")],
                    None => vec![format!("'{field}' is required")],
                };
                if request.get(HEADERS).is_some_and(|headers| !headers.is_object()) {
                    problems.push(format!("'{HEADERS}' must be of type object"));
                }
                problems
            }
        }
    }

    /// Returns the source that a request names. The request must have passed `check`. `encoding` is the compression of the
    /// file; `None` means that of its first bytes.
    pub fn source(self, request: &Request, media_types: &[&str], encoding: Option<Encoding>) -> PlannedSource {
        match self {
            Place::Data => PlannedSource::RequestField,
            Place::File => PlannedSource::File(FileSource {
                path: request.text("file_path").unwrap_or_default().to_owned(),
                encoding,
            }),
            Place::Url { field } => PlannedSource::Url(UrlSource {
                url: request.text(field).unwrap_or_default().to_owned(),
                headers: request.get(HEADERS).map(|_| format!("/{HEADERS}")),
                media_types: media_types.iter().map(|&media_type| media_type.to_owned()).collect(),
                encoding,
            }),
        }
    }

    /// Returns the fields with their JSON Schemas. `format` describes the content of the input.
    pub fn fields(self, format: &str) -> Vec<Field<'static>> {
        let text = |description: String| json!({ "type": "string", "minLength": 1, "description": description });
        match self {
            Place::Data => {
                vec![("data", json!({ "type": "string", "description": format!("The {format} itself.") }), true)]
            }
            Place::File => {
                vec![("file_path", text(format!("Path of a file that the server may read, with {format}.")), true)]
            }
            Place::Url { field } => {
                let url = json!({
                    "type": "string",
                    "minLength": 1,
                    "format": "uri",
                    "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
                    "description": format!("Where to fetch the {format} from, by GET.")
                });
                let headers = json!({
                    "type": "object",
                    "additionalProperties": { "type": "string" },
                    "description": "Headers to send with the request; they are treated as secrets."
                });
                vec![(field, url, true), (HEADERS, headers, false)]
            }
        }
    }

    /// JSON Pointers to the fields whose values only the host may see.
    pub fn secrets(self) -> Vec<String> {
        if matches!(self, Place::Url { .. }) { vec![format!("/{HEADERS}/*")] } else { vec![] }
    }

    /// JSON Pointer to the field that contains the input itself.
    pub fn inline_source(self) -> Option<String> {
        (self == Place::Data).then(|| "/data".to_owned())
    }
}

/// Returns the problem with a URL. It finds obvious mistakes only: the host checks the URL when it fetches it.
fn check_url(field: &str, url: &str) -> Option<String> {
    if url.is_empty() {
        return Some(format!("'{field}' is not allowed to be empty"));
    }
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Some(format!("'{field}' must be a valid url: it must begin with http:// or https://"));
    }
    let rest = url.get(scheme.len() + 3..).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let has_host = !host.is_empty() && !host.starts_with(':');
    let is_plain = !url.chars().any(|character| character.is_whitespace() || character.is_control());
    (!has_host || !is_plain).then(|| format!("'{field}' must be a valid url"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: Place = Place::Url { field: "json_url" };

    fn problems(place: Place, request: Value) -> String {
        place.check(&Request::parse(&request.to_string()).unwrap()).join(". ")
    }

    #[test]
    fn problems_name_the_missing_or_invalid_field() {
        assert_eq!(problems(Place::Data, json!({})), "'data' is required");
        assert!(problems(Place::Data, json!({"data": [1]})).starts_with("'data' must be a string"));
        assert_eq!(problems(Place::Data, json!({"data": ""})), "");
        assert_eq!(problems(Place::File, json!({"file_path": null})), "'file_path' is required");
        assert_eq!(problems(Place::File, json!({"file_path": ""})), "'file_path' is not allowed to be empty");
        assert_eq!(problems(Place::File, json!({"file_path": 5})), "'file_path' must be a string");
        assert_eq!(problems(URL, json!({})), "'json_url' is required");
        assert_eq!(
            problems(URL, json!({"json_url": "http://h/x", "passthrough_headers": "x"})),
            "'passthrough_headers' must be of type object"
        );
    }

    #[test]
    fn urls_must_be_http_or_https_and_have_a_host() {
        for url in ["http://h/x", "HTTPS://h", "http://user:p@h:80/a?b#c", "http://[::1]:8/x"] {
            assert_eq!(check_url("u", url), None, "{url}");
        }
        for url in ["", "h", "/x", "http:", "http://", "http:///x", "http://:80/", "http://user@/x", "http://h/a b"] {
            assert!(check_url("u", url).is_some(), "{url}");
        }
        assert!(check_url("u", "file:///etc/passwd").unwrap().contains("http://"));
    }
}
