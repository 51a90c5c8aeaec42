//! A function's container at work: started, sent one event after the other, and removed whatever comes in between.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::container::Container;
use super::emulator_log::{Registrations, Start, is_complete, is_not_started};
use super::extensions::Subscriber;
use super::invoke::{Emulator, Event};
use super::output::last_lines;
use super::response::classify;
use super::{Answer, Engine, EngineError, OutputSink, Response, RunOptions};

/// How long the emulator's report of an invocation may take to follow its answer.
const REPORT: Duration = Duration::from_millis(500);

/// How long the rest of its log may take after that: it comes by the container's other stream.
const REST: Duration = Duration::from_millis(100);

/// The pause between two looks at the log.
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// A container that runs.
pub struct Session<'a> {
    container: &'a Container<'a>,
    emulator: Emulator<'a>,
    port: u16,
    timeout: Duration,
    /// Whether extensions that are files have registered.
    has_extensions: Cell<bool>,
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// What the function answered.
    pub response: Response,
    /// How long that took, the start of the function included.
    pub took: Duration,
    /// Whether the function was started for it.
    pub start: Start,
}

/// What a container was used for, now that it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used<T> {
    /// What came of the work.
    pub done: T,
    /// Whether the kernel killed a process in it because the memory limit was reached.
    pub out_of_memory: bool,
}

impl Engine {
    /// Runs the function's container while `work` uses it, and removes it again: on success, on every error, and when
    /// `cancel` completes first, which gives nothing. What the container prints goes to `output`, all of it before this
    /// returns, also what extensions print when they are told to shut down.
    ///
    /// Let `cancel` complete instead of dropping the future: a dropped one can only start the removal, and the program
    /// may end before that.
    ///
    /// # Errors
    /// When the engine fails, the emulator does not come up, or `work` fails.
    pub async fn run<T>(
        &self,
        options: &RunOptions,
        output: &OutputSink,
        cancel: impl Future<Output = ()>,
        work: impl AsyncFnOnce(&Session<'_>) -> Result<T, EngineError>,
    ) -> Result<Option<Used<T>>, EngineError> {
        let mut container = Container::create(self, options).await?;
        let used = async {
            container.start(options, output).await?;
            let container = &container;
            let start = async {
                let port = container.published().await?;
                let address = format!("{}:{port}", self.address.reach_at());
                let emulator = Emulator::new(&options.function, address)?;
                emulator.ready().await?;
                Ok((emulator, port))
            };
            let (emulator, port) = container.while_running(start).await?;
            let timeout = Duration::from_secs(options.timeout.into());
            work(&Session { container, emulator, port, timeout, has_extensions: Cell::new(false) }).await
        };
        let used = tokio::select! {
            used = used => Some(used),
            () = cancel => None,
        };
        let (removed, log) = container.close().await;
        match used {
            Some(Err(error)) => Err(error.with_log(last_lines(&log))),
            Some(Ok(done)) => removed.map(|out_of_memory| Some(Used { done, out_of_memory })),
            None => removed.map(|_| None),
        }
    }
}

impl Session<'_> {
    /// Sends an event and gives the answer. A function that fails is no error but an [`Answer`](super::Answer).
    ///
    /// # Errors
    /// When the container ends, or the emulator in it does not answer.
    pub async fn invoke(&self, event: &Event) -> Result<Invocation, EngineError> {
        self.container.record.forget_talk();
        let asked = self.emulator.invoke(event, self.timeout);
        let (reply, took) = self.container.while_running(asked).await?;
        let log = self.log().await;
        let mut response = classify(reply, &log)?;
        let registrations = Registrations::find(&log);
        // One that was refused may wait for ever, or end.
        let is_stuck = match &response.answer {
            Answer::TimedOut => is_not_started(&log),
            Answer::FunctionError { error_type, .. } => {
                error_type == "Extension.Crash" && registrations.tried.len() > registrations.done.len()
            }
            Answer::Success => false,
        };
        if is_stuck {
            response.help = self.container.unregistered(&registrations).await.or(response.help);
        }
        if !registrations.done.is_empty() {
            self.has_extensions.set(true);
        }
        Ok(Invocation { response, took, start: Start::find(&log) })
    }

    /// Files of extensions that want what the emulator does not have, if an event made extensions start. It takes a while:
    /// all files of extensions are read.
    pub async fn subscribers(&self) -> Vec<Subscriber> {
        if self.has_extensions.get() { self.container.subscribers().await } else { Vec::new() }
    }

    /// Where anybody can invoke the function.
    #[must_use]
    pub fn url(&self) -> String {
        self.emulator.url()
    }

    /// The port of that.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the container to end by itself; gives that as an error.
    pub async fn ended(&self) -> EngineError {
        match self.container.ended().await {
            Ok(status) => self.container.exited(status),
            Err(error) => error,
        }
    }

    /// What the emulator says of the invocation that has just been answered.
    async fn log(&self) -> String {
        let begin = Instant::now();
        loop {
            let log = self.container.record.talk();
            let patience = if is_complete(&log) {
                Duration::ZERO
            } else if log.contains("REPORT ") {
                REST
            } else {
                REPORT
            };
            if begin.elapsed() >= patience {
                return log;
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }
}
