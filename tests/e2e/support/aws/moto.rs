//! moto's server: as much of AWS's control plane as the tests need, on its own port.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::command::{succeed, tool};
use super::super::repository;

/// A server that runs until it is dropped. All credentials belong to the account 123456789012.
pub(crate) struct Moto {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Moto {
    pub(crate) fn start() -> Self {
        // Another program may take the port before moto listens on it.
        (0..5).find_map(|_| Self::try_start()).expect("moto_server listens on none of five free ports")
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request to ECR's API with another client.
    pub(crate) fn ecr(&self, region: &str, operation: &str, body: &Value) -> Value {
        let target = format!("X-Amz-Target: AmazonEC2ContainerRegistry_V20150921.{operation}");
        let scope = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential=A/20260101/{region}/ecr/aws4_request, SignedHeaders=a, Signature=a"
        );
        let mut curl = tool("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--noproxy", "*"]);
        curl.args(["-H", &target, "-H", &scope, "-H", "Content-Type: application/x-amz-json-1.1"]);
        succeed(curl.args(["-d", &body.to_string(), &self.url()])).json()
    }

    fn try_start() -> Option<Self> {
        let program = repository().join("target/moto/bin/moto_server");
        assert!(
            program.is_file(),
            "`{}` is missing: run `.ci/install`, which installs it",
            program.display()
        );
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut moto = Self { process, address: address.to_string(), _folder: folder };
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline && moto.process.try_wait().unwrap().is_none() {
            if moto.responds() {
                return Some(moto);
            }
            sleep(Duration::from_millis(50));
        }
        None
    }

    fn responds(&self) -> bool {
        let request = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(stream, "GET /moto-api/data.json HTTP/1.0\r\n\r\n")?;
            let mut response = String::new();
            stream.read_to_string(&mut response)?;
            Ok(response)
        };
        request().is_ok_and(|response| response.contains(" 200 "))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
