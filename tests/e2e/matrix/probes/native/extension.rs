//! An external extension that prints the events that it receives. Under the name `proxy` it is also a proxy of the
//! Runtime API on its own port, which prints the requests that it forwards.

mod http;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::spawn;

const API: &str = "/2020-01-01/extension";

fn main() {
    let program = std::env::args().next().expect("a name");
    let name = program.rsplit('/').next().unwrap_or_default();
    if name == "proxy" {
        // Before the extension registers, since the runtime starts after that.
        let listener = TcpListener::bind("127.0.0.1:9009").expect("a port");
        spawn(move || listener.incoming().for_each(|client| drop(spawn(|| forward(client.expect("a client"))))));
    }
    let events = br#"{"events":["INVOKE","SHUTDOWN"]}"#;
    let registered =
        http::request("POST", &format!("{API}/register"), &format!("Lambda-Extension-Name: {name}\r\n"), events);
    let identifier =
        format!("Lambda-Extension-Identifier: {}\r\n", registered.header("lambda-extension-identifier"));
    loop {
        let event = http::request("GET", &format!("{API}/event/next"), &identifier, b"").body;
        let event = String::from_utf8_lossy(&event);
        for kind in ["INVOKE", "SHUTDOWN"] {
            if event.contains(&format!("\"eventType\":\"{kind}\"")) {
                println!("{name} saw {kind}");
            }
        }
        if event.contains("\"SHUTDOWN\"") {
            return;
        }
    }
}

/// Forwards the bytes of one connection in both directions.
fn forward(client: TcpStream) {
    let server = http::connect();
    let back = (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
    let responses = spawn(move || copy(back.0, back.1, |_| {}));
    copy(client, server, |bytes| {
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        if line.ends_with(b" HTTP/1.1") {
            let path = String::from_utf8_lossy(line);
            println!("proxy passed {}", path.rsplit(['/', ' ']).nth(2).unwrap_or_default());
        }
    });
    responses.join().expect("a thread");
}

fn copy(mut from: TcpStream, mut to: TcpStream, look: impl Fn(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        look(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other side must not wait for more.
    let _closed = to.shutdown(Shutdown::Write);
}
