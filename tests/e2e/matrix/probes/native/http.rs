//! A minimal HTTP client for the Runtime API and the Extensions API.

use std::env;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A response: its head and its body.
pub struct Response {
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> String {
        let value = self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        value.unwrap_or_else(|| panic!("no header {name} in {}", self.head))
    }
}

/// The address of the APIs.
fn address() -> String {
    env::var("AWS_LAMBDA_RUNTIME_API").expect("the address of the Runtime API")
}

/// Connects to the APIs. The emulator starts its server and the runtime concurrently, and on a busy machine a compiled
/// program may start earlier than the server.
pub fn connect() -> TcpStream {
    let begin = Instant::now();
    loop {
        match TcpStream::connect(address()) {
            Err(error)
                if error.kind() == ErrorKind::ConnectionRefused && begin.elapsed() < Duration::from_secs(5) =>
            {
                sleep(Duration::from_millis(10));
            }
            connected => return connected.expect("a connection to the Runtime API"),
        }
    }
}

/// Sends one request on its own connection, and waits for the response without a limit.
pub fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Response {
    let mut stream = connect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        address(),
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("a request");
    stream.write_all(body).expect("a request");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).expect("a response");
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let body = response.split_off(end + 4);
    let head = String::from_utf8(response).expect("a head of text");
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { joined(&body) } else { body };
    Response { head, body }
}

/// The content of a chunked body.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = std::str::from_utf8(&chunks[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("the size of a chunk");
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
    body
}
