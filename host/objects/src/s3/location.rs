//! Determines where the requests for an object go, from a location and the configuration, before anything is sent. The
//! result is safe to insert into a URL and headers: it cannot add a host, a path or a header.

use std::net::IpAddr;

use url::{Host, Url};

use super::key::Key;
use crate::download::shown;
use crate::{AddressGuard, ObjectError, ObjectErrorKind};
use jobhost_model::S3Location;

/// A resolved location.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The bucket's URL, without a trailing slash.
    pub bucket_url: String,
    pub host: String,
    /// The server's URL, without the bucket in its host.
    pub endpoint: Url,
    pub port: u16,
    pub https: bool,
    pub bucket: String,
    pub key: Key,
    pub region: String,
}

impl Placement {
    /// The server's name for messages.
    pub fn server(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        match (self.https, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{}", self.host),
            (_, port) => format!("{scheme}://{}:{port}", self.host),
        }
    }

    /// The object's URL.
    pub fn url(&self) -> String {
        self.key.url(&self.bucket_url)
    }
}

pub fn place(location: &S3Location, default: Option<&Url>, guard: &AddressGuard) -> Result<Placement, ObjectError> {
    let key = Key::parse(&location.key)
        .map_err(|what| invalid(format!("S3 key {} {what}; choose another key", quoted(&location.key))))?;
    check_region(&location.region)?;
    let endpoint = match &location.endpoint {
        Some(text) => Some(
            endpoint_url(text).map_err(|what| invalid(format!("S3 endpoint is {:?}, which {what}", plain(text))))?,
        ),
        None => default.cloned(),
    };
    let on_aws = endpoint.is_none();
    // The certificate of AWS covers one label only, so a bucket name with a dot cannot be part of the host.
    let path_style = location.path_style.unwrap_or(!on_aws || location.bucket.contains('.'));
    check_bucket(&location.bucket, on_aws || !path_style)?;
    let mut url = match endpoint {
        Some(url) => url,
        None => aws_url(&location.region)?,
    };
    let endpoint = url.clone();
    if !path_style {
        let host = format!("{}.{}", location.bucket, url.host_str().unwrap_or(""));
        if matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))) || url.set_host(Some(&host)).is_err() {
            return Err(invalid(format!(
                "S3 path_style is false, but bucket '{}' cannot be part of the host name of {url}; set path_style to true",
                location.bucket
            )));
        }
    }
    let port = url.port_or_known_default().unwrap_or(0);
    let host = url.host_str().unwrap_or("").to_owned();
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let https = url.scheme() == "https";
    let base = url.as_str().trim_end_matches('/');
    let bucket_url = if path_style { format!("{base}/{}", location.bucket) } else { base.to_owned() };
    let placement = Placement {
        bucket_url,
        host,
        endpoint,
        port,
        https,
        bucket: location.bucket.clone(),
        key,
        region: location.region.clone(),
    };
    match literal {
        Some(address) if !guard.permits(&address.to_string(), address, port) => Err(refused(&placement)),
        _ => Ok(placement),
    }
}

/// Jobs may not connect to the server's address.
pub fn refused(placement: &Placement) -> ObjectError {
    let Placement { host, port, .. } = placement;
    ObjectError::new(
        ObjectErrorKind::Denied,
        format!(
            "S3 server {}: its address is private or reserved, where jobs may not connect. To allow it, add this to the \
             configuration and restart the host: [s3] allow = [\"{host}:{port}\"]",
            placement.server()
        ),
    )
}

/// Returns a URL for messages, without parts that may hold credentials. The text need not be a valid URL.
fn plain(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => shown(&url),
        // The text before an @ may be a password, and the text after a question mark a signature.
        Err(_) => text.split(['@', '?', '#']).next().unwrap_or_default().chars().take(100).collect(),
    }
}

