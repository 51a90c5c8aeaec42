//! Lambda's `GetLayerVersion` and the URLs of zips that it gives, played by a small HTTP server in this process: no tool
//! of others plays both.
//!
//! As in AWS, a request must be signed, a URL of a zip must not be signed a second time, and it is good for a while only.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the query of every URL of a zip holds, and nobody else may see.
pub(crate) const PRESIGNED: &str = "X-Amz-Signature=0123456789abcdef";

/// A layer version as the server has it.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) zip: Vec<u8>,
    /// The digest that it is said to have, in base64; nothing: its own.
    pub(crate) sha256: Option<String>,
    pub(crate) runtimes: Option<&'static [&'static str]>,
    pub(crate) architectures: Option<&'static [&'static str]>,
    /// After how many bytes the first URL breaks off, to be refused from then on.
    pub(crate) first_url_ends_after: Option<usize>,
    /// How the API refuses it: status, code and message.
    pub(crate) refusal: Option<(u16, &'static str, &'static str)>,
}

impl Published {
    /// One for the functions of the tests.
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

    fn answer(&self, location: &str) -> Value {
        let own = || STANDARD.encode(Sha256::digest(&self.zip));
        let mut answer = json!({
            "Content": {
                "Location": location,
                "CodeSha256": self.sha256.clone().unwrap_or_else(own),
                "CodeSize": self.zip.len(),
            },
            "Description": "",
            "CreatedDate": "2026-01-02T03:04:05.000+0000",
        });
        if let Some(runtimes) = self.runtimes {
            answer["CompatibleRuntimes"] = json!(runtimes);
        }
        if let Some(architectures) = self.architectures {
            answer["CompatibleArchitectures"] = json!(architectures);
        }
        answer
    }
}

/// A request that came, and how it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The path and the query.
    pub(crate) target: String,
    /// By their names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) status: u16,
}

impl Call {
    /// Whether the API was asked, not a URL of a zip.
    pub(crate) fn is_api(&self) -> bool {
        self.target.starts_with(API)
    }
}

/// Where the API is.
const API: &str = "/2018-10-31/layers/";

/// Where the zips are.
const ZIPS: &str = "/zips/";

#[derive(Default)]
struct State {
    /// By their ARNs.
    versions: BTreeMap<String, Published>,
    /// Of each URL that was given: the zip, and how many bytes it still gives, if there is an end to it.
    urls: Vec<(Vec<u8>, Option<usize>)>,
    calls: Vec<Call>,
}

/// The server. It serves as long as the process lives, one request a connection.
pub(crate) struct LambdaApi {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

struct Reply {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
    /// How much of the body is sent.
    sent: usize,
}

impl Reply {
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

    /// Has a layer version from now on, in place of the one that was there.
    pub(crate) fn publish(&self, arn: &str, version: Published) {
        self.state.lock().unwrap().versions.insert(arn.to_owned(), version);
    }

    /// The requests since this was asked last.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }
}

/// Answers a request. Who has asked may be gone.
fn serve(mut connection: TcpStream, url: &str, state: &Mutex<State>) {
    let Some((target, headers)) = read(&connection) else { return };
    let reply = {
        let mut state = state.lock().unwrap();
        let reply = state.answer(&target, &headers, url);
        state.calls.push(Call { target, headers, status: reply.status });
        reply
    };
    let mut head = format!(
        "HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for header in reply.headers {
        head.extend([header.as_str(), "\r\n"]);
    }
    head += "\r\n";
    let body = &reply.body[..reply.sent];
    let _gone = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
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
    fn answer(&mut self, target: &str, headers: &BTreeMap<String, String>, url: &str) -> Reply {
        if let Some(path) = target.strip_prefix(API) {
            return self.version(path, headers, url);
        }
        let number =
            target.strip_prefix(ZIPS).and_then(|rest| rest.strip_suffix(PRESIGNED)?.strip_suffix('?'));
        match number.and_then(|number| self.urls.get_mut(number.parse::<usize>().ok()?)) {
            Some((zip, left)) => download(zip, left, headers),
            None => Reply::new(404, "<Error><Code>NoSuchKey</Code></Error>"),
        }
    }

    fn version(&mut self, path: &str, headers: &BTreeMap<String, String>, url: &str) -> Reply {
        let fault = |status: u16, code: &str, message: &str| {
            Reply::new(status, json!({ "Type": "User", "Message": message }).to_string())
                .header(format!("x-amzn-ErrorType: {code}"))
        };
        if !headers
            .get("authorization")
            .is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential="))
        {
            return fault(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        }
        let arn = path.replace("%3A", ":").replace("/versions/", ":");
        let Some(version) = self.versions.get(&arn) else {
            return fault(404, "ResourceNotFoundException", "The resource you requested does not exist.");
        };
        if let Some((status, code, message)) = version.refusal {
            return fault(status, code, message);
        }
        let number = self.urls.len();
        let end = version.first_url_ends_after.filter(|_| number == 0);
        let answer = version.answer(&format!("{url}{ZIPS}{number}?{PRESIGNED}"));
        self.urls.push((version.zip.clone(), end));
        Reply::new(200, answer.to_string()).header("content-type: application/json".to_owned())
    }
}

/// What Amazon S3 gives for a URL, which gives `left` more bytes.
fn download(zip: &[u8], left: &mut Option<usize>, headers: &BTreeMap<String, String>) -> Reply {
    if headers.contains_key("authorization") {
        let message = "Only one auth mechanism allowed";
        return Reply::new(
            400,
            format!("<Error><Code>InvalidArgument</Code><Message>{message}</Message></Error>"),
        );
    }
    if *left == Some(0) {
        let message = "Request has expired";
        return Reply::new(
            403,
            format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"),
        );
    }
    let range = headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    let mut reply = match range.map(|from| from.parse::<usize>().unwrap()) {
        Some(from) if from >= zip.len() => return Reply::new(416, ""),
        Some(from) => Reply::new(206, &zip[from..]).header(format!(
            "content-range: bytes {from}-{}/{}",
            zip.len() - 1,
            zip.len()
        )),
        None => Reply::new(200, zip),
    };
    if let Some(left) = left {
        reply.sent = reply.sent.min(*left);
        *left -= reply.sent;
    }
    reply
}
