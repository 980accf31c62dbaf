//! What the web server returns for a path.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use super::{Seen, flush};

#[derive(Clone)]
pub enum Body {
    Whole(Arc<[u8]>),
    /// Sends the first part, and the second after the server is released.
    Held(Arc<[u8]>, Arc<[u8]>),
    /// Repeats this until the client disconnects.
    Endless(Arc<[u8]>),
    /// Sends a body that is shorter than its announced length.
    CutOff(Arc<[u8]>),
    /// A table with one row: the names of the request's headers.
    HeaderNames,
}

#[derive(Clone)]
pub struct Page {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    /// Responds with 403 if the request lacks this header.
    required: Option<(String, String)>,
}

impl Page {
    pub fn new(media_type: &str, body: impl AsRef<[u8]>) -> Self {
        Page::status(200).body(Body::Whole(body.as_ref().into())).header("Content-Type", media_type)
    }

    pub fn csv(body: impl AsRef<[u8]>) -> Self {
        Page::new("text/csv", body)
    }

    /// A response without a body and without a media type.
    pub fn status(status: u16) -> Self {
        Page { status, headers: Vec::new(), body: Body::Whole(Arc::from([])), required: None }
    }

    pub fn redirect(target: &str) -> Self {
        Page::status(302).header("Location", target)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    pub fn require(mut self, name: &str, value: &str) -> Self {
        self.required = Some((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    pub(super) fn for_request(mut self, seen: &Seen) -> Page {
        if let Some((name, value)) = &self.required
            && seen.header(name) != Some(value.as_str())
        {
            return Page::status(403);
        }
        if matches!(self.body, Body::HeaderNames) {
            let names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
            self.body = Body::Whole(format!("id,names\n1,{}\n", names.join(" ")).into_bytes().into());
        }
        self
    }

    pub(super) fn write(&self, stream: TcpStream, released: impl FnOnce()) -> std::io::Result<()> {
        let length = match &self.body {
            Body::Whole(bytes) => Some(bytes.len()),
            Body::Held(first, second) => Some(first.len() + second.len()),
            Body::CutOff(bytes) => Some(bytes.len() + 1000),
            Body::Endless(_) | Body::HeaderNames => None,
        };
        flush(&stream, self.head(length).as_bytes())?;
        match &self.body {
            Body::Whole(bytes) | Body::CutOff(bytes) => flush(&stream, bytes)?,
            Body::Held(first, second) => {
                flush(&stream, first)?;
                released();
                flush(&stream, second)?;
            }
            Body::Endless(bytes) => loop {
                flush(&stream, bytes)?;
            },
            Body::HeaderNames => {}
        }
        stream.shutdown(Shutdown::Both)
    }

    fn head(&self, length: Option<usize>) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\nConnection: close\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(length) = length {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        head + "\r\n"
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        403 => "Forbidden",
        404 => "Not Found",
        500 => "Internal Server Error",
        _ => "Status",
    }
}
