//! [`RunningFunction`]: a function's container, which is started, sent events and always removed.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::container::Container;
use super::container_output::last_lines;
use super::emulator_client::{EmulatorClient, EventPayload};
use super::emulator_log::{FunctionStart, Registrations, is_complete, is_not_started};
use super::extensions::TelemetrySubscriber;
use super::response::interpret;
use super::{Engine, EngineError, Outcome, OutputSink, Response, RunOptions};

/// How long after its response the emulator's report of an invocation may arrive.
const REPORT_DELAY: Duration = Duration::from_millis(500);

/// How long after the report the rest of the log may arrive, since it comes by the container's other stream.
const REST_DELAY: Duration = Duration::from_millis(100);

/// The pause between two checks of the log.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A function whose container is running.
pub struct RunningFunction<'a> {
    container: &'a Container<'a>,
    emulator: EmulatorClient<'a>,
    port: u16,
    timeout: Duration,
    /// Whether external extensions have registered.
    has_extensions: Cell<bool>,
}

/// The result of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The function's response.
    pub response: Response,
    /// How long it took, including the start of the function.
    pub duration: Duration,
    /// Whether the function was started for it.
    pub start: FunctionStart,
}

/// The result of running a function, whose container has been removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedRun<T> {
    /// The result of the work.
    pub result: T,
    /// Whether the kernel killed a process in the container because of the memory limit.
    pub out_of_memory: bool,
}

impl Engine {
    /// Runs the function's container while `work` uses it. Removes the container on success, on every error, and when
    /// `cancel` completes first, in which case the result is `None`. All output goes to `sink` before this returns,
    /// including that of extensions while they shut down.
    ///
    /// Complete `cancel` rather than drop the future: dropping can only start the removal, and the program may exit
    /// before it is done.
    ///
    /// # Errors
    /// When the engine fails, the emulator does not start, or `work` fails.
    pub async fn run<T>(
        &self,
        options: &RunOptions,
        sink: &OutputSink,
        cancel: impl Future<Output = ()>,
        work: impl AsyncFnOnce(&RunningFunction<'_>) -> Result<T, EngineError>,
    ) -> Result<Option<FinishedRun<T>>, EngineError> {
        let description = options.container(self.address.publish_on())?;
        let mut container = Container::create(self, options, description).await?;
        let run = async {
            container.start(options, sink, false).await?;
            let container = &container;
            let start = async {
                let port = container.published_port().await?;
                let address = format!("{}:{port}", self.address.published_host());
                let emulator = EmulatorClient::new(&options.function, address)?;
                emulator.wait_until_ready().await?;
                Ok((emulator, port))
            };
            let (emulator, port) = container.while_running(start).await?;
            let timeout = Duration::from_secs(options.timeout.into());
            let has_extensions = Cell::new(false);
            work(&RunningFunction { container, emulator, port, timeout, has_extensions }).await
        };
        let result = tokio::select! {
            result = run => Some(result),
            () = cancel => None,
        };
        let (removed, output) = container.close().await;
        match result {
            Some(Err(EngineError::Exited { function, .. })) if matches!(removed, Ok(true)) => {
                Err(EngineError::OutOfMemory { function, memory: options.memory })
            }
            Some(Err(error)) => Err(error.with_output(last_lines(&output))),
            Some(Ok(result)) => removed.map(|out_of_memory| Some(FinishedRun { result, out_of_memory })),
            None => removed.map(|_| None),
        }
    }
}

impl RunningFunction<'_> {
    /// Sends an event and returns the response. A function that fails is not an error but an [`Outcome`].
    ///
    /// # Errors
    /// When the container exits, or its emulator does not respond.
    pub async fn invoke(&self, event: &EventPayload) -> Result<Invocation, EngineError> {
        self.container.output.clear_emulator_log();
        let response = self.emulator.invoke(event, self.timeout);
        let (response, duration) = self.container.while_running(response).await?;
        let log = self.emulator_log().await;
        let mut response = interpret(response, &log)?;
        let registrations = Registrations::find(&log);
        // An extension that was refused may wait forever or exit.
        let lacks_extension = match &response.outcome {
            Outcome::TimedOut => is_not_started(&log),
            Outcome::FunctionError { error_type, .. } => {
                error_type == "Extension.Crash"
                    && registrations.attempted.len() > registrations.external.len()
            }
            Outcome::Success => false,
        };
        if lacks_extension {
            response.help = self.container.unregistered_help(&registrations).await.or(response.help);
        }
        if !registrations.external.is_empty() {
            self.has_extensions.set(true);
        }
        Ok(Invocation { response, duration, start: FunctionStart::find(&log) })
    }

    /// The files of extensions that use APIs that the emulator lacks, if an event has started extensions. This takes a
    /// while, since it reads all files of extensions.
    pub async fn telemetry_subscribers(&self) -> Vec<TelemetrySubscriber> {
        if self.has_extensions.get() { self.container.telemetry_subscribers().await } else { Vec::new() }
    }

    /// The URL at which other clients can invoke the function.
    #[must_use]
    pub fn url(&self) -> String {
        self.emulator.url()
    }

    /// The port in that URL.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until the container exits by itself, and returns that as an error.
    pub async fn exited(&self) -> EngineError {
        match self.container.wait().await {
            Ok(status) => self.container.exited(status),
            Err(error) => error,
        }
    }

    /// The emulator's log of the invocation that has just ended.
    async fn emulator_log(&self) -> String {
        let begin = Instant::now();
        loop {
            let log = self.container.output.emulator_log();
            let delay = if is_complete(&log) {
                Duration::ZERO
            } else if log.contains("REPORT ") {
                REST_DELAY
            } else {
                REPORT_DELAY
            };
            if begin.elapsed() >= delay {
                return log;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}
