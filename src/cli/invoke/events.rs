//! The events of an invocation: reads them and sends them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::IgnoredAny;

use super::invocation_report::InvocationReport;
use crate::cli::error::CommandError;
use crate::engine::{EngineError, EventPayload, Invocation, RunningFunction};
use crate::fs::FsError;
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
    let mut events = named.collect::<Result<Vec<_>, _>>()?;
    if events.is_empty() && is_required {
        events.push(payload(b"{}".to_vec())?);
    }
    Ok(events)
}

/// Reads an event: a sample, a file, standard input, or the argument itself.
fn read_one(event: &str, directory: &Path) -> Result<EventPayload, CommandError> {
    if event == "-" {
        let bytes = up_to_limit(std::io::stdin()).map_err(|source| CommandError::System {
            action: "read the event from standard input",
            source,
        })?;
        return json(bytes, "standard input");
    }
    if let Some(name) = event.strip_prefix('@') {
        let sample = sample_event::find(name).ok_or_else(|| CommandError::UnknownEvent(name.to_owned()))?;
        return payload(sample.json.as_bytes().to_vec());
    }
    let file = directory.join(event);
    // Not only regular files: /dev/stdin is a pipe.
    if file.exists() && !file.is_dir() {
        let read = File::open(&file).and_then(up_to_limit);
        let bytes = read.map_err(FsError::because("read", &file))?;
        return json(bytes, event);
    }
    serde_json::from_str::<IgnoredAny>(event)
        .map_err(|source| CommandError::EventArgument { event: event.to_owned(), source })?;
    payload(event.as_bytes().to_vec())
}

/// Reads all bytes, or enough of them to show that they are too many: a device has no end.
fn up_to_limit(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(EventPayload::LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn payload(bytes: Vec<u8>) -> Result<EventPayload, CommandError> {
    EventPayload::new(bytes).map_err(CommandError::Engine)
}

/// Lambda accepts only JSON.
fn json(bytes: Vec<u8>, name: &str) -> Result<EventPayload, CommandError> {
    let parsed = serde_json::from_slice::<IgnoredAny>(&bytes);
    // First the size: what is too large was not read to its end.
    let payload = payload(bytes)?;
    parsed.map_err(|source| CommandError::EventContent { name: name.to_owned(), source })?;
    Ok(payload)
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
        assert_eq!(event.bytes(), sample_event::find("s3-put").unwrap().json.as_bytes());
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
        assert_eq!(read_one("pipe", folder.path()).unwrap().bytes(), b"[1]");
        writer.join().unwrap().unwrap();
        assert!(matches!(read_one(".", folder.path()), Err(CommandError::EventArgument { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_event_without_end_is_too_large() {
        let error = read_one("/dev/zero", Path::new("/")).unwrap_err();
        assert!(matches!(error, CommandError::Engine(EngineError::EventTooLarge { .. })), "{error:?}");
    }

    #[test]
    fn the_largest_event_of_lambda_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (spaces, is_read) in [((6 << 20) - 2, true), ((6 << 20) - 1, false)] {
            std::fs::write(folder.path().join("event.json"), format!("{{}}{}", " ".repeat(spaces))).unwrap();
            assert_eq!(read_one("event.json", folder.path()).is_ok(), is_read, "{spaces}");
        }
    }
}
