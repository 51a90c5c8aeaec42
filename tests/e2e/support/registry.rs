//! Debian's docker-registry: a real registry on its own port.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::command::{succeed, tool};

/// The user of a registry with authentication.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
}

/// Who can access a registry, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Access {
    /// Whether it uses TLS, with the self-signed [`Registry::certificate`].
    pub(crate) tls: bool,
    /// The only user, if it requires authentication.
    pub(crate) user: Option<User>,
}

/// A registry that runs until it is dropped.
pub(crate) struct Registry {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    folder: tempfile::TempDir,
}

/// A request in a registry's access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedRequest {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) status: u16,
    /// The number of bytes in the response's body.
    pub(crate) bytes: u64,
}

impl Registry {
    /// A registry without TLS and authentication.
    pub(crate) fn start() -> Self {
        Self::with_access(Access::default())
    }

    pub(crate) fn with_access(access: Access) -> Self {
        // Another program may take the port before the registry listens on it.
        (0..5)
            .find_map(|_| Self::try_start(access))
            .expect("docker-registry listens on none of five free ports")
    }

    fn try_start(access: Access) -> Option<Self> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = folder.path().join("config.yml");
        let data = folder.path().join("data");
        let tls = if access.tls {
            make_certificate(folder.path());
            let folder = folder.path().display();
            format!(", tls: {{ certificate: \"{folder}/certificate.pem\", key: \"{folder}/key.pem\" }}")
        } else {
            String::new()
        };
        let auth = access.user.map(|User { name, password }| {
            let line = succeed(tool("htpasswd").args(["-Bbn", name, password])).text();
            let users = folder.path().join("htpasswd");
            fs::write(&users, line).unwrap();
            format!("auth: {{ htpasswd: {{ realm: limg, path: \"{}\" }} }}\n", users.display())
        });
        let text = format!(
            "version: 0.1\nlog: {{ level: warn, accesslog: {{ disabled: false }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: \"{}\" }}, delete: {{ enabled: true }} }}\n\
             http: {{ addr: \"{address}\"{tls} }}\n{}",
            data.display(),
            auth.unwrap_or_default()
        );
        fs::write(&config, text).unwrap();
        let process = tool("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.path().join("access.log")).unwrap())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut registry = Self { process, address, folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline && registry.process.try_wait().unwrap().is_none() {
            if TcpStream::connect(&registry.address).is_ok() {
                return Some(registry);
            }
            sleep(Duration::from_millis(20));
        }
        None
    }

    /// Its certificate, in PEM.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// All requests so far, in the order in which they ended.
    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        // The registry logs a request after it has sent the response.
        sleep(Duration::from_millis(100));
        let log = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        log.lines().filter_map(request).collect()
    }
}

/// A line of an access log in the combined format of Apache.
fn request(line: &str) -> Option<LoggedRequest> {
    let mut quoted = line.split('"');
    let (_, request, response) = (quoted.next()?, quoted.next()?, quoted.next()?);
    let mut words = request.split(' ');
    let mut numbers = response.split_whitespace();
    Some(LoggedRequest {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        status: numbers.next()?.parse().ok()?,
        bytes: numbers.next()?.parse().ok()?,
    })
}

/// Writes a self-signed certificate for 127.0.0.1 and its key.
fn make_certificate(folder: &Path) {
    let mut openssl = tool("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-days", "2", "-subj", "/CN=limg test", "-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout"]);
    openssl.arg(folder.join("key.pem")).arg("-out").arg(folder.join("certificate.pem"));
    succeed(&mut openssl);
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
