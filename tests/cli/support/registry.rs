//! A registry on this machine that has one image under every name.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Serves the only image of an OCI layout until the test ends. Returns the registry's host.
pub(crate) fn serve(layout: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let layout = layout.to_owned();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, layout) = (connection.unwrap(), layout.clone());
            // A client may close a connection at any time.
            std::thread::spawn(move || drop(answer(&connection, &layout)));
        }
    });
    host
}

/// Answers the requests of one connection.
fn answer(mut connection: &TcpStream, layout: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            lines.push(line);
        }
        let request: Vec<&str> = lines[0].split(' ').collect();
        let (method, path) = (request[0], request[1]);
        let (media_type, body) = match blob(path, layout) {
            Some((media_type, file)) => (media_type, std::fs::read(file)?),
            None => ("application/json".to_owned(), b"{}".to_vec()),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes())?;
        if method != "HEAD" {
            connection.write_all(&body)?;
        }
    }
}

/// The media type and the file of what a path names: the image's manifest or one of its blobs.
fn blob(path: &str, layout: &Path) -> Option<(String, PathBuf)> {
    let file = |digest: &str| layout.join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
    if path.contains("/manifests/") {
        let index: Value =
            serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
        let manifest = &index["manifests"][0];
        let text = |key: &str| manifest[key].as_str().unwrap().to_owned();
        return Some((text("mediaType"), file(&text("digest"))));
    }
    let (_, digest) = path.split_once("/blobs/")?;
    Some(("application/octet-stream".to_owned(), file(digest)))
}
