//! The contents of a fake registry, and the protocol that reads and writes them: the OCI distribution specification, with
//! the deviations of a behaviour.

use std::collections::BTreeMap;

use serde_json::Value;

use super::auth::SECRET;
use super::behaviour::{Behaviour, Locations, Ranges};
use super::http::{RequestHead, Response};
use crate::store::Digest;

/// The contents of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RepositoryContents {
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    /// With their media types.
    pub(crate) manifests: BTreeMap<Digest, (String, Vec<u8>)>,
    pub(crate) tags: BTreeMap<String, Digest>,
}

impl RepositoryContents {
    /// Adds a blob.
    pub(crate) fn blob(&mut self, bytes: &[u8]) -> Digest {
        self.blobs.insert(Digest::of(bytes), bytes.to_owned());
        Digest::of(bytes)
    }

    /// Adds a manifest, with a tag if one is given.
    pub(crate) fn manifest(&mut self, media_type: &str, bytes: &[u8], tag: Option<&str>) -> Digest {
        let digest = Digest::of(bytes);
        self.manifests.insert(digest.clone(), (media_type.to_owned(), bytes.to_owned()));
        self.tags.extend(tag.map(|tag| (tag.to_owned(), digest.clone())));
        digest
    }
}

/// An open upload.
#[derive(Debug, Default)]
pub(super) struct Session {
    content: Vec<u8>,
    /// Changes with every request, as does the URL of the session.
    state: usize,
    /// Whether a request failed. Then the session cannot be used any more.
    broken: bool,
}

/// The repositories and uploads of a registry.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) repositories: BTreeMap<String, RepositoryContents>,
    pub(super) sessions: BTreeMap<String, Session>,
}

/// What the path of a request names.
pub(super) enum Target<'a> {
    Token,
    /// A blob at the storage service to which the registry redirects.
    Storage(&'a str),
    Blob(&'a str, &'a str),
    Uploads(&'a str),
    Session(&'a str, &'a str),
    Manifest(&'a str, &'a str),
    Other,
}

impl<'a> Target<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        if path == "/token" {
            return Self::Token;
        }
        if let Some(digest) = path.strip_prefix("/storage/") {
            return Self::Storage(digest);
        }
        let Some(path) = path.strip_prefix("/v2/") else { return Self::Other };
        match (path.split_once("/blobs/uploads/"), path.split_once("/blobs/"), path.split_once("/manifests/"))
        {
            (Some((name, "")), _, _) => Self::Uploads(name),
            (Some((name, session)), _, _) => Self::Session(name, session),
            (_, Some((name, digest)), _) => Self::Blob(name, digest),
            (_, _, Some((name, version))) => Self::Manifest(name, version),
            _ => Self::Other,
        }
    }

    /// The repository that it belongs to.
    pub(super) fn repository(&self) -> Option<&'a str> {
        match self {
            Self::Blob(name, _) | Self::Uploads(name) | Self::Session(name, _) | Self::Manifest(name, _) => {
                Some(name)
            }
            Self::Token | Self::Storage(_) | Self::Other => None,
        }
    }
}

impl Contents {
    /// Marks the session of a failed request as broken.
    pub(super) fn break_session(&mut self, target: &Target) {
        if let Target::Session(_, id) = target
            && let Some(session) = self.sessions.get_mut(*id)
        {
            session.broken = true;
        }
    }

    /// Answers a request that is authorised.
    pub(super) fn respond(&mut self, head: &RequestHead, body: &[u8], behaviour: &Behaviour) -> Response {
        match (head.method.as_str(), Target::of(&head.path)) {
            ("GET", Target::Storage(digest)) => self.storage(head, digest, behaviour),
            ("GET" | "HEAD", Target::Blob(name, digest)) => self.blob(head, name, digest, behaviour),
            ("POST", Target::Uploads(name)) => self.begin(head, name, body, behaviour),
            ("PATCH", Target::Session(name, id)) => self.append(head, name, id, body, behaviour),
            ("PUT", Target::Session(name, id)) => self.finish(head, name, id, body, behaviour),
            ("DELETE", Target::Session(_, id)) => self.cancel(head, id),
            ("GET" | "HEAD", Target::Manifest(name, version)) => self.manifest(head, name, version),
            ("PUT", Target::Manifest(name, version)) => {
                self.put_manifest(head, name, version, body, behaviour)
            }
            _ => Response::error(405, "UNSUPPORTED", "the operation is unsupported"),
        }
    }

