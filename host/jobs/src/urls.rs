//! Credentials in URLs. The user, the password and the query of a presigned URL are secrets. They are sealed with the
//! other secrets once a plan names the URL as a source; the plan, the request and everything shown contain only the
//! rest.

use serde_json::Value;
use url::Url;

use super::secrets::Secrets;
use jobhost_contract::{Plan, Sink, Source};

/// Replaces the secret parts of a URL. It is followed by a number, so that URLs that differ only there remain
/// distinct.
const HIDDEN: &str = "hidden";

/// Removes the secret parts of the plan's URLs and S3 endpoints from the plan and from the request.
pub(super) fn hide(plan: &mut Plan, request: &mut Value, secrets: &mut Secrets) {
    let sources = plan.sources.iter_mut().filter_map(|source| match source {
        Source::Url(source) => Some(&mut source.url),
        Source::S3 { object, .. } => object.location.endpoint.as_mut(),
        Source::RequestField | Source::File(_) => None,
    });
    let sinks = plan.sinks.iter_mut().filter_map(|sink| match sink {
        Sink::S3 { object, .. } => object.location.endpoint.as_mut(),
        Sink::File { .. } => None,
    });
    for (number, url) in sources.chain(sinks).enumerate() {
        let Some(masked) = masked(url, number) else { continue };
        replace(request, url, &masked);
        let original = std::mem::replace(url, masked.clone());
        secrets.insert(masked, Value::String(original));
    }
}

/// Returns the URL as the client sent it.
pub(super) fn revealed<'u>(secrets: &'u Secrets, url: &'u str) -> &'u str {
    secrets.get(url).and_then(Value::as_str).unwrap_or(url)
}

/// Returns `None` if the text has no secret part or is not a URL.
fn masked(text: &str, number: usize) -> Option<String> {
    let mut url = Url::parse(text).ok()?;
    let hides = !url.username().is_empty() || url.password().is_some();
    if !hides && url.query().is_none() && url.fragment().is_none() {
        return None;
    }
    // These calls fail for a URL without a host, which cannot be fetched anyway.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url.set_query(Some(&format!("{HIDDEN}={number}")));
    Some(url.into())
}

fn replace(value: &mut Value, old: &str, new: &str) {
    match value {
        Value::String(text) if text == old => new.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, old, new)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, old, new)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use jobhost_contract::UrlSource;

    fn plan(urls: &[&str]) -> Plan {
        let source = |url: &&str| {
            Source::Url(UrlSource { url: (*url).to_owned(), headers: None, media_types: Vec::new(), encoding: None })
        };
        Plan { sources: urls.iter().map(source).collect(), ..Plan::default() }
    }

    #[test]
    fn secret_parts_are_hidden_and_restored() {
        let (one, two) = ("https://me:pw@host.example/a.csv", "https://host.example/a.csv?X-Amz-Signature=abc#f");
        let mut plan = plan(&[one, two, "https://host.example/plain.csv"]);
        let mut request = json!({"csv_url": one, "more": [two, "https://host.example/other?x=1"]});
        let mut secrets = Secrets::new();
        hide(&mut plan, &mut request, &mut secrets);
        let shown = format!("{plan:?} {request}");
        assert!(!shown.contains("pw") && !shown.contains("abc"), "{shown}");
        assert_eq!(request["csv_url"], "https://host.example/a.csv?hidden=0");
        assert_eq!(request["more"][1], "https://host.example/other?x=1", "what is no source is data");
        let urls: Vec<&str> = plan
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Url(source) => Some(revealed(&secrets, &source.url)),
                _ => None,
            })
            .collect();
        assert_eq!(urls, [one, two, "https://host.example/plain.csv"]);
    }

    #[test]
    fn a_plain_url_is_no_secret() {
        for url in ["http://host/a", "no url", "", "http://host/a%3Fb"] {
            assert_eq!(masked(url, 0), None, "{url}");
        }
    }
}
