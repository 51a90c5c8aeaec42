//! A small HTTP server that responds as AWS's APIs do, for tests of what moto does not do: refusals, interrupted
//! responses, expiring URLs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecr::config::retry::RetryConfig;

use super::{Aws, AwsOptions};

/// The parts of the test's credentials that no message may contain.
pub(super) const SECRET_KEY: &str = "wJalrXUtnFEMI-the-secret-key";
pub(super) const SESSION_TOKEN: &str = "the-session-token";

/// A request that the server received.
#[derive(Debug, Clone)]
pub(super) struct ReceivedRequest {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl ReceivedRequest {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The ECR operation.
    pub(super) fn operation(&self) -> &str {
        self.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }
}

/// What the server sends back.
#[derive(Debug, Clone, Default)]
pub(super) struct FakeResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// The number of bytes of the body after which the connection closes.
    pub(super) closes_after: Option<usize>,
}

impl FakeResponse {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub(super) fn json(body: &serde_json::Value) -> Self {
        Self::new(200, body.to_string()).header("content-type", "application/x-amz-json-1.1")
    }

    /// An error in the form of ECR's and of Lambda's API.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "__type": code, "message": message });
        Self::new(status, body.to_string()).header("x-amzn-errortype", code)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn closing_after(mut self, bytes: usize) -> Self {
        self.closes_after = Some(bytes);
        self
    }
}

/// The server. It runs until the process ends.
#[derive(Clone)]
pub(super) struct FakeAws {
    /// `http://127.0.0.1:PORT`.
    pub(super) url: String,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
}

impl FakeAws {
    /// Serves one request per connection.
    pub(super) fn start(mut respond: impl FnMut(&ReceivedRequest) -> FakeResponse + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                let Some(request) = read(&connection) else { continue };
                received.lock().unwrap().push(request.clone());
                write(connection, &respond(&request));
            }
        });
        Self { url, requests }
    }

    pub(super) fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// A client in eu-west-1 with credentials, all of whose requests come here.
    pub(super) fn aws(&self) -> Aws {
        let credentials =
            Credentials::new("AKIDEXAMPLE", SECRET_KEY, Some(SESSION_TOKEN.to_owned()), None, "test");
        self.aws_with(SharedCredentialsProvider::new(credentials))
    }

    pub(super) fn aws_with(&self, credentials: SharedCredentialsProvider) -> Aws {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .endpoint_url(&self.url)
            .retry_config(RetryConfig::disabled())
            .credentials_provider(credentials)
            .build();
        Aws::with_config(AwsOptions::default(), config).hasty()
    }
}

fn read(connection: &TcpStream) -> Option<ReceivedRequest> {
    let mut input = BufReader::new(connection);
    let mut line = String::new();
    input.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut request = ReceivedRequest { method, target, headers, body: String::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    input.take(length).read_to_string(&mut request.body).ok()?;
    Some(request)
}

/// Writes a response. The client may have closed the connection.
fn write(mut connection: TcpStream, response: &FakeResponse) {
    let FakeResponse { status, headers, body, closes_after } = response;
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head += "\r\n";
    let body = &body[..closes_after.unwrap_or(body.len())];
    let _closed = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
}
