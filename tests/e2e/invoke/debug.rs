//! `--debug`: a debugger of each language attaches to the published port and lets the function run.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Running;
use super::options::free_port;
use crate::support::{Base, Docker, Workspace, base, compile_java, docker, fails, finish, succeed, tool};

/// A wrapper that adds an option as in AWS's documentation: before the last argument.
const WRAPPER: &str = "#!/bin/bash\nexec \"${@:1:$#-1}\" -X utf8 \"${@: -1}\"\n";

/// Longer than the function's timeout.
const BEYOND_TIMEOUT: Duration = Duration::from_secs(2);

/// A function that waits for a debugger, whose timeout is over before that attaches.
struct Debugged {
    docker: Docker,
    workspace: Workspace,
    port: u16,
}

impl Debugged {
    fn new(of: Base, handler: &str) -> Self {
        let (docker, workspace) = (Docker::new("debug"), Workspace::new());
        let definition = json!({
            "project": docker.prefix,
            "bases": { "base": { "image": format!("oci:{}", base(of).display()), "contract": of.contract() } },
            "functions": { "f": {
                "runtime": "base", "code": "code", "handler": handler, "timeout": 1, "memory": 128,
                "environment": { "LIMG_E2E": docker.prefix },
            } },
        });
        workspace.write("limg.yaml", definition.to_string());
        Self { docker, workspace, port: free_port() }
    }

    fn start(&self) -> Running {
        let port = self.port.to_string();
        let mut limg =
            Running::start(self.workspace.limg(&["invoke", "f", "-e", "41"]).args(["--debug", &port]));
        let _log = limg.wait_for_words(&format!("`f` waits for a debugger at 127.0.0.1:{port}"));
        limg
    }

    /// What the first connection that is not closed at once gets from `talk`.
    fn attach<T>(&self, talk: impl Fn(&mut TcpStream) -> io::Result<T>) -> T {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let attached = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
                stream.set_read_timeout(Some(Duration::from_mins(1)))?;
                talk(&mut stream)
            });
            match attached {
                Ok(result) => return result,
                // The engine accepts connections before the function does.
                Err(error) => assert!(Instant::now() < deadline, "no debugger responds: {error}"),
            }
            sleep(Duration::from_millis(100));
        }
    }

    fn ends(&self, limg: Running) {
        assert_eq!(limg.end(), (Some(0), "42\n".to_owned()));
        assert_eq!(self.docker.containers(), Vec::<String>::new());
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_inspector_of_node_js_attaches() {
    let debugged = Debugged::new(Base::Nodejs22, "app.handler");
    debugged.workspace.write("code/app.js", "exports.handler = async (event) => event + 1;\n");
    let taken = std::net::TcpListener::bind(("127.0.0.1", debugged.port)).unwrap();
    let port = debugged.port.to_string();
    let failed = fails(3, &mut debugged.workspace.limg(&["invoke", "f", "--port", "0", "--debug", &port]));
    assert!(failed.stderr.contains(&format!("error: port {port} is already in use")), "{}", failed.stderr);
    drop(taken);
    let limg = debugged.start();
    let url = format!("http://127.0.0.1:{}/json/version", debugged.port);
    let version = debugged.attach(|_| {
        let response = finish(tool("curl").args(["-sS", "--noproxy", "*", &url]));
        if response.code == 0 { Ok(response.text()) } else { Err(io::Error::other(response.stderr)) }
    });
    assert!(version.contains("node.js/v22."), "{version}");
    sleep(BEYOND_TIMEOUT);
    // Node.js' own client of WebSockets lets the function run.
    let client = format!(
        "fetch('http://127.0.0.1:{0}/json/list').then(r => r.json()).then(([t]) => {{
            const s = new WebSocket(t.webSocketDebuggerUrl);
            s.onopen = () => s.send(JSON.stringify({{ id: 1, method: 'Runtime.runIfWaitingForDebugger' }}));
            s.onmessage = m => {{ console.log(m.data); process.exit(0); }};
        }})",
        debugged.port
    );
    let container = debugged.docker.containers().remove(0);
    let mut run = docker();
    run.args(["exec", "--env", "NODE_OPTIONS=", &container, "/var/lang/bin/node", "-e", &client]);
    assert!(succeed(&mut run).text().contains("\"id\":1"));
    debugged.ends(limg);
}

