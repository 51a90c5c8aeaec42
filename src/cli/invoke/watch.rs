//! `limg invoke --watch`: build, start and send again whenever the function changes.
//!
//! limg polls the files as a build lists them. So only files that a build uses trigger one, and it works with every
//! editor and file system.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::events;
use super::job::{Job, Version};
use crate::cli::error::CommandError;
use crate::cli::interrupt::Interrupt;
use crate::cli::selection;
use crate::cli::units::seconds;
use crate::engine::{EventPayload, FinishedRun, RunningFunction};
use crate::failure::{Failure as _, FailureKind};
use crate::pipeline;
use crate::project::Function;
use crate::text::first_of;
use crate::tree::{Difference, Snapshot};

/// The minimum pause between two polls.
const PAUSE: Duration = Duration::from_millis(100);

/// How much longer than a poll the pause after it is: even a large tree costs at most a tenth of a processor.
const PAUSE_FACTOR: u32 = 9;

/// How long nothing must change before a build starts, because a command may write many files.
const QUIET: Duration = Duration::from_millis(60);

/// How many changed files a line lists.
const LISTED: usize = 3;

/// The state of `--watch`.
struct Watch<'a> {
    job: &'a Job<'a>,
    file: PathBuf,
    /// The files of the definition.
    files: Vec<PathBuf>,
    /// The folder to which paths in messages are relative.
    root: PathBuf,
    /// The name that the user gave, or that of the only function.
    name: Option<String>,
    /// The function in the last valid definition.
    function: Option<Function>,
    seen: Snapshot,
    /// When the current change was noticed.
    noticed: Option<Instant>,
    /// Whether a version runs, which a failed build leaves running.
    is_up: Rc<Cell<bool>>,
}

pub(super) async fn run(
    job: &Job<'_>,
    name: Option<String>,
    events: &[EventPayload],
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let file = selection::find(job.settings)?;
    let mut interrupt = interrupt.defer();
    let mut watch = Watch {
        job,
        files: vec![file.clone()],
        file,
        root: PathBuf::new(),
        name,
        function: None,
        seen: Snapshot::default(),
        noticed: None,
        is_up: Rc::default(),
    };
    let mut version = tokio::select! {
        biased;
        () = interrupt.wait() => return Ok(interrupt.report(job.terminal)),
        version = watch.first() => version?,
    };
    let (mut port, mut is_known) = (version.run.port, false);
    loop {
        version.run.port = port;
        let report = job.report(&version);
        let mut sent = 0;
        watch.is_up.set(false);
        // The container of the version before has ended.
        version.remove_older().await;
        report.waits_for_debugger(version.engine.published_host());
        let work = async |session: &RunningFunction<'_>| {
            // A free port that was picked stays the same.
            port = job.port.map(|_| session.port());
            let last = events::send(session, events, &report, &mut sent).await?;
            report.invocation_of_running(last);
            if port.is_some() {
                report.show_failures();
                if !is_known {
                    report.is_up(&session.url());
                }
            }
            watch.report_state(is_known);
            is_known = true;
            watch.is_up.set(true);
            report.subscribers(&report.find_subscribers(session).await);
            Ok(watch.next_while_running(session).await)
        };
        let used = version.engine.run(&version.run, &report.output(), interrupt.wait(), work).await;
        report.end_of_output();
        version = match used {
            Ok(Some(FinishedRun { result: next, .. })) => next,
            Ok(None) => return Ok(ExitCode::SUCCESS),
            Err(error) => {
                report.unsent(events.len() - sent, events.len());
                // If the first start fails for a reason outside the function, no change of the function can fix it.
                let is_fixable = is_known || error.kind() == FailureKind::Work;
                let error = CommandError::Engine(error);
                if !is_fixable {
                    return Err(error);
                }
                watch.is_up.set(false);
                watch.report_error(&error);
                tokio::select! {
                    biased;
                    () = interrupt.wait() => return Ok(ExitCode::SUCCESS),
                    next = watch.next() => next,
                }
            }
        };
    }
}

/// Whether a change of the definition, or of a file that it names, can fix an error.
fn is_fixable_in_files(error: &CommandError) -> bool {
    match error {
        error if error.findings().is_some() => true,
        CommandError::Pipeline(error) => error.kind() != FailureKind::Environment,
        _ => false,
    }
}

