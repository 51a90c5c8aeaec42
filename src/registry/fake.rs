//! A small registry on a port of this machine, in this process, for tests of what a real one does seldom: losing answers,
//! resetting connections, lying about lengths and digests, forgetting who asks.
//!
//! It keeps the rules of a real one: it takes no blob and no manifest whose digest is not that of its bytes, no manifest
//! without its blobs, and no second request for the same state of an upload. Every secret that it gives away has
//! [`SECRET`] in it.

mod contents;
mod fault;
mod gate;
mod http;

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use contents::Contents;
use contents::{Shelves, Target};
use fault::Scripted;
pub(crate) use fault::{ALWAYS, Fault};
use gate::Gate;
pub(crate) use gate::{Account, Scheme};
pub(crate) use http::{Answer, Head};

use crate::project::Repository;

/// What is in every password, token, signature and session of a fake registry: no log and no error may hold it.
pub(crate) const SECRET: &str = "very-secret";

/// How a registry does what the specification leaves open, or does otherwise.
#[derive(Debug, Clone, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a thing of its own that a registry does or does not"
)]
pub(crate) struct Manner {
    /// Amazon ECR's: a part of an upload is answered with 201 and a stale range, a manifest without its location.
    pub(crate) ecr: bool,
    /// Whether it leaves out the header that tells a digest.
    pub(crate) silent: bool,
    /// Whether it takes blobs over from its other repositories.
    pub(crate) mounts: bool,
    /// Whether a tag stays what it is.
    pub(crate) immutable: bool,
    /// Whether a repository must be there before anything is sent to it.
    pub(crate) strict: bool,
    pub(crate) ranges: Ranges,
    pub(crate) locations: Locations,
    /// The host that blobs are fetched from.
    pub(crate) storage: Option<String>,
}

/// What becomes of a request for a part of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ranges {
    #[default]
    Honoured,
    /// The whole blob is sent.
    Ignored,
    /// Another part is sent.
    Wrong,
}

/// How it says where an upload goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Locations {
    #[default]
    Relative,
    Absolute,
    /// At another host.
    Elsewhere(String),
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) head: Head,
    /// How many bytes of its body were read.
    pub(crate) sent: usize,
    /// How it was answered; 0 for not at all.
    pub(crate) status: u16,
}

impl Access {
    /// `METHOD path`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.head.method, self.head.path)
    }

    /// The scheme of its authorization.
    pub(crate) fn scheme(&self) -> Option<&str> {
        self.head.headers.get("authorization")?.split(' ').next()
    }
}

/// All of a fake registry.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) manner: Manner,
    pub(crate) gate: Gate,
    pub(crate) log: Vec<Access>,
    /// How many bytes of bodies without end it got rid of.
    pub(crate) poured: u64,
    /// Where it asks who is there. Elsewhere whoever knows the address may come in, as with signed addresses.
    host: String,
    shelves: Shelves,
    faults: Vec<Scripted>,
}

impl State {
    /// The repositories by name.
    pub(crate) fn repositories(&mut self) -> &mut BTreeMap<String, Contents> {
        &mut self.shelves.repositories
    }

    /// A repository, made if it is not there.
    pub(crate) fn repository(&mut self, name: &str) -> &mut Contents {
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
    /// A registry that lets everybody do everything, and holds nothing.
    pub(crate) fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let fake = Self { host: listen(&state), state };
        fake.state().host.clone_from(&fake.host);
        fake
    }

    /// Its host and port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The same registry under another host and port.
    pub(crate) fn other_door(&self) -> String {
        listen(&self.state)
    }

    /// A repository of it as a client names it.
    pub(crate) fn named(&self, name: &str) -> Repository {
        Repository { host: self.host.clone(), name: name.to_owned() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // What failed in another thread is told there.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets something go wrong with those requests of a method (empty: of any) whose path contains this, counted from 1.
    pub(crate) fn fail(
        &self,
        method: &'static str,
        path: impl Into<String>,
        times: RangeInclusive<usize>,
        fault: Fault,
    ) {
        self.state().faults.push(Scripted { method, path: path.into(), times, fault, seen: 0 });
    }

    /// The requests that came, as `METHOD path`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state().log.iter().map(Access::line).collect()
    }

    /// How many requests of a method came whose path contains this.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        let state = self.state();
        state
            .log
            .iter()
            .filter(|access| access.head.method == method && access.head.path.contains(path))
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
            // A client that hangs up is none of the registry's business.
            std::thread::spawn(move || drop(fake.serve(&connection)));
        }
    });
    host
}

