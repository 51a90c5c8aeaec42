//! A small engine on a socket, for tests of what a real one seldom does: refuse an archive, lose an image, keep
//! images in containerd.
//!
//! It follows the rules of `docker load` that matter: a layer without a file must exist with the same chain ID, and a
//! plain tar must have the digest that the config names.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::Engine;
use crate::store::Digest;

/// How the engine treats an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum LoadBehaviour {
    #[default]
    Docker,
    /// Refuses an incomplete archive, in a message of a successful response.
    RefuseIncomplete,
    /// Closes the connection without reading the archive, the first time.
    CloseOnce,
    /// Accepts an archive and does not keep it.
    Lose,
    /// Accepts only complete archives, and gives images ids of its own.
    Containerd,
}

#[derive(Debug, Default)]
pub(super) struct EngineState {
    pub(super) behaviour: LoadBehaviour,
    /// What `inspect` returns, by name and by id.
    pub(super) images: BTreeMap<String, Value>,
    /// The file names of each archive.
    pub(super) archives: Vec<Vec<String>>,
    pub(super) requests: Vec<String>,
}

pub(super) struct FakeEngine {
    folder: tempfile::TempDir,
    pub(super) state: Arc<Mutex<EngineState>>,
}

impl FakeEngine {
    pub(super) fn start(behaviour: LoadBehaviour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let state = Arc::new(Mutex::new(EngineState { behaviour, ..EngineState::default() }));
        let shared = state.clone();
        // The thread ends with the process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let state = shared.clone();
                std::thread::spawn(move || serve(connection.unwrap(), &state));
            }
        });
        Self { folder, state }
    }

    pub(super) async fn engine(&self) -> Engine {
        let socket = self.folder.path().join("docker.sock");
        let address = Some(format!("unix://{}", socket.display()));
        Engine::connect(&super::DockerHost { address, ..super::DockerHost::default() }).await.unwrap()
    }
}

fn serve(connection: UnixStream, state: &Mutex<EngineState>) {
    let mut input = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    // A client may close a connection without a request.
    if input.read_line(&mut line).unwrap_or_default() == 0 {
        return;
    }
    let request = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut length = Some(0);
    loop {
        let mut header = String::new();
        input.read_line(&mut header).unwrap();
        match header.trim_end().to_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = Some(value.parse().unwrap()),
            Some(("transfer-encoding", _)) => length = None,
            Some(_) => {}
            None => break,
        }
    }
    let mut state = state.lock().unwrap();
    state.requests.push(request.clone());
    if state.behaviour == LoadBehaviour::CloseOnce && request.starts_with("POST /images/load") {
        state.behaviour = LoadBehaviour::Docker;
        state.archives.push(Vec::new());
        return;
    }
    let body = body(&mut input, length);
    let (status, response) = respond(&mut state, &request, &body);
    let response = if response.is_null() { String::new() } else { response.to_string() };
    let mut output = connection;
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", response.len());
    drop(output.write_all(format!("{head}{response}").as_bytes()));
}

/// The body of a request, which has this length or is chunked.
fn body(input: &mut BufReader<UnixStream>, length: Option<u64>) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(length) = length {
        input.take(length).read_to_end(&mut body).unwrap();
        return body;
    }
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).unwrap() == 0 {
            return body;
        }
        let length = u64::from_str_radix(line.trim_end(), 16).unwrap();
        input.take(length).read_to_end(&mut body).unwrap();
        input.read_line(&mut line).unwrap();
        if length == 0 {
            return body;
        }
    }
}