impl Watch<'_> {
    /// The first version that builds. Fails if no change of the function's files can fix the error.
    async fn first(&mut self) -> Result<Version, CommandError> {
        match self.build().await {
            Err(error) if is_fixable_in_files(&error) => {
                self.report_error(&error);
                Ok(self.next().await)
            }
            built => built,
        }
    }

    /// Waits for a change and returns the next version that builds.
    async fn next(&mut self) -> Version {
        loop {
            self.change().await;
            match self.build().await {
                Ok(version) => return version,
                Err(error) => self.report_error(&error),
            }
        }
    }

    /// The same while the current version runs. Reports it if that version ends by itself.
    async fn next_while_running(&mut self, session: &RunningFunction<'_>) -> Version {
        let (job, is_up) = (self.job, Rc::clone(&self.is_up));
        let mut next = pin!(self.next());
        tokio::select! {
            version = &mut next => version,
            ended = session.exited() => {
                is_up.set(false);
                job.terminal.error(&CommandError::Engine(ended));
                next.await
            }
        }
    }

    async fn build(&mut self) -> Result<Version, CommandError> {
        // Before anything is read, so that what changes later counts as another change.
        self.seen = self.snapshot(self.function.clone()).await;
        let definition = self.snapshot(None).await;
        let Job { settings, terminal, common, .. } = self.job;
        let names: Vec<String> = self.name.iter().cloned().collect();
        let (loaded, objects) =
            selection::read(&self.file, common.reading(&names), settings, terminal).await?;
        let function = selection::function_to_run(&loaded, self.name.clone(), settings, terminal)?;
        self.root.clone_from(&loaded.project.root);
        self.files = loaded.sources.files();
        self.name = Some(function.name.clone());
        self.function = Some(function.clone());
        self.seen = self.snapshot(Some(function.clone())).await.with(definition);
        Box::pin(self.job.build(&loaded, objects, &function)).await
    }

    /// Waits for a change, and until nothing more changes; reports it.
    async fn change(&mut self) {
        loop {
            let begin = Instant::now();
            let mut now = self.snapshot(self.function.clone()).await;
            if now == self.seen {
                tokio::time::sleep(PAUSE.max(begin.elapsed() * PAUSE_FACTOR)).await;
                continue;
            }
            self.noticed = Some(begin);
            loop {
                tokio::time::sleep(QUIET).await;
                let later = self.snapshot(self.function.clone()).await;
                if later == now {
                    break;
                }
                now = later;
            }
            let before = std::mem::replace(&mut self.seen, now);
            let differences = before.differences(&self.seen);
            // A change that was undone at once leaves no differences.
            if !differences.is_empty() {
                self.job.terminal.status(&changes(&differences, &self.root));
                return;
            }
        }
    }

    async fn snapshot(&self, function: Option<Function>) -> Snapshot {
        let files = self.files.clone();
        let snapshot = tokio::task::spawn_blocking(move || pipeline::snapshot(&files, function.as_ref()));
        // After a panic, an empty snapshot.
        snapshot.await.unwrap_or_default()
    }

    /// Reports an error that a change may fix.
    fn report_error(&self, error: &CommandError) {
        self.job.terminal.summarize_overwrites();
        self.job.terminal.error(error);
        self.job.terminal.status(if self.is_up.get() {
            "the previous version keeps running; waiting for a change"
        } else {
            "waiting for a change"
        });
    }

    /// Reports how long the update took, or how to end.
    fn report_state(&self, is_known: bool) {
        if let Some(noticed) = self.noticed {
            let took = seconds(noticed.elapsed());
            self.job.terminal.status(&format!("updated in {took}"));
        }
        if !is_known {
            self.job.terminal.status("watching for changes until Ctrl-C");
        }
    }
}

/// The changed files, in one line.
fn changes(differences: &[(&Path, Difference)], root: &Path) -> String {
    let name = |(path, difference): &(&Path, Difference)| {
        let path = path.strip_prefix(root).unwrap_or(path).display();
        match difference {
            Difference::Changed => format!("{path}"),
            Difference::New => format!("{path} (new)"),
            Difference::Removed => format!("{path} (removed)"),
        }
    };
    format!("changed: {}", first_of(LISTED, differences.iter().map(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_listed_in_one_line() {
        let root = Path::new("/home/you/shop");
        let paths = ["a.py", "b.py", "c.py", "d.py", "e.py"].map(|name| root.join("code").join(name));
        let mut all: Vec<_> = paths.iter().map(|path| (path.as_path(), Difference::Changed)).collect();
        all[1].1 = Difference::New;
        all[2].1 = Difference::Removed;
        assert_eq!(changes(&all[..1], root), "changed: code/a.py");
        assert_eq!(
            changes(&all, root),
            "changed: code/a.py, code/b.py (new), code/c.py (removed) and 2 more"
        );
        assert_eq!(changes(&all[..1], Path::new("/elsewhere")), "changed: /home/you/shop/code/a.py");
    }
}
