//! A small HTTP server in this process that answers as AWS's APIs do, for tests of what moto does not do: refusing,
//! breaking off, giving URLs that expire.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecr::config::retry::RetryConfig;

use super::{Aws, AwsOptions};

/// The parts of the test's credentials that must never be shown.
pub(super) const SECRET_KEY: &str = "wJalrXUtnFEMI-the-secret-key";
pub(super) const SESSION_TOKEN: &str = "the-session-token";

/// A request that came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path and the query.
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The operation that the ECR API is asked for.
    pub(super) fn operation(&self) -> &str {
        self.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// After how many bytes of the body the connection breaks.
    pub(super) breaks_after: Option<usize>,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub(super) fn json(body: &serde_json::Value) -> Self {
        Self::new(200, body.to_string()).header("content-type", "application/x-amz-json-1.1")
    }

    /// A refusal, in the manner of both kinds of API.
    pub(super) fn fault(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "__type": code, "message": message });
        Self::new(status, body.to_string()).header("x-amzn-errortype", code)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn breaking_after(mut self, bytes: usize) -> Self {
        self.breaks_after = Some(bytes);
        self
    }
}

/// The server. It serves as long as the process lives.
#[derive(Clone)]
pub(super) struct Fake {
    /// `http://127.0.0.1:PORT`.
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    /// Serves one request a connection.
    pub(super) fn start(mut answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                let Some(request) = read(&connection) else { continue };
                kept.lock().unwrap().push(request.clone());
                write(connection, &answer(&request));
            }
        });
        Self { url, requests }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Somebody in eu-west-1 with credentials, for whom all of AWS is here.
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

fn read(connection: &TcpStream) -> Option<Request> {
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
    let mut request = Request { method, target, headers, body: String::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    input.take(length).read_to_string(&mut request.body).ok()?;
    Some(request)
}

/// Writes an answer. Who has asked may be gone.
fn write(mut connection: TcpStream, reply: &Reply) {
    let Reply { status, headers, body, breaks_after } = reply;
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head += "\r\n";
    let body = &body[..breaks_after.unwrap_or(body.len())];
    let _gone = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
}