impl Fake {
    /// Answers what comes over a connection, until one of both ends it.
    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        while let Some(head) = Head::read(connection)? {
            let (number, fault) = {
                let mut state = self.state();
                state.log.push(Access { head: head.clone(), sent: 0, status: 0 });
                // All of them count it.
                let due: Vec<_> = state.faults.iter_mut().map(|scripted| scripted.due(&head)).collect();
                let fault = due.into_iter().flatten().next();
                (state.log.len() - 1, fault)
            };
            if !self.exchange(connection, &head, number, fault)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Answers one request. False when the connection is over.
    fn exchange(
        &self,
        connection: &TcpStream,
        head: &Head,
        number: usize,
        fault: Option<Fault>,
    ) -> io::Result<bool> {
        let target = Target::of(&head.path);
        let limit = match &fault {
            Some(Fault::Reset) => return Ok(false),
            Some(Fault::Stall) => {
                self.state().shelves.break_session(&target);
                return stall(connection);
            }
            Some(Fault::AnswerAt(limit, _)) => *limit,
            Some(Fault::ResetAt(limit)) if has_body(head) => *limit,
            _ => u64::MAX,
        };
        let mut body = Vec::new();
        // Of an answer that is reset, the last byte of the request stays unread.
        let reads = !matches!(fault, Some(Fault::ResetAt(_))) || has_body(head);
        let whole = if reads { head.read_body(connection, limit, &mut body) } else { Ok(true) };
        let mut state = self.state();
        state.log[number].sent = body.len();
        if !matches!(whole, Ok(true)) {
            state.shelves.break_session(&target);
        }
        if !whole? {
            drop(state);
            if let Some(Fault::AnswerAt(_, answer)) = fault {
                self.send(connection, head, number, &answer, answer.body.len())?;
            }
            return Ok(false);
        }
        if let Some(Fault::Answer(answer) | Fault::AnswerAt(_, answer)) = fault {
            state.shelves.break_session(&target);
            drop(state);
            return self.send(connection, head, number, &answer, answer.body.len());
        }
        let answer = state.answer(head, &body);
        drop(state);
        self.deliver(connection, head, number, fault.as_ref(), answer)
    }

    /// Sends the right answer, or what a fault makes of it.
    fn deliver(
        &self,
        mut connection: &TcpStream,
        head: &Head,
        number: usize,
        fault: Option<&Fault>,
        mut answer: Answer,
    ) -> io::Result<bool> {
        let length = answer.body.len();
        match fault {
            Some(Fault::Lost) => Ok(false),
            Some(Fault::Raw(bytes)) => connection.write_all(bytes.as_bytes()).map(|()| false),
            Some(Fault::ResetAt(at)) => {
                let at = usize::try_from(*at).unwrap().min(length);
                self.send(connection, head, number, &answer, at)?;
                Ok(false)
            }
            Some(Fault::Truncated(at)) => {
                self.send(connection, head, number, &answer, length.min(*at))?;
                Ok(false)
            }
            Some(Fault::StallAt(at)) => {
                self.send(connection, head, number, &answer, length.min(*at))?;
                stall(connection)
            }
            Some(Fault::WrongLength(by)) => {
                self.state().log[number].status = answer.status;
                answer.write_head(connection, Some(length.checked_add_signed(*by).unwrap() as u64))?;
                connection.write_all(&answer.body)?;
                Ok(false)
            }
            Some(Fault::Corrupt) => {
                let middle = length / 2;
                answer.body[middle] ^= 1;
                self.send(connection, head, number, &answer, length)
            }
            Some(Fault::WrongDigest) => {
                let digest = crate::store::Digest::of(b"something else");
                let answer = answer.header("docker-content-digest", digest.as_str());
                self.send(connection, head, number, &answer, length)
            }
            Some(Fault::Pour(announced)) => {
                self.state().log[number].status = answer.status;
                answer.write_head(connection, *announced)?;
                self.pour(connection)
            }
            _ => self.send(connection, head, number, &answer, length),
        }
    }

    /// Sends an answer, only so many bytes of its body.
    fn send(
        &self,
        mut connection: &TcpStream,
        head: &Head,
        number: usize,
        answer: &Answer,
        bytes: usize,
    ) -> io::Result<bool> {
        self.state().log[number].status = answer.status;
        answer.write_head(connection, Some(answer.body.len() as u64))?;
        if head.method != "HEAD" {
            connection.write_all(&answer.body[..bytes])?;
        }
        Ok(true)
    }

    /// Sends spaces, which may be the beginning of anything in JSON, for as long as somebody takes them.
    fn pour(&self, mut connection: &TcpStream) -> io::Result<bool> {
        let spaces = vec![b' '; 64 << 10];
        loop {
            connection.write_all(&spaces)?;
            self.state().poured += spaces.len() as u64;
        }
    }
}

impl State {
    fn answer(&mut self, head: &Head, body: &[u8]) -> Answer {
        let Self { manner, gate, shelves, host, .. } = self;
        let target = Target::of(&head.path);
        if let Target::Token = target {
            return gate.token(head, body);
        }
        if let Some(repository) = target.repository()
            && head.headers.get("host") == Some(host)
        {
            let action = if matches!(head.method.as_str(), "GET" | "HEAD") { "pull" } else { "push" };
            if let Some(refusal) = gate.check(head, host, repository, action) {
                return refusal;
            }
        }
        let readable = head.parameter("from").is_none_or(|from| gate.covers(head, from, "pull"));
        let manner = Manner { mounts: manner.mounts && readable, ..manner.clone() };
        let answer = shelves.answer(head, body, &manner);
        if manner.silent { answer.without("docker-content-digest") } else { answer }
    }
}

fn has_body(head: &Head) -> bool {
    matches!(head.method.as_str(), "POST" | "PUT" | "PATCH")
}

/// Waits until the client hangs up.
fn stall(mut connection: &TcpStream) -> io::Result<bool> {
    let mut buffer = [0; 1024];
    while connection.read(&mut buffer)? > 0 {}
    Ok(false)
}
