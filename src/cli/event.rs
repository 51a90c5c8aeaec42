//! `limg event`.

use serde::Serialize;

use super::args::{EventArguments, Format};
use super::render::Terminal;
use super::settings::Settings;
use crate::sample_event::{self, SampleEvent};

pub(super) fn run(arguments: &EventArguments, settings: &Settings, terminal: &Terminal) {
    let EventArguments { name } = arguments;
    // The parser of the command line lets no other names through.
    match (name.as_deref().and_then(sample_event::find), settings.format) {
        (Some(sample), _) => terminal.result_bytes(sample.json.as_bytes()),
        (None, Format::Human) => list(terminal),
        (None, Format::Json) => {
            let entry = |&SampleEvent { name, description, .. }: &SampleEvent| Entry { name, description };
            terminal.json(&sample_event::ALL.iter().map(entry).collect::<Vec<_>>());
        }
    }
}

/// One line an event.
fn list(terminal: &Terminal) {
    let width = sample_event::names().map(str::len).max().unwrap_or_default();
    for SampleEvent { name, description, .. } in sample_event::ALL {
        terminal.result(&format!("{name:<width$}  {description}"));
    }
}

/// What `--format json` prints of each event.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    description: &'static str,
}
