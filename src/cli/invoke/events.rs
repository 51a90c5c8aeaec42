//! The events of an invocation: reads them and sends them.

use std::io::Read as _;
use std::path::Path;

use serde::de::IgnoredAny;

use super::invocation_report::InvocationReport;
use crate::cli::error::CommandError;
use crate::engine::{EngineError, EventPayload, Invocation, RunningFunction};
use crate::fs;
use crate::sample_event;

/// Reads the events. If none is named, there is an empty one, unless none is required.
pub(super) fn read(
    events: &[String],
    is_required: bool,
    directory: &Path,
) -> Result<Vec<EventPayload>, CommandError> {
    if events.iter().filter(|event| *event == "-").count() > 1 {
        return Err(CommandError::SeveralStandardInputs);
    }
    let named = events.iter().map(|event| read_one(event, directory));
    let mut bytes = named.collect::<Result<Vec<_>, _>>()?;
    if bytes.is_empty() && is_required {
        bytes.push(b"{}".to_vec());
    }
    bytes.into_iter().map(EventPayload::new).collect::<Result<_, _>>().map_err(CommandError::Engine)
}

/// Reads an event: a sample, a file, standard input, or the argument itself.
fn read_one(event: &str, directory: &Path) -> Result<Vec<u8>, CommandError> {
    if event == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|source| CommandError::System {
            action: "read the event from standard input",
            source,
        })?;
        return checked(bytes, "standard input");
    }
    if let Some(name) = event.strip_prefix('@') {
        let sample = sample_event::find(name).ok_or_else(|| CommandError::UnknownEvent(name.to_owned()))?;
        return Ok(sample.json.as_bytes().to_vec());
    }
    let file = directory.join(event);
    // Not only regular files: /dev/stdin is a pipe.
    if file.exists() && !file.is_dir() {
        return checked(fs::read(&file)?, event);
    }
    serde_json::from_str::<IgnoredAny>(event)
        .map(|_| event.as_bytes().to_vec())
        .map_err(|source| CommandError::EventArgument { event: event.to_owned(), source })
}

/// Lambda accepts only JSON.
fn checked(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, CommandError> {
    match serde_json::from_slice::<IgnoredAny>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(source) => Err(CommandError::EventContent { name: name.to_owned(), source }),
    }
}

/// Sends one event after the other, even if the function fails. Reports all responses but the last, which it returns.
pub(super) async fn send(
    session: &RunningFunction<'_>,
    events: &[EventPayload],
    report: &InvocationReport<'_>,
    sent: &mut usize,
) -> Result<Option<Invocation>, EngineError> {
    let mut last = None;
    for event in events {
        report.invocation_of_running(last.take());
        *sent += 1;
        last = Some(session.invoke(event).await?);
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_may_be_a_sample() {
        let event = read_one("@s3-put", Path::new("/")).unwrap();
        assert_eq!(event, sample_event::find("s3-put").unwrap().json.as_bytes());
        assert!(
            matches!(read_one("@s3", Path::new("/")), Err(CommandError::UnknownEvent(name)) if name == "s3")
        );
    }

    #[cfg(unix)]
    #[test]
    fn an_event_may_come_through_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = std::thread::spawn(move || std::fs::write(pipe, "[1]"));
        assert_eq!(read_one("pipe", folder.path()).unwrap(), b"[1]");
        writer.join().unwrap().unwrap();
        assert!(matches!(read_one(".", folder.path()), Err(CommandError::EventArgument { .. })));
    }
}