/// Parses the URL of a server, or says what is wrong with it.
pub fn endpoint_url(text: &str) -> Result<Url, &'static str> {
    if text.len() > 1024 {
        return Err("is longer than 1024 bytes");
    }
    let Ok(url) = Url::parse(text) else { return Err("is not a URL; write http://host:port or https://host") };
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is neither http nor https; write http://host:port or https://host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user or password; remove them; keys have their own fields");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("has a path or query; remove them; bucket and key have their own fields");
    }
    match url.host_str() {
        Some(host) if !host.is_empty() => Ok(url),
        _ => Err("has no host; write http://host:port or https://host"),
    }
}

fn aws_url(region: &str) -> Result<Url, ObjectError> {
    let label = region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = Url::parse(&format!("https://s3.{region}.{suffix}"));
    url.ok()
        .filter(|_| label)
        .ok_or_else(|| invalid(format!("S3 region '{region}' is not a region of AWS; they look like 'us-east-1'")))
}

fn check_region(region: &str) -> Result<(), ObjectError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if region.is_empty() || region.len() > 64 || !region.bytes().all(fine) {
        return Err(invalid(format!(
            "S3 region {} is not valid; a region has 1 to 64 letters, digits, '-' or '_', like 'us-east-1'",
            quoted(region)
        )));
    }
    Ok(())
}

/// Applies AWS's strict rules if the name becomes part of a host name; otherwise also accepts the names of older
/// servers.
fn check_bucket(bucket: &str, as_host: bool) -> Result<(), ObjectError> {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = bucket.as_bytes();
    let fine = if as_host {
        (3..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| edge(*byte) || matches!(byte, b'-' | b'.'))
            && bytes.first().is_some_and(|byte| edge(*byte))
            && bytes.last().is_some_and(|byte| edge(*byte))
    } else {
        (1..=255).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
            && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
    };
    if fine && !bucket.contains("..") {
        return Ok(());
    }
    Err(invalid(format!(
        "S3 bucket {} is not a valid name; it must have 3 to 63 lower-case letters, digits, '-' or '.'",
        quoted(bucket)
    )))
}

/// Prepares a request's value for a message: truncates it and removes control characters.
fn quoted(value: &str) -> String {
    let cut: String = value.chars().take(100).collect();
    format!("{cut:?}")
}

