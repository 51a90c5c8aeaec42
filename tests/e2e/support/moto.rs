//! moto's server: AWS's control plane as far as the tests need it, on a port of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::command::{succeed, tool};
use super::repository;

/// A server that runs until it is dropped. Everybody's account is 123456789012.
pub(crate) struct Moto {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Moto {
    pub(crate) fn start() -> Self {
        // Between choosing a port and listening on it somebody else may take it.
        (0..5).find_map(|_| Self::try_start()).expect("moto_server listens on none of five free ports")
    }

    /// What `AWS_ENDPOINT_URL` has to be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks ECR's API as another client would.
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
            if moto.answers() {
                return Some(moto);
            }
            sleep(Duration::from_millis(50));
        }
        None
    }

    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(stream, "GET /moto-api/data.json HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.contains(" 200 "))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
