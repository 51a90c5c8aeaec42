//! Invokes a function over HTTP, through the emulator in its container.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::EngineError;
use super::response::EmulatorResponse;
use crate::response_body;

/// How long the emulator may take to start listening. It does so before it starts the function, so only a machine that
/// emulates another architecture takes long.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// How long one request of the wait may take.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two requests of the wait.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The time that the emulator itself may take in addition to the function.
const MARGIN: Duration = Duration::from_secs(30);

/// The most bytes of a response that are read. Lambda accepts 6 MiB, and 200 MB of a function that streams its response
/// (Lambda developer guide, gettingstarted-limits); the emulator rejects what is larger than the former itself, but an image
/// may contain another one.
const RESPONSE_LIMIT: u64 = 200 * 1024 * 1024;

/// The path of an emulator's only function (aws-lambda-runtime-interface-emulator, rie/http.go).
const INVOCATION: &str = "2015-03-31/functions/function/invocations";

/// The event that a function is invoked with.
#[derive(Debug, Clone)]
pub struct EventPayload(Bytes);

impl EventPayload {
    /// The size in bytes of the largest event of a synchronous invocation (Lambda developer guide,
    /// gettingstarted-limits).
    pub const LIMIT: u64 = 6 * 1024 * 1024;

    /// An event of these bytes.
    ///
    /// # Errors
    /// When it is larger than Lambda accepts.
    pub fn new(bytes: Vec<u8>) -> Result<Self, EngineError> {
        if bytes.len() as u64 > Self::LIMIT {
            return Err(EngineError::EventTooLarge { limit: Self::LIMIT });
        }
        Ok(Self(bytes.into()))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A client of the emulator in a running container.
pub(super) struct EmulatorClient<'a> {
    function: &'a str,
    address: String,
    client: reqwest::Client,
}

impl<'a> EmulatorClient<'a> {
    /// The client of the emulator whose port is published at `address`, a `HOST:PORT`.
    pub(super) fn new(function: &'a str, address: String) -> Result<Self, EngineError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // A client retries when its kept connection turns out to be closed, but an event must be sent only once.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|source| EngineError::Http { function: function.to_owned(), source })?;
        Ok(Self { function, address, client })
    }

    /// The URL of invocations.
    pub(super) fn url(&self) -> String {
        format!("http://{}/{INVOCATION}", self.address)
    }

    /// Waits until the emulator responds. The engine accepts connections to the port before that. Any response will do.
    pub(super) async fn wait_until_ready(&self) -> Result<(), EngineError> {
        let start = Instant::now();
        let url = format!("http://{}/", self.address);
        while self.client.get(&url).timeout(POLL_TIMEOUT).send().await.is_err() {
            if start.elapsed() > READY_TIMEOUT {
                return Err(EngineError::NotReady {
                    function: self.function.to_owned(),
                    address: self.address.clone(),
                    seconds: READY_TIMEOUT.as_secs(),
                    output: Vec::new(),
                });
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Sends the event, only once, and returns the response and how long it took. `timeout` is that of the function.
    pub(super) async fn invoke(
        &self,
        event: &EventPayload,
        timeout: Duration,
    ) -> Result<(EmulatorResponse, Duration), EngineError> {
        // The emulator applies the timeout to the start of the function, and again to the invocation.
        let limit = timeout * 2 + MARGIN;
        let start = Instant::now();
        let failed = |source: reqwest::Error| {
            let function = self.function.to_owned();
            if source.is_timeout() {
                EngineError::NoResponse { function, seconds: limit.as_secs(), output: Vec::new() }
            } else {
                EngineError::Http { function, source: source.without_url() }
            }
        };
        let request = self.client.post(self.url());
        let request = request.header("content-type", "application/json").body(event.0.clone()).timeout(limit);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let body = response_body::read(&mut response, RESPONSE_LIMIT).await.map_err(failed)?;
        let body = body.ok_or_else(|| EngineError::ResponseTooLarge {
            function: self.function.to_owned(),
            limit: RESPONSE_LIMIT,
        })?;
        Ok((EmulatorResponse { status, body }, start.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_must_not_exceed_lambdas_limit() {
        assert!(EventPayload::new(vec![b' '; 6 << 20]).is_ok());
        let error = EventPayload::new(vec![b' '; (6 << 20) + 1]).unwrap_err();
        assert!(matches!(error, EngineError::EventTooLarge { .. }), "{error}");
    }
}
