//! `limg invoke --watch`: build, start and send again whenever the function changes.
//!
//! The files are looked at again and again, as a build would look at them, so that what no build takes triggers none, and
//! no editor's way of saving and no file system matters.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::super::failure::Failure;
use super::super::interrupt::{INTERRUPTED, Interrupt};
use super::super::{find, read};
use super::{Job, Version, one, send};
use crate::engine::{EventPayload, FinishedRun, RunningFunction};
use crate::pipeline;
use crate::project::Function;
use crate::tree::{Difference, Snapshot};

/// The pause between two looks, at least.
const PAUSE: Duration = Duration::from_millis(100);

/// How many times longer than a look the pause after it is: a large tree costs a tenth of a processor, no more.
const PAUSE_FACTOR: u32 = 9;

/// For how long nothing may change before a build begins: a command may write many files.
const QUIET: Duration = Duration::from_millis(60);

/// How many changed files are named.
const NAMED: usize = 3;

/// What is watched.
struct Watch<'a> {
    job: &'a Job<'a>,
    file: PathBuf,
    /// The folder that changes are told relative to.
    root: PathBuf,
    /// The name that the user gave, or that of the only function.
    name: Option<String>,
    /// The function as the definition had it when it could be read last.
    function: Option<Function>,
    seen: Snapshot,
    /// When the change was noticed that is being worked on.
    noticed: Option<Instant>,
    /// Whether a version is up that no failure ends.
    is_up: Rc<Cell<bool>>,
}

pub(super) async fn run(
    job: &Job<'_>,
    name: Option<String>,
    events: &[EventPayload],
) -> Result<ExitCode, Failure> {
    let file = find(job.settings)?;
    let mut interrupt = Interrupt::register()?;
    let mut watch = Watch {
        job,
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
        () = interrupt.wait() => return Ok(ExitCode::from(INTERRUPTED)),
        version = watch.first() => version?,
    };
    let (mut port, mut is_known) = (version.run.port, false);
    loop {
        version.run.port = port;
        let told = job.told(&version);
        let mut sent = 0;
        watch.is_up.set(false);
        let work = async |session: &RunningFunction<'_>| {
            // A free one that was taken stays.
            port = job.port.map(|_| session.port());
            let last = send(session, events, &told, &mut sent).await?;
            told.all(last);
            if port.is_some() {
                told.is_for_others();
                if !is_known {
                    told.is_up(&session.url());
                }
            }
            watch.tell_state(is_known);
            is_known = true;
            watch.is_up.set(true);
            told.subscribers(&told.search(session).await);
            Ok(watch.next_beside(session).await)
        };
        let used = version.engine.run(&version.run, &told.output(), interrupt.wait(), work).await;
        told.end_of_output();
        version = match used {
            Ok(Some(FinishedRun { result: next, .. })) => next,
            Ok(None) => return Ok(ExitCode::SUCCESS),
            Err(error) => {
                told.unsent(events.len() - sent, events.len());
                // What is wrong around the function from the beginning, no change of it mends.
                let may_be_mended = is_known || error.is_functions();
                let failure = Failure::Engine(error);
                if !may_be_mended {
                    return Err(failure);
                }
                watch.is_up.set(false);
                watch.tell(&failure);
                tokio::select! {
                    biased;
                    () = interrupt.wait() => return Ok(ExitCode::SUCCESS),
                    next = watch.next() => next,
                }
            }
        };
    }
}

impl Watch<'_> {
    /// The first version that can be built. What no change of the function's files can mend is a failure.
    async fn first(&mut self) -> Result<Version, Failure> {
        match self.build().await {
            Err(failure) if failure.is_of_files() => {
                self.tell(&failure);
                Ok(self.next().await)
            }
            built => built,
        }
    }

    /// The next version that can be built, once something has changed.
    async fn next(&mut self) -> Version {
        loop {
            self.change().await;
            match self.build().await {
                Ok(version) => return version,
                Err(failure) => self.tell(&failure),
            }
        }
    }

    /// The next version, while another one is up, if it does not end by itself.
    async fn next_beside(&mut self, session: &RunningFunction<'_>) -> Version {
        let (job, is_up) = (self.job, Rc::clone(&self.is_up));
        let mut next = pin!(self.next());
        tokio::select! {
            version = &mut next => version,
            ended = session.exited() => {
                is_up.set(false);
                job.terminal.failure(&Failure::Engine(ended));
                next.await
            }
        }
    }

    /// Builds the function as it is now.
    async fn build(&mut self) -> Result<Version, Failure> {
        // All is looked at before it is read: what changes from here on is another change.
        self.seen = self.look(self.function.clone()).await;
        let definition = self.look(None).await;
        let loaded = read(&self.file, self.job.terminal)?;
        let function = one(&loaded, self.name.clone(), self.job.resolution.arch)?;
        self.root.clone_from(&loaded.project.root);
        self.name = Some(function.name.clone());
        self.function = Some(function.clone());
        self.seen = self.look(Some(function.clone())).await.with(definition);
        Box::pin(self.job.build(&loaded, &function)).await
    }

    /// Waits for a change and its end, and says what it is.
    async fn change(&mut self) {
        loop {
            let begin = Instant::now();
            let mut now = self.look(self.function.clone()).await;
            if now == self.seen {
                tokio::time::sleep(PAUSE.max(begin.elapsed() * PAUSE_FACTOR)).await;
                continue;
            }
            self.noticed = Some(begin);
            loop {
                tokio::time::sleep(QUIET).await;
                let later = self.look(self.function.clone()).await;
                if later == now {
                    break;
                }
                now = later;
            }
            let before = std::mem::replace(&mut self.seen, now);
            let differences = before.differences(&self.seen);
            // Nothing is left of a change that was undone at once.
            if !differences.is_empty() {
                self.job.terminal.status(&changes(&differences, &self.root));
                return;
            }
        }
    }

    async fn look(&self, function: Option<Function>) -> Snapshot {
        let file = self.file.clone();
        let look = tokio::task::spawn_blocking(move || pipeline::snapshot(&file, function.as_ref()));
        // A look that panicked has seen nothing.
        look.await.unwrap_or_default()
    }

    /// Tells of a failure that a change may mend.
    fn tell(&self, failure: &Failure) {
        self.job.terminal.finish();
        self.job.terminal.failure(failure);
        self.job.terminal.status(if self.is_up.get() {
            "the function stays up as it was; waiting for a change"
        } else {
            "waiting for a change"
        });
    }

    /// Tells how long it took from the notice of a change until its effect is seen, or how to end.
    fn tell_state(&self, is_known: bool) {
        if let Some(noticed) = self.noticed {
            let seconds = noticed.elapsed().as_secs_f64();
            self.job.terminal.status(&format!("up to date {seconds:.2} s after it was noticed"));
        }
        if !is_known {
            self.job.terminal.status("watching for changes, until Ctrl-C");
        }
    }
}

/// What has changed, in one line.
fn changes(differences: &[(&Path, Difference)], root: &Path) -> String {
    let name = |(path, difference): &(&Path, Difference)| {
        let path = path.strip_prefix(root).unwrap_or(path).display();
        match difference {
            Difference::Changed => format!("{path}"),
            Difference::New => format!("{path} (new)"),
            Difference::Removed => format!("{path} (removed)"),
        }
    };
    let line =
        format!("changed: {}", differences.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", "));
    match differences.len().saturating_sub(NAMED) {
        0 => line,
        more => format!("{line} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_one_line() {
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