fn invalid(message: String) -> ObjectError {
    ObjectError::new(ObjectErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(endpoint: Option<&str>) -> S3Location {
        S3Location {
            bucket: "dogs".to_owned(),
            key: "a/b c.csv".to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: endpoint.map(str::to_owned),
            path_style: None,
        }
    }

    fn placed(location: &S3Location, allowed: &[&str]) -> Result<Placement, ObjectError> {
        let guard = AddressGuard::new(allowed.iter().map(|entry| entry.parse().unwrap()).collect());
        place(location, None, &guard)
    }

    #[test]
    fn aws_gets_the_bucket_in_the_host_and_others_in_the_path() {
        let aws = placed(&location(None), &[]).unwrap();
        assert_eq!(aws.url(), "https://dogs.s3.eu-central-1.amazonaws.com/a/b%20c.csv");
        let dotted = S3Location { bucket: "my.dogs".to_owned(), ..location(None) };
        assert_eq!(placed(&dotted, &[]).unwrap().bucket_url, "https://s3.eu-central-1.amazonaws.com/my.dogs");
        let own = placed(&location(Some("https://s3.example:9000/")), &[]).unwrap();
        assert_eq!(own.url(), "https://s3.example:9000/dogs/a/b%20c.csv");
        assert_eq!(own.server(), "https://s3.example:9000");
        let hosted = S3Location { path_style: Some(false), ..location(Some("http://s3.example")) };
        assert_eq!(placed(&hosted, &[]).unwrap().bucket_url, "http://dogs.s3.example");
        let china = S3Location { region: "cn-north-1".to_owned(), ..location(None) };
        assert_eq!(placed(&china, &[]).unwrap().host, "dogs.s3.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn literal_addresses_are_checked_by_the_guard() {
        for endpoint in ["http://127.0.0.1:9000", "http://169.254.169.254", "http://[::1]:1", "http://2130706433"] {
            let error = placed(&location(Some(endpoint)), &[]).unwrap_err();
            assert_eq!(error.kind, ObjectErrorKind::Denied, "{endpoint}");
        }
        let error = placed(&location(Some("http://127.0.0.1:9000")), &[]).unwrap_err();
        assert!(error.message.ends_with("[s3] allow = [\"127.0.0.1:9000\"]"), "{error}");
        assert!(placed(&location(Some("http://127.0.0.1:9000")), &["127.0.0.1:9000"]).is_ok());
    }

    #[test]
    fn nothing_can_add_a_host_a_path_or_a_header() {
        let refused = |change: &dyn Fn(&mut S3Location)| {
            let mut changed = location(None);
            change(&mut changed);
            assert_eq!(placed(&changed, &[]).unwrap_err().kind, ObjectErrorKind::Invalid, "{changed:?}");
        };
        for region in ["", "us-east-1.evil.example/", "us east", "us\r\nx: y", "@evil", "a#", "a?b", "US", "a_b"] {
            refused(&|location| location.region = region.to_owned());
        }
        for bucket in ["", "ab", "a/b", "a?b", "..", "-ab", "ab-", "Abc", "a..b", "a\r\nb", "evil.example#"] {
            refused(&|location| location.bucket = bucket.to_owned());
        }
        for key in ["", "a/", "//", "a/../b", "/./a", ".", "a\nb", &"x".repeat(1025)] {
            refused(&|location| location.key = key.to_owned());
        }
        for endpoint in [
            "ftp://host",
            "host:9000",
            "http://user:pw@host",
            "http://host/path",
            "http://host?x=y",
            "http://host#x",
            "https://",
            "",
        ] {
            refused(&|location| location.endpoint = Some(endpoint.to_owned()));
        }
    }

    /// No bucket, key, region or endpoint leads to another host or out of the bucket.
    #[test]
    fn fuzz_place() {
        let pieces = [
            "dogs",
            "a",
            "1",
            "/",
            "//",
            ".",
            "..",
            "-",
            "_",
            "%2e",
            "%2f",
            "\\",
            "@",
            ":",
            "?",
            "#",
            "&",
            " ",
            "é",
            "\r\n",
            "\0",
            "http://",
            "https://",
            "s3.example",
            "127.0.0.1",
            "[::1]",
            ":9000",
        ];
        let text = || bolero::produce::<Vec<u8>>().with().len(0usize..6);
        let input = (text(), text(), text(), text(), bolero::produce::<Option<bool>>());
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(
            |(bucket, key, region, endpoint, path_style)| {
                let word = |picks: &[u8]| {
                    picks.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect::<String>()
                };
                // Mostly valid values, because random ones hardly ever form a valid location.
                let or = |picks: &[u8], good: &str| if picks.len() < 3 { good.to_owned() } else { word(picks) };
                let location = S3Location {
                    bucket: or(bucket, "dogs"),
                    key: or(key, "a/b c.csv"),
                    region: or(region, "eu-central-1"),
                    endpoint: (endpoint.len() > 1).then(|| or(endpoint, "http://s3.example:9000")),
                    path_style: *path_style,
                };
                let Ok(placed) = placed(&location, &[]) else { return };
                let url = Url::parse(&placed.url()).unwrap();
                assert_eq!(url.host_str(), Some(placed.host.as_str()), "{location:?}");
                assert_eq!(url.port_or_known_default(), Some(placed.port), "{location:?}");
                assert!(url.username().is_empty() && url.query().is_none() && url.fragment().is_none(), "{location:?}");
                let server = placed.endpoint.host_str().unwrap();
                let by_path = placed.host == server;
                assert!(by_path || placed.host == format!("{}.{server}", location.bucket), "{location:?}");
                let mut segments = url.path_segments().unwrap();
                assert!(!by_path || segments.next() == Some(location.bucket.as_str()), "{location:?}");
                assert_eq!(segments.count(), location.key.split('/').count(), "{location:?}: {url}");
            },
        );
    }
}
