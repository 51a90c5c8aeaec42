//! Just so much of HTTP/1.1 that a test can break it: requests read off a socket byte by byte, answers written as told.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use reqwest::Url;

/// The first line and the headers of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// By names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Head {
    /// Reads the next one, but for its last byte: whoever closes a connection with a byte unread resets it. Nothing when
    /// the client has closed the connection or speaks something else, such as TLS.
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

    /// The first value of a parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Reads what is left: the last byte of the head and the body, at most `limit` bytes of it. True when it is whole.
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

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// One of this status and nothing else.
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A refusal in the form of the OCI distribution specification, "Error Codes".
    pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Self {
        let errors = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        Self::new(status).header("content-type", "application/json").body(errors.to_string())
    }

    /// Sets a header, in place of one of the same name.
    pub(crate) fn header(self, name: &'static str, value: impl Into<String>) -> Self {
        let mut answer = self.without(name);
        answer.headers.push((name, value.into()));
        answer
    }

    /// Takes a header away.
    pub(super) fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Writes the head, with this length of the body unless it has none.
    pub(super) fn write_head(&self, mut stream: &TcpStream, length: Option<u64>) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        let length = length.map(|length| ("content-length", length.to_string()));
        for (name, value) in self.headers.iter().chain(&length) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        stream.write_all((head + "\r\n").as_bytes())
    }
}