    fn blob(&self, head: &RequestHead, name: &str, digest: &str, behaviour: &Behaviour) -> Response {
        let Some(repository) = self.repositories.get(name) else { return unknown_name(name) };
        let Some(content) = find(&repository.blobs, digest) else {
            return Response::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        };
        if let (Some(host), "GET") = (&behaviour.storage, head.method.as_str()) {
            let location = format!("http://{host}/storage/{digest}?X-Amz-Signature={SECRET}-signature");
            return Response::new(307).header("location", location);
        }
        part(head, content, behaviour).header("docker-content-digest", digest)
    }

    fn storage(&self, head: &RequestHead, digest: &str, behaviour: &Behaviour) -> Response {
        if head.header("authorization").is_some() {
            // As Amazon S3, which rejects a signed URL together with the header.
            return Response::new(400).body("Only one auth mechanism allowed");
        }
        let found = self.repositories.values().find_map(|repository| find(&repository.blobs, digest));
        found.map_or_else(|| Response::new(404), |content| part(head, content, behaviour))
    }

    fn begin(&mut self, head: &RequestHead, name: &str, body: &[u8], behaviour: &Behaviour) -> Response {
        if behaviour.requires_repository && !self.repositories.contains_key(name) {
            return unknown_name(name);
        }
        if let (Some(digest), Some(from)) = (head.parameter("mount"), head.parameter("from"))
            && behaviour.mounts
            && let Some(content) =
                self.repositories.get(from).and_then(|from| find(&from.blobs, digest)).cloned()
        {
            self.repositories.entry(name.to_owned()).or_default().blob(&content);
            return Response::new(201).header("location", format!("/v2/{name}/blobs/{digest}"));
        }
        if let Some(digest) = head.parameter("digest").filter(|_| behaviour.accepts_content_in_post) {
            return self.store(name, digest, body, behaviour);
        }
        let id = format!("session-{}", self.sessions.len());
        self.sessions.insert(id.clone(), Session::default());
        Response::new(202)
            .header("location", self.location(head, name, &id, behaviour))
            .header("range", "0-0")
    }

    /// The URL at which an upload continues.
    fn location(&self, head: &RequestHead, name: &str, id: &str, behaviour: &Behaviour) -> String {
        let path = format!("/v2/{name}/blobs/uploads/{id}?_state={SECRET}-state-{}", self.sessions[id].state);
        match &behaviour.locations {
            Locations::Relative => path,
            Locations::Absolute => format!("http://{}{path}", head.header("host").unwrap()),
            Locations::OtherHost(host) => format!("http://{host}{path}"),
        }
    }

