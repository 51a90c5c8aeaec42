//! Lambda's `GetLayerVersion` and the download URLs that it returns, served by a small HTTP server in this process,
//! since no existing tool serves both.
//!
//! As in AWS, API requests must be signed, requests for a presigned URL must not be, and a URL expires.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The query of every download URL, which limg must keep secret.
pub(crate) const PRESIGNED: &str = "X-Amz-Signature=0123456789abcdef";

/// A layer version on the server.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) zip: Vec<u8>,
    /// The digest in the response, in base64; `None` for the real one.
    pub(crate) sha256: Option<String>,
    pub(crate) runtimes: Option<&'static [&'static str]>,
    pub(crate) architectures: Option<&'static [&'static str]>,
    /// The number of bytes after which the first URL expires.
    pub(crate) first_url_ends_after: Option<usize>,
    /// The API's error response: status, code and message.
    pub(crate) refusal: Option<(u16, &'static str, &'static str)>,
}

impl Published {
    /// A layer version that is compatible with the functions of the tests.
    pub(crate) fn new(zip: Vec<u8>) -> Self {
        Self {
            zip,
            sha256: None,
            runtimes: Some(&["provided.al2", "provided.al2023"]),
            architectures: Some(&["x86_64"]),
            first_url_ends_after: None,
            refusal: None,
        }
    }

    fn response(&self, location: &str) -> Value {
        let digest = || STANDARD.encode(Sha256::digest(&self.zip));
        let mut response = json!({
            "Content": {
                "Location": location,
                "CodeSha256": self.sha256.clone().unwrap_or_else(digest),
                "CodeSize": self.zip.len(),
            },
            "Description": "",
            "CreatedDate": "2026-01-02T03:04:05.000+0000",
        });
        if let Some(runtimes) = self.runtimes {
            response["CompatibleRuntimes"] = json!(runtimes);
        }
        if let Some(architectures) = self.architectures {
            response["CompatibleArchitectures"] = json!(architectures);
        }
        response
    }
}

/// A request that the server has received, and the status of its response.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Path and query.
    pub(crate) target: String,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) status: u16,
}

impl Call {
    /// Whether it is a request to the API rather than a download.
    pub(crate) fn is_api(&self) -> bool {
        self.target.starts_with(API)
    }
}

/// The path of the API.
const API: &str = "/2018-10-31/layers/";

/// The path of downloads.
const ZIPS: &str = "/zips/";

#[derive(Default)]
struct State {
    /// By ARN.
    versions: BTreeMap<String, Published>,
    /// For each download URL: the zip, and how many more bytes it sends, if it expires.
    urls: Vec<(Vec<u8>, Option<usize>)>,
    calls: Vec<Call>,
}

/// The server. It runs until the process ends, and serves one request per connection.
pub(crate) struct LambdaApi {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

struct ApiResponse {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
    /// The number of bytes of the body to send.
    sent: usize,
}

impl ApiResponse {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, headers: Vec::new(), sent: body.len(), body }
    }

    fn header(mut self, header: String) -> Self {
        self.headers.push(header);
        self
    }
}

impl LambdaApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let api = Self { url: url.clone(), state: Arc::clone(&state) };
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, url, state) = (connection.unwrap(), url.clone(), Arc::clone(&state));
                std::thread::spawn(move || serve(connection, &url, &state));
            }
        });
        api
    }

    /// Adds or replaces a layer version.
    pub(crate) fn publish(&self, arn: &str, version: Published) {
        self.state.lock().unwrap().versions.insert(arn.to_owned(), version);
    }

    /// The requests since the last call of this method.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }
}

/// Responds to a request. The client may have closed the connection.
fn serve(mut connection: TcpStream, url: &str, state: &Mutex<State>) {
    let Some((target, headers)) = read(&connection) else { return };
    let response = {
        let mut state = state.lock().unwrap();
        let response = state.respond(&target, &headers, url);
        state.calls.push(Call { target, headers, status: response.status });
        response
    };
    let mut head = format!(
        "HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        response.status,
        response.body.len()
    );
    for header in response.headers {
        head.extend([header.as_str(), "\r\n"]);
    }
    head += "\r\n";
    let body = &response.body[..response.sent];
    let _closed = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
}

/// The target and the headers of a GET.
fn read(connection: &TcpStream) -> Option<(String, BTreeMap<String, String>)> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    let target = first.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let line = lines.next()?.ok()?;
        let Some((name, value)) = line.split_once(": ") else { return Some((target, headers)) };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

impl State {
    fn respond(&mut self, target: &str, headers: &BTreeMap<String, String>, url: &str) -> ApiResponse {
        if let Some(path) = target.strip_prefix(API) {
            return self.version(path, headers, url);
        }
        let number =
            target.strip_prefix(ZIPS).and_then(|rest| rest.strip_suffix(PRESIGNED)?.strip_suffix('?'));
        match number.and_then(|number| self.urls.get_mut(number.parse::<usize>().ok()?)) {
            Some((zip, left)) => download(zip, left, headers),
            None => ApiResponse::new(404, "<Error><Code>NoSuchKey</Code></Error>"),
        }
    }

    fn version(&mut self, path: &str, headers: &BTreeMap<String, String>, url: &str) -> ApiResponse {
        let error = |status: u16, code: &str, message: &str| {
            ApiResponse::new(status, json!({ "Type": "User", "Message": message }).to_string())
                .header(format!("x-amzn-ErrorType: {code}"))
        };
        if !headers
            .get("authorization")
            .is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential="))
        {
            return error(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        }
        let arn = path.replace("%3A", ":").replace("/versions/", ":");
        let Some(version) = self.versions.get(&arn) else {
            return error(404, "ResourceNotFoundException", "The resource you requested does not exist.");
        };
        if let Some((status, code, message)) = version.refusal {
            return error(status, code, message);
        }
        let number = self.urls.len();
        let end = version.first_url_ends_after.filter(|_| number == 0);
        let response = version.response(&format!("{url}{ZIPS}{number}?{PRESIGNED}"));
        self.urls.push((version.zip.clone(), end));
        ApiResponse::new(200, response.to_string()).header("content-type: application/json".to_owned())
    }
}

/// Amazon S3's response to a URL that sends `left` more bytes.
fn download(zip: &[u8], left: &mut Option<usize>, headers: &BTreeMap<String, String>) -> ApiResponse {
    if headers.contains_key("authorization") {
        let message = "Only one auth mechanism allowed";
        return ApiResponse::new(
            400,
            format!("<Error><Code>InvalidArgument</Code><Message>{message}</Message></Error>"),
        );
    }
    if *left == Some(0) {
        let message = "Request has expired";
        return ApiResponse::new(
            403,
            format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"),
        );
    }
    let range = headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    let mut response = match range.map(|from| from.parse::<usize>().unwrap()) {
        Some(from) if from >= zip.len() => return ApiResponse::new(416, ""),
        Some(from) => ApiResponse::new(206, &zip[from..]).header(format!(
            "content-range: bytes {from}-{}/{}",
            zip.len() - 1,
            zip.len()
        )),
        None => ApiResponse::new(200, zip),
    };
    if let Some(left) = left {
        response.sent = response.sent.min(*left);
        *left -= response.sent;
    }
    response
}
