//! A small registry in this process, on a port of this machine, for tests of rare failures: lost responses, connection
//! resets, wrong lengths and digests, expired credentials.
//!
//! It keeps the rules of real registries: it rejects blobs and manifests that do not match their digest, manifests without
//! their blobs, and a second request for the same state of an upload. Every secret that it issues contains [`SECRET`].

mod auth;
mod behaviour;
mod contents;
mod http;
mod injected_fault;

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};

use auth::Auth;
pub(crate) use auth::{Account, AuthScheme, SECRET};
pub(crate) use behaviour::{Behaviour, Locations, Ranges};
pub(crate) use contents::RepositoryContents;
use contents::{Contents, Target};
pub(crate) use http::{RequestHead, Response};
use injected_fault::ScheduledFault;
pub(crate) use injected_fault::{ALWAYS, InjectedFault};

use crate::project::Repository;
use crate::sync::lock;

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct LoggedRequest {
    pub(crate) head: RequestHead,
    /// How many bytes of its body were read.
    pub(crate) sent: usize,
    /// The status of the response; 0 if there was none.
    pub(crate) status: u16,
}

impl LoggedRequest {
    /// `METHOD path`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.head.method, self.head.path)
    }

    /// The scheme of its authorization.
    pub(crate) fn scheme(&self) -> Option<&str> {
        self.head.headers.get("authorization")?.split(' ').next()
    }
}

/// The state of a fake registry.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) behaviour: Behaviour,
    pub(crate) auth: Auth,
    pub(crate) log: Vec<LoggedRequest>,
    /// How many bytes of endless bodies were sent.
    pub(crate) endless_bytes: u64,
    /// The host that requires authentication. Other hosts do not, as with signed URLs.
    host: String,
    contents: Contents,
    faults: Vec<ScheduledFault>,
}

impl State {
    /// The repositories by name.
    pub(crate) fn repositories(&mut self) -> &mut BTreeMap<String, RepositoryContents> {
        &mut self.contents.repositories
    }

    /// A repository, created if it does not exist.
    pub(crate) fn repository(&mut self, name: &str) -> &mut RepositoryContents {
        self.repositories().entry(name.to_owned()).or_default()
    }
}

/// A fake registry. It listens until the process ends.
#[derive(Clone)]
pub(crate) struct Fake {
    host: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    /// An empty registry without authentication.
    pub(crate) fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let fake = Self { host: listen(&state), state };
        fake.state().host.clone_from(&fake.host);
        fake
    }

    /// The host and port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The same registry under another host and port.
    pub(crate) fn second_host(&self) -> String {
        listen(&self.state)
    }

    /// A repository, as clients name it.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        Repository { host: self.host.clone(), name: name.to_owned() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Injects a fault into the requests with a method (empty: any) and with a path that contains `path`, if their number,
    /// counted from 1, is in `times`.
    pub(crate) fn fail(
        &self,
        method: &'static str,
        path: impl Into<String>,
        times: RangeInclusive<usize>,
        fault: InjectedFault,
    ) {
        self.state().faults.push(ScheduledFault { method, path: path.into(), times, fault, seen: 0 });
    }

    /// The received requests, as `METHOD path`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state().log.iter().map(LoggedRequest::line).collect()
    }

    /// How many requests were received with a method and with a path that contains `path`.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        let state = self.state();
        state
            .log
            .iter()
            .filter(|request| request.head.method == method && request.head.path.contains(path))
            .count()
    }
}

fn listen(state: &Arc<Mutex<State>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let fake = Fake { host: host.clone(), state: state.clone() };
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (fake, connection) = (fake.clone(), connection.unwrap());
            // A client may hang up.
            std::thread::spawn(move || drop(fake.serve(&connection)));
        }
    });
    host
}