#[test]
#[ignore = "needs Docker, a JDK and the open bases; `make test` runs it"]
fn the_java_debug_wire_protocol_attaches() {
    let debugged = Debugged::new(Base::Java17, "App::handle");
    let source = "public class App { public Integer handle(Integer event) { return event + 1; } }";
    compile_java(&debugged.workspace.write("source/App.java", source), &debugged.workspace.path("code"));
    let limg = debugged.start();
    debugged.attach(|stream| {
        const HANDSHAKE: &[u8] = b"JDWP-Handshake";
        stream.write_all(HANDSHAKE)?;
        let mut answer = [0; HANDSHAKE.len()];
        stream.read_exact(&mut answer)?;
        assert_eq!(answer, HANDSHAKE);
        sleep(BEYOND_TIMEOUT);
        // A packet of 11 bytes with the id 1: the command Resume (9) of the set VirtualMachine (1).
        stream.write_all(&[0, 0, 0, 11, 0, 0, 0, 1, 0, 1, 9])?;
        // Packets about events may come first; a reply has the flag 0x80.
        loop {
            let mut header = [0; 11];
            stream.read_exact(&mut header)?;
            let [length, id] = [0, 4].map(|at| u32::from_be_bytes(header[at..at + 4].try_into().unwrap()));
            io::copy(&mut (&*stream).take((length - 11).into()), &mut io::sink())?;
            if id == 1 && header[8] == 0x80 {
                assert_eq!(header[9..], [0, 0], "the error of Resume");
                return Ok(());
            }
        }
    });
    debugged.ends(limg);
}

/// Sends a message of the Debug Adapter Protocol.
fn send(stream: &mut TcpStream, seq: u32, command: &str, arguments: &Value) -> io::Result<()> {
    let message =
        json!({ "seq": seq, "type": "request", "command": command, "arguments": arguments }).to_string();
    write!(stream, "Content-Length: {}\r\n\r\n{message}", message.len())
}

/// Reads messages until one has this event or answers this command.
fn receive(stream: &mut TcpStream, kind: &str, name: &str) -> io::Result<Value> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let length = String::from_utf8_lossy(&head[b"Content-Length: ".len()..]).trim().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let message: Value = serde_json::from_slice(&body).unwrap();
        if message[kind] == name {
            return Ok(message);
        }
    }
}

#[test]
#[ignore = "needs Docker, the network and the open bases; `make test` runs it"]
fn debugpy_attaches() {
    let debugged = Debugged::new(Base::Python311, "app.handler");
    debugged.workspace.write("code/app.py", "def handler(event, context):\n    return event + 1\n");
    // Without the package, the message names it.
    let failed =
        finish(&mut debugged.workspace.limg(&["invoke", "f", "--debug", &debugged.port.to_string()]));
    assert!(failed.code == 1 && failed.stderr.contains("add the package `debugpy`"), "{}", failed.stderr);

    let mut pip = tool("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--only-binary=:all:",
        "--python-version",
        "3.11",
    ]);
    pip.args(["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_34_x86_64", "--target"]);
    succeed(pip.arg(debugged.workspace.path("layer/python")).arg("debugpy==1.8.14"));
    debugged.workspace.write_program("wrap", WRAPPER);
    let definition = std::fs::read_to_string(debugged.workspace.path("limg.yaml")).unwrap();
    let mut definition: Value = serde_json::from_str(&definition).unwrap();
    definition["layers"]["debugger"] = json!({ "path": "layer" });
    definition["functions"]["f"]["layers"] = json!(["debugger"]);
    // The function's own wrapper runs first, and its options precede debugpy.
    definition["functions"]["f"]["wrapper"] = json!("wrap");
    debugged.workspace.write("limg.yaml", definition.to_string());
    let limg = debugged.start();
    debugged.attach(|stream| {
        send(stream, 1, "initialize", &json!({ "adapterID": "limg" }))?;
        let answer = receive(stream, "command", "initialize")?;
        assert_eq!(answer["success"], true, "{answer}");
        sleep(BEYOND_TIMEOUT);
        send(stream, 2, "attach", &json!({ "justMyCode": true }))?;
        receive(stream, "event", "initialized")?;
        send(stream, 3, "configurationDone", &json!({}))?;
        let answer = receive(stream, "command", "attach")?;
        assert_eq!(answer["success"], true, "{answer}");
        // The function continues when the debugger leaves. debugpy closes the connection, often before it has answered.
        send(stream, 4, "disconnect", &json!({ "terminateDebuggee": false }))?;
        io::copy(stream, &mut io::sink())
    });
    debugged.ends(limg);
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn a_runtime_without_a_debugger_is_refused() {
    let debugged = Debugged::new(Base::Ruby31, "app.handler");
    debugged.workspace.write("code/app.rb", "def handler(event:, context:) = 1\n");
    let failed = fails(2, &mut debugged.workspace.limg(&["invoke", "f", "--debug", "1234"]));
    assert!(failed.stderr.contains("no debugger for the runtime `ruby3.2`"), "{}", failed.stderr);
}
