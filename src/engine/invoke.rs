//! Asking the emulator in a container over HTTP.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::EngineError;
use super::response::Reply;

/// What Lambda takes and gives in one synchronous invocation (Lambda developer guide, gettingstarted-limits).
const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// How long the emulator may take to listen. It does so before it starts the function, so that only a machine that
/// emulates another one comes near.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// How long one look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// What is granted beyond the function's own time, for the emulator's work.
const MARGIN: Duration = Duration::from_secs(30);

/// The path of the one function that an emulator has (aws-lambda-runtime-interface-emulator, rie/http.go).
const INVOCATION: &str = "2015-03-31/functions/function/invocations";

/// What a function is sent.
#[derive(Debug, Clone)]
pub struct Event(Bytes);

impl Event {
    /// An event of these bytes.
    ///
    /// # Errors
    /// When Lambda does not take so many.
    pub fn new(bytes: Vec<u8>) -> Result<Self, EngineError> {
        if bytes.len() > PAYLOAD_LIMIT {
            return Err(EngineError::EventTooLarge { size: bytes.len(), limit: PAYLOAD_LIMIT });
        }
        Ok(Self(bytes.into()))
    }
}

/// The emulator of a running container.
pub(super) struct Emulator<'a> {
    function: &'a str,
    address: String,
    client: reqwest::Client,
}

impl<'a> Emulator<'a> {
    /// The emulator that is published at `address`, a `HOST:PORT`.
    pub(super) fn new(function: &'a str, address: String) -> Result<Self, EngineError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // A client that finds its kept connection closed sends again; an event must be sent once.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|source| EngineError::Http { function: function.to_owned(), source })?;
        Ok(Self { function, address, client })
    }

    /// Waits until the emulator listens. The engine's port takes connections before that, so that only an answer counts;
    /// which one does not matter.
    pub(super) async fn ready(&self) -> Result<(), EngineError> {
        let start = Instant::now();
        let url = format!("http://{}/", self.address);
        while self.client.get(&url).timeout(LOOK_TIMEOUT).send().await.is_err() {
            if start.elapsed() > READY_TIMEOUT {
                return Err(EngineError::NotReady {
                    function: self.function.to_owned(),
                    address: self.address.clone(),
                    seconds: READY_TIMEOUT.as_secs(),
                    log: Vec::new(),
                });
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Ok(())
    }

    /// Sends the event, once, and gives what comes back and the time that it took. `timeout` is that of the function.
    pub(super) async fn invoke(
        &self,
        event: &Event,
        timeout: Duration,
    ) -> Result<(Reply, Duration), EngineError> {
        // The emulator grants the timeout to the start of the function and again to the invocation.
        let patience = timeout * 2 + MARGIN;
        let start = Instant::now();
        let failed = |source: reqwest::Error| {
            let function = self.function.to_owned();
            if source.is_timeout() {
                EngineError::NoAnswer { function, seconds: patience.as_secs(), log: Vec::new() }
            } else {
                EngineError::Http { function, source: source.without_url() }
            }
        };
        let request = self.client.post(format!("http://{}/{INVOCATION}", self.address));
        let request =
            request.header("content-type", "application/json").body(event.0.clone()).timeout(patience);
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(failed)?.into();
        Ok((Reply { status, body }, start.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_no_larger_than_lambda_takes() {
        assert!(Event::new(vec![b' '; PAYLOAD_LIMIT]).is_ok());
        let error = Event::new(vec![b' '; PAYLOAD_LIMIT + 1]).unwrap_err();
        assert!(matches!(error, EngineError::EventTooLarge { .. }), "{error}");
    }
}
