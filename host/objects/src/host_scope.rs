//! The hosts that a URL and its redirects must stay on. The address guard applies in addition.

use std::str::FromStr;

use url::Url;

/// A host, optionally restricted to one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostScope {
    host: String,
    port: Option<u16>,
}

/// The text is neither `host` nor `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a host or host:port, for example example.com:443")]
pub struct BadHostScope;

impl FromStr for HostScope {
    type Err = BadHostScope;

    /// IPv6 addresses are written in brackets, as in a URL.
    fn from_str(text: &str) -> Result<Self, BadHostScope> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().map_err(|_| BadHostScope)?)),
            _ => (text, None),
        };
        // Parsed like a URL, so that both are compared in the same form.
        let url = Url::parse(&format!("http://{host}/")).map_err(|_| BadHostScope)?;
        let one_port = !host.contains(':') || host.starts_with('[');
        let plain = one_port && url.username().is_empty() && url.path() == "/" && !host.contains(['/', '@']);
        match url.host_str().filter(|_| plain) {
            Some(host) => Ok(HostScope { host: host.to_owned(), port }),
            None => Err(BadHostScope),
        }
    }
}

impl HostScope {
    pub fn covers(&self, url: &Url) -> bool {
        let is_port = |only| url.port_or_known_default() == Some(only);
        url.host_str() == Some(&self.host) && self.port.is_none_or(is_port)
    }
}

/// The hosts that a plugin's URLs may lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostScopes {
    Any,
    Only(Vec<HostScope>),
}

impl HostScopes {
    pub fn covers(&self, url: &Url) -> bool {
        match self {
            HostScopes::Any => true,
            HostScopes::Only(scopes) => scopes.iter().any(|scope| scope.covers(url)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_as_urls_write_them() {
        for (scope, url, covered) in [
            ("example.com", "http://example.com/a", true),
            ("EXAMPLE.com", "http://example.com:81/a", true),
            ("example.com:443", "https://example.com/", true),
            ("example.com:443", "http://example.com/", false),
            ("example.com", "http://example.com.evil.org/", false),
            ("example.com", "http://example.com@evil.org/", false),
            ("127.0.0.1", "http://2130706433/", true),
            ("[::1]:80", "http://[0:0::1]/", true),
            ("[::1]", "http://[::2]/", false),
        ] {
            let scopes = HostScopes::Only(vec![scope.parse().unwrap()]);
            assert_eq!(scopes.covers(&Url::parse(url).unwrap()), covered, "{scope} {url}");
        }
        assert!(HostScopes::Any.covers(&Url::parse("http://a/").unwrap()));
    }

    #[test]
    fn invalid_hosts_are_rejected() {
        for bad in ["", "a/b", "a@b", "a:port", "http://a", "a:80:80", " "] {
            assert!(bad.parse::<HostScope>().is_err(), "{bad:?}");
        }
    }

    /// A valid scope covers its own host and no similar name.
    #[test]
    fn fuzz_host_scope() {
        let pieces = [
            "example",
            "com",
            "evil",
            ".",
            ":",
            "80",
            "0",
            "[::1]",
            "127.0.0.1",
            "2130706433",
            "0x7f",
            "%41",
            "@",
            "/",
            "#",
            "?",
            "\\",
            "EXAMPLE",
            "é",
            "xn--",
            "-",
            "_",
            " ",
            "\t",
        ];
        let input = bolero::produce::<Vec<u8>>().with().len(0usize..8);
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(|picks| {
            let text: String = picks.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect();
            let Ok(scope) = text.parse::<HostScope>() else { return };
            let port = scope.port.unwrap_or(80);
            let scopes = HostScopes::Only(vec![scope.clone()]);
            let covered = |url: &str| Url::parse(url).is_ok_and(|url| scopes.covers(&url));
            let host = &scope.host;
            assert!(covered(&format!("http://{host}:{port}/a?b#c")), "{text}");
            for other in [
                format!("http://x.{host}:{port}/"),
                format!("http://{host}.evil.org:{port}/"),
                format!("http://{host}@evil.org:{port}/"),
                format!("http://evil.org:{port}/{host}"),
                format!("http://evil.org:{port}\\@{host}"),
                format!("http://evil.org:{port}#@{host}/"),
            ] {
                assert!(!covered(&other), "{text} covers {other}");
            }
        });
    }
}