    /// The session of a request, unless it is unknown, broken, or in another state.
    fn session(&mut self, head: &RequestHead, id: &str) -> Result<&mut Session, Response> {
        let Some(session) = self.sessions.get_mut(id) else {
            return Err(Response::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"));
        };
        let state = format!("{SECRET}-state-{}", session.state);
        if session.broken || head.parameter("_state") != Some(&state) {
            return Err(Response::error(416, "BLOB_UPLOAD_INVALID", "requested range not satisfiable"));
        }
        Ok(session)
    }

    fn append(
        &mut self,
        head: &RequestHead,
        name: &str,
        id: &str,
        body: &[u8],
        behaviour: &Behaviour,
    ) -> Response {
        let session = match self.session(head, id) {
            Ok(session) => session,
            Err(error) => return error,
        };
        session.content.extend(body);
        session.state += 1;
        let last = session.content.len().saturating_sub(1);
        // ECR answers 201 instead of 202, and its range never changes.
        let (status, range) =
            if behaviour.ecr { (201, "0-0".to_owned()) } else { (202, format!("0-{last}")) };
        Response::new(status)
            .header("location", self.location(head, name, id, behaviour))
            .header("range", range)
    }

    fn cancel(&mut self, head: &RequestHead, id: &str) -> Response {
        match self.sessions.get_mut(id) {
            Some(session) if head.parameter("_state").is_some() => {
                session.broken = true;
                Response::new(204)
            }
            _ => Response::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"),
        }
    }

    fn finish(
        &mut self,
        head: &RequestHead,
        name: &str,
        id: &str,
        body: &[u8],
        behaviour: &Behaviour,
    ) -> Response {
        let session = match self.session(head, id) {
            Ok(session) => session,
            Err(error) => return error,
        };
        session.content.extend(body);
        session.broken = true;
        let content = std::mem::take(&mut session.content);
        self.store(name, head.parameter("digest").unwrap_or_default(), &content, behaviour)
    }

    fn store(&mut self, name: &str, digest: &str, content: &[u8], behaviour: &Behaviour) -> Response {
        if Digest::of(content).as_str() != digest {
            return Response::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        }
        self.repositories.entry(name.to_owned()).or_default().blob(content);
        let response = Response::new(201).header("docker-content-digest", digest);
        if behaviour.ecr {
            response
        } else {
            response.header("location", format!("/v2/{name}/blobs/{digest}"))
        }
    }

    fn manifest(&self, head: &RequestHead, name: &str, version: &str) -> Response {
        let Some(repository) = self.repositories.get(name) else { return unknown_name(name) };
        let digest = repository.tags.get(version).map_or(version, Digest::as_str);
        let Some((media_type, bytes)) = find(&repository.manifests, digest) else {
            return Response::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
        };
        if !head.header("accept").is_some_and(|accept| accept.contains(media_type.as_str())) {
            return Response::error(
                404,
                "MANIFEST_UNKNOWN",
                "manifest found, but accept header does not support it",
            );
        }
        Response::new(200)
            .header("content-type", media_type)
            .header("docker-content-digest", digest)
            .body(bytes.clone())
    }

    fn put_manifest(
        &mut self,
        head: &RequestHead,
        name: &str,
        version: &str,
        body: &[u8],
        behaviour: &Behaviour,
    ) -> Response {
        let media_type = head.header("content-type").unwrap_or_default();
        let refuse = |code: &str, message: &str| Response::error(400, code, message);
        let Ok(manifest) = serde_json::from_slice::<Value>(body) else {
            return refuse("MANIFEST_INVALID", "manifest invalid");
        };
        if manifest["mediaType"].as_str().is_some_and(|own| own != media_type) {
            return refuse(
                "MANIFEST_INVALID",
                "if present, mediaType in manifest should be that of the header",
            );
        }
        let digest = Digest::of(body);
        if version.contains(':') && version != digest.as_str() {
            return refuse("DIGEST_INVALID", "provided digest did not match uploaded content");
        }
        if behaviour.requires_repository && !self.repositories.contains_key(name) {
            return unknown_name(name);
        }
        let repository = self.repositories.entry(name.to_owned()).or_default();
        let layers = manifest["layers"].as_array().into_iter().flatten();
        for part in layers.chain(manifest.get("config")) {
            if find(&repository.blobs, part["digest"].as_str().unwrap()).is_none() {
                return refuse("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
            }
        }
        let tag = (!version.contains(':')).then_some(version);
        let before = tag.and_then(|tag| repository.tags.get(tag));
        if behaviour.immutable_tags && before.is_some_and(|before| *before != digest) {
            let message = format!(
                "The image tag '{version}' already exists in the '{name}' repository and cannot be overwritten because \
                 the repository is immutable."
            );
            return refuse("TAG_INVALID", &message);
        }
        repository.manifest(media_type, body, tag);
        let response = Response::new(201).header("docker-content-digest", digest.as_str());
        if behaviour.ecr {
            response
        } else {
            response.header("location", format!("/v2/{name}/manifests/{digest}"))
        }
    }
}

fn find<'a, T>(map: &'a BTreeMap<Digest, T>, digest: &str) -> Option<&'a T> {
    map.get(&digest.parse().ok()?)
}

fn unknown_name(name: &str) -> Response {
    let message = format!("The repository with name '{name}' does not exist in the registry");
    Response::error(404, "NAME_UNKNOWN", &message)
}

/// A blob, or the requested part of it.
fn part(head: &RequestHead, content: &[u8], behaviour: &Behaviour) -> Response {
    let range = head.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let total = content.len();
    let range = range.map(|(start, last)| (start.parse().unwrap(), last.parse().unwrap_or(total - 1)));
    match (range, behaviour.ranges) {
        (None, _) | (_, Ranges::Ignored) => Response::new(200).body(content),
        (Some((start, _)), Ranges::Supported) if start >= total => {
            Response::new(416).header("content-range", format!("bytes */{total}"))
        }
        (Some((start, last)), Ranges::Supported) => Response::new(206)
            .header("content-range", format!("bytes {start}-{last}/{total}"))
            .body(&content[start..=last]),
        (Some(_), Ranges::Wrong) => Response::new(206)
            .header("content-range", format!("bytes 1-{}/{total}", total - 1))
            .body(&content[1..]),
    }
}
