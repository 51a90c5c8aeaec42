//! Debian's docker-registry: a real registry on a port of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::command::tool;

/// A registry that runs until it is dropped.
pub(crate) struct Registry {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    _folder: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        // Between choosing a port and listening on it somebody else may take it.
        (0..5).find_map(|_| Self::try_start()).expect("docker-registry listens on none of five free ports")
    }

    fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = folder.path().join("config.yml");
        let data = folder.path().join("data");
        let log = fs::File::create(folder.path().join("log")).unwrap();
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{ level: warn }}\nstorage: {{ filesystem: {{ rootdirectory: \"{}\" }} }}\n\
                 http: {{ addr: \"{address}\" }}\n",
                data.display()
            ),
        )
        .unwrap();
        let process = tool("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut registry = Self { process, address, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline && registry.process.try_wait().unwrap().is_none() {
            if registry.answers() {
                return Some(registry);
            }
            sleep(Duration::from_millis(20));
        }
        None
    }

    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET /v2/ HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.contains(" 200 ") && answer.contains("registry/2.0"))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
