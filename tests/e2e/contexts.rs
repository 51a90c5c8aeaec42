//! Docker contexts: limg finds the same engine as Docker's own client, also through TLS.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Docker, Workspace, docker, fails, succeed, tool};

/// A server that requires a client's certificate and passes connections on to the Docker Engine's socket.
const PROXY: &str = r#"
import os, socket, ssl, sys, threading

folder, engine = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
context.load_verify_locations(folder + "/ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    try:
        client = context.wrap_socket(client, server_side=True)
    except (OSError, ssl.SSLError):
        return
    upstream = socket.socket(socket.AF_UNIX)
    upstream.connect(engine)
    threading.Thread(target=copy, args=(upstream, client), daemon=True).start()
    copy(client, upstream)


while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"#;

/// The proxy. Dropping it ends it.
struct Proxy {
    process: Child,
    port: u16,
}

impl Proxy {
    fn start(workspace: &Workspace, certificates: &Path) -> Self {
        let script = workspace.write("proxy.py", PROXY);
        let engine =
            std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let engine =
            engine.strip_prefix("unix://").expect("this test needs an engine on a Unix socket").to_owned();
        let mut process = tool("python3");
        process.arg(script).arg(certificates).arg(engine).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().parse().unwrap() }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Writes a certificate authority, and a certificate that it signed for server and client alike.
fn make_certificates(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let mut authority = tool("openssl");
    authority.current_dir(folder).args(["req", "-x509", "-days", "2", "-subj", "/CN=limg test CA"]).args(key);
    succeed(authority.args(["-keyout", "ca-key.pem", "-out", "ca.pem"]));
    let mut certificate = tool("openssl");
    certificate.current_dir(folder).args(["req", "-x509", "-days", "2", "-subj", "/CN=limg test"]).args(key);
    certificate.args(["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-addext", "subjectAltName=IP:127.0.0.1"]);
    certificate.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    succeed(certificate.args(["-keyout", "key.pem", "-out", "cert.pem"]));
}

/// limg with Docker's configuration in this project's home.
fn build(workspace: &Workspace) -> Command {
    let mut limg = workspace.limg(&["build", "-q", "-o", "docker-daemon:"]);
    limg.env_remove("DOCKER_HOST");
    limg
}

#[test]
#[ignore = "needs Docker, Python and openssl; `make test` runs it"]
fn a_context_with_certificates_is_used_as_by_dockers_own_client() {
    let (images, workspace) = (Docker::new("context"), Workspace::new());
    workspace.write_program("code/bootstrap", "#!/nothing\n");
    let definition = format!(
        "project: {}\nbases: {{ nothing: {{ image: scratch, contract: provided.al2023 }} }}\n\
         functions: {{ f: {{ runtime: nothing, code: code }} }}\n",
        images.prefix
    );
    workspace.write("limg.yaml", definition);
    let certificates = workspace.path("certificates");
    make_certificates(&certificates);
    let proxy = Proxy::start(&workspace, &certificates);
    let address = format!("tcp://127.0.0.1:{}", proxy.port);

    // Docker's own client writes the context.
    let file = |name: &str| certificates.join(name).display().to_string();
    let endpoint =
        format!("host={address},ca={},cert={},key={}", file("ca.pem"), file("cert.pem"), file("key.pem"));
    let configuration = workspace.path("home/.docker");
    let client = |arguments: &[&str]| {
        let mut client = docker();
        client.arg("--config").arg(&configuration).args(arguments).env_remove("DOCKER_HOST");
        succeed(&mut client)
    };
    client(&["context", "create", "secure", "--docker", &endpoint]);
    client(&["context", "create", "plain", "--docker", &format!("host={address}")]);
    client(&["context", "use", "secure"]);
    succeed(&mut build(&workspace));
    assert_eq!(images.images(), [images.name("f")]);

    // Without the certificates, the engine refuses. DOCKER_CONTEXT comes before the current context.
    let refused = fails(3, build(&workspace).env("DOCKER_CONTEXT", "plain"));
    assert!(refused.stderr.contains(&address), "{}", refused.stderr);
    let missing = fails(3, build(&workspace).env("DOCKER_CONTEXT", "absent"));
    assert!(
        missing.stderr.contains("context `absent`") && missing.stderr.contains("docker context ls"),
        "{}",
        missing.stderr
    );

    // The variables of a client without contexts, which come first.
    let mut given = build(&workspace);
    given.env("DOCKER_HOST", &address).env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", &certificates);
    succeed(given.env("DOCKER_CONTEXT", "absent"));
    let secret = "tcp://me:hush@127.0.0.1:1";
    let failed = fails(3, build(&workspace).env("DOCKER_HOST", secret));
    assert!(
        !failed.stderr.contains("hush") && failed.stderr.contains("tcp://127.0.0.1:1"),
        "{}",
        failed.stderr
    );
}
