//! A minimal HTTP/1.1 server that tests can break: requests are read byte by byte, responses are written without checks.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use reqwest::Url;

/// The first line and the headers of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestHead {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

impl RequestHead {
    /// Reads the next head except for its last byte: closing a connection with an unread byte resets it. Returns nothing if
    /// the client has closed the connection or uses another protocol (TLS).
    pub(super) fn read(mut stream: &TcpStream) -> io::Result<Option<Self>> {
        let mut buffer = vec![0; 64 << 10];
        let length = loop {
            let seen = stream.peek(&mut buffer)?;
            if !buffer[..seen].first().is_some_and(u8::is_ascii_uppercase) {
                return Ok(None);
            }
            if let Some(end) = buffer[..seen].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            std::thread::yield_now();
        };
        stream.read_exact(&mut buffer[..length - 1])?;
        let text = String::from_utf8_lossy(&buffer[..length - 4]);
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
        let url = Url::parse("http://fake").unwrap().join(target).unwrap();
        let headers = lines.filter_map(|line| line.split_once(':'));
        Ok(Some(Self {
            method,
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect(),
        }))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The URL of the same path and query on another host.
    pub(super) fn url_at(&self, host: &str) -> String {
        let mut url = Url::parse(&format!("http://{host}{}", self.path)).unwrap();
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url.into()
    }

    /// The first value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Reads the rest: the last byte of the head and at most `limit` bytes of the body. Returns whether that is all.
    pub(super) fn read_body(
        &self,
        mut stream: &TcpStream,
        limit: u64,
        body: &mut Vec<u8>,
    ) -> io::Result<bool> {
        stream.read_exact(&mut [0])?;
        if self.header("transfer-encoding").is_some() {
            return read_chunks(stream, limit, body);
        }
        let length = self.header("content-length").map_or(0, |length| length.parse().unwrap());
        let read = stream.take(length.min(limit)).read_to_end(body)?;
        Ok(read as u64 == length)
    }
}

fn read_chunks(mut stream: &TcpStream, limit: u64, body: &mut Vec<u8>) -> io::Result<bool> {
    let mut byte = [0];
    loop {
        let mut line = String::new();
        while !line.ends_with("\r\n") {
            stream.read_exact(&mut byte)?;
            line.push(byte[0].into());
        }
        let length = u64::from_str_radix(line.trim_end(), 16).unwrap();
        let left = limit - body.len() as u64;
        if length > left {
            stream.take(left).read_to_end(body)?;
            return Ok(false);
        }
        let read = stream.take(length).read_to_end(body)?;
        if (read as u64) < length {
            return Ok(false);
        }
        stream.read_exact(&mut [0; 2])?;
        if length == 0 {
            return Ok(true);
        }
    }
}

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A response with a status and nothing else.
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An error response in the form of the OCI distribution specification, "Error Codes".
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let errors = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        Self::new(status).header("content-type", "application/json").body(errors.to_string())
    }

    /// Sets a header.
    pub(crate) fn header(self, name: &'static str, value: impl Into<String>) -> Self {
        let mut response = self.without(name);
        response.headers.push((name, value.into()));
        response
    }

    /// Removes a header.
    pub(super) fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Writes the head, with the length of the body if one is given.
    pub(super) fn write_head(&self, mut stream: &TcpStream, length: Option<u64>) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Reason\r\n", self.status);
        let length = length.map(|length| ("content-length", length.to_string()));
        for (name, value) in self.headers.iter().chain(&length) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        stream.write_all((head + "\r\n").as_bytes())
    }
}