impl Fake {
    /// Answers the requests on a connection, until either side closes it.
    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        while let Some(head) = RequestHead::read(connection)? {
            let (number, fault) = {
                let mut state = self.state();
                state.log.push(LoggedRequest { head: head.clone(), sent: 0, status: 0 });
                // Every fault counts the request.
                let due: Vec<_> = state.faults.iter_mut().map(|fault| fault.due(&head)).collect();
                let fault = due.into_iter().flatten().next();
                (state.log.len() - 1, fault)
            };
            if !self.handle(connection, &head, number, fault)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers one request. Returns whether the connection stays open.
    fn handle(
        &self,
        connection: &TcpStream,
        head: &RequestHead,
        number: usize,
        fault: Option<InjectedFault>,
    ) -> io::Result<bool> {
        let target = Target::of(&head.path);
        let limit = match &fault {
            Some(InjectedFault::Reset) => return Ok(false),
            Some(InjectedFault::Stall) => {
                self.state().contents.break_session(&target);
                return stall(connection);
            }
            Some(InjectedFault::RespondAfter(limit, _)) => *limit,
            Some(InjectedFault::ResetAfter(limit)) if has_body(head) => *limit,
            _ => u64::MAX,
        };
        let mut body = Vec::new();
        // If the response is to be reset, the last byte of the request stays unread.
        let reads = !matches!(fault, Some(InjectedFault::ResetAfter(_))) || has_body(head);
        let whole = if reads { head.read_body(connection, limit, &mut body) } else { Ok(true) };
        let mut state = self.state();
        state.log[number].sent = body.len();
        if !matches!(whole, Ok(true)) {
            state.contents.break_session(&target);
        }
        if !whole? {
            drop(state);
            if let Some(InjectedFault::RespondAfter(_, response)) = fault {
                // As servers announce it. Otherwise the client may reuse the connection before it notices that it is
                // closed, which costs an attempt.
                let response = response.header("connection", "close");
                self.send(connection, head, number, &response, response.body.len())?;
            }
            return Ok(false);
        }
        if let Some(InjectedFault::Redirect(status, host)) = &fault {
            drop(state);
            let response = Response::new(*status).header("location", head.url_at(host));
            return self.send(connection, head, number, &response, 0);
        }
        if let Some(InjectedFault::RepeatSecrets(status)) = fault {
            drop(state);
            let response = Response::error(status, "DENIED", &auth::secrets(head, &body));
            return self.send(connection, head, number, &response, response.body.len());
        }
        if let Some(InjectedFault::Respond(response) | InjectedFault::RespondAfter(_, response)) = fault {
            state.contents.break_session(&target);
            drop(state);
            return self.send(connection, head, number, &response, response.body.len());
        }
        let response = state.respond(head, &body);
        drop(state);
        self.deliver(connection, head, number, fault.as_ref(), response)
    }

    /// Sends the correct response, or what a fault turns it into.
    fn deliver(
        &self,
        mut connection: &TcpStream,
        head: &RequestHead,
        number: usize,
        fault: Option<&InjectedFault>,
        mut response: Response,
    ) -> io::Result<bool> {
        let length = response.body.len();
        match fault {
            Some(InjectedFault::LoseResponse) => Ok(false),
            Some(InjectedFault::Raw(bytes)) => connection.write_all(bytes.as_bytes()).map(|()| false),
            Some(InjectedFault::ResetAfter(at)) => {
                let at = usize::try_from(*at).unwrap().min(length);
                self.send(connection, head, number, &response, at)?;
                Ok(false)
            }
            Some(InjectedFault::TruncateAfter(at)) => {
                self.send(connection, head, number, &response, length.min(*at))?;
                Ok(false)
            }
            Some(InjectedFault::StallAfter(at)) => {
                self.send(connection, head, number, &response, length.min(*at))?;
                stall(connection)
            }
            Some(InjectedFault::WrongLength(by)) => {
                self.state().log[number].status = response.status;
                response.write_head(connection, Some(length.checked_add_signed(*by).unwrap() as u64))?;
                connection.write_all(&response.body)?;
                Ok(false)
            }
            Some(InjectedFault::Corrupt) => {
                let middle = length / 2;
                response.body[middle] ^= 1;
                self.send(connection, head, number, &response, length)
            }
            Some(InjectedFault::WrongDigest) => {
                let digest = crate::store::Digest::of(b"something else");
                let response = response.header("docker-content-digest", digest.as_str());
                self.send(connection, head, number, &response, length)
            }
            Some(InjectedFault::Endless(announced)) => {
                self.state().log[number].status = response.status;
                response.write_head(connection, *announced)?;
                self.send_endlessly(connection)
            }
            _ => self.send(connection, head, number, &response, length),
        }
    }

    /// Sends a response, with only so many bytes of its body.
    fn send(
        &self,
        mut connection: &TcpStream,
        head: &RequestHead,
        number: usize,
        response: &Response,
        bytes: usize,
    ) -> io::Result<bool> {
        self.state().log[number].status = response.status;
        response.write_head(connection, Some(response.body.len() as u64))?;
        if head.method != "HEAD" {
            connection.write_all(&response.body[..bytes])?;
        }
        Ok(true)
    }

    /// Sends spaces, which may start any JSON document, until the client hangs up.
    fn send_endlessly(&self, mut connection: &TcpStream) -> io::Result<bool> {
        let spaces = vec![b' '; 64 << 10];
        loop {
            connection.write_all(&spaces)?;
            self.state().endless_bytes += spaces.len() as u64;
        }
    }
}

impl State {
    fn respond(&mut self, head: &RequestHead, body: &[u8]) -> Response {
        let Self { behaviour, auth, contents, host, .. } = self;
        let target = Target::of(&head.path);
        if let Target::Token = target {
            return auth.token(head, body);
        }
        if let Some(repository) = target.repository()
            && head.headers.get("host") == Some(host)
        {
            let action = if matches!(head.method.as_str(), "GET" | "HEAD") { "pull" } else { "push" };
            if let Some(error) = auth.check(head, host, repository, action) {
                return error;
            }
        }
        let readable = head.parameter("from").is_none_or(|from| auth.covers(head, from, "pull"));
        let behaviour = Behaviour { mounts: behaviour.mounts && readable, ..behaviour.clone() };
        let response = contents.respond(head, body, &behaviour);
        if behaviour.omits_digest { response.without("docker-content-digest") } else { response }
    }
}

fn has_body(head: &RequestHead) -> bool {
    matches!(head.method.as_str(), "POST" | "PUT" | "PATCH")
}

/// Waits until the client hangs up.
fn stall(mut connection: &TcpStream) -> io::Result<bool> {
    let mut buffer = [0; 1024];
    while connection.read(&mut buffer)? > 0 {}
    Ok(false)
}