fn respond(state: &mut EngineState, request: &str, body: &[u8]) -> (u16, Value) {
    let (method, url) = request.split_once(' ').unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let named = path.strip_prefix("/images/");
    match (method, path, named) {
        (_, "/version", _) => (200, json!({ "Version": "20.10", "ApiVersion": "1.41" })),
        (_, "/info", _) => {
            let driver = ["driver-type", "io.containerd.snapshotter.v1"];
            (
                200,
                json!({ "DriverStatus": if state.behaviour == LoadBehaviour::Containerd { vec![driver] } else { vec![] } }),
            )
        }
        (_, "/images/json", _) => (200, list(state)),
        (_, "/images/load", _) => (200, load(state, body)),
        ("GET", _, Some(name)) => {
            let found = state.images.get(name.strip_suffix("/json").unwrap());
            found.map_or((404, json!({ "message": "no such image" })), |image| (200, image.clone()))
        }
        ("POST", _, Some(name)) => {
            let image = state.images[name.strip_suffix("/tag").unwrap()].clone();
            let value = |key: &str| {
                let pair = query.split('&').find_map(|pair| pair.strip_prefix(key)).unwrap();
                pair.replace("%2F", "/").replace("%3A", ":")
            };
            state.images.insert(format!("{}:{}", value("repo="), value("tag=")), image);
            (201, Value::Null)
        }
        _ => (500, json!({ "message": format!("unexpected {request}") })),
    }
}

fn list(state: &EngineState) -> Value {
    let summary = |(name, image): (&String, &Value)| {
        json!({
            "Id": image["Id"], "ParentId": "", "RepoTags": [name], "RepoDigests": null, "Created": 0, "Size": 0,
            "SharedSize": -1, "Labels": null, "Containers": -1,
        })
    };
    state.images.iter().filter(|(name, _)| !name.starts_with("sha256:")).map(summary).collect()
}

fn unpack(archive: &[u8]) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(name, content);
    }
    if files.contains_key("manifest.json") {
        Ok(files)
    } else {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}

fn load(state: &mut EngineState, archive: &[u8]) -> Value {
    // It is truncated when the sender stops.
    let Ok(files) = unpack(archive) else {
        return json!({ "errorDetail": { "message": "unexpected EOF" }, "error": "unexpected EOF" });
    };
    state.archives.push(files.keys().cloned().collect());
    let parse = |name: &str| -> Value { serde_json::from_slice(&files[name]).unwrap() };
    let image = &parse("manifest.json")[0];
    let config_name = image["Config"].as_str().unwrap();
    let config = parse(config_name);
    let diff_ids = config["rootfs"]["diff_ids"].as_array().unwrap();
    let chain_known = |length: usize| {
        state.images.values().any(|image| {
            let layers = image["RootFS"]["Layers"].as_array().unwrap();
            layers.get(..length) == Some(&diff_ids[..length])
        })
    };
    let may_omit = state.behaviour == LoadBehaviour::Docker;
    for (index, file) in image["Layers"].as_array().unwrap().iter().enumerate() {
        let file = file.as_str().unwrap();
        let exists = files.contains_key(file) || may_omit && chain_known(index + 1);
        if !exists {
            let message = format!("open {file}: no such file or directory");
            return json!({ "errorDetail": { "message": message }, "error": message });
        }
        // A plain tar must match the config. The content of blobs is not real.
        let plain = files.get(file).filter(|_| file.strip_suffix(".tar").is_some());
        if plain.is_some_and(|tar| Digest::of(tar).as_str() != diff_ids[index]) {
            let message = format!("invalid diffID for layer {index}");
            return json!({ "errorDetail": { "message": message }, "error": message });
        }
    }
    let id = match state.behaviour {
        LoadBehaviour::Containerd => Digest::of(archive),
        _ => Digest::of(&files[config_name]),
    };
    let shown = json!({
        "Id": id.as_str(), "Architecture": config["architecture"], "Os": config["os"], "Config": config["config"],
        "RootFS": { "Type": "layers", "Layers": diff_ids },
    });
    if state.behaviour != LoadBehaviour::Lose {
        state.images.insert(id.to_string(), shown.clone());
        state.images.insert(image["RepoTags"][0].as_str().unwrap().to_owned(), shown);
    }
    json!({ "stream": "Loaded image" })
}
