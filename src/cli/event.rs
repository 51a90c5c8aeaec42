//! `limg event`.

use std::process::ExitCode;

use serde::Serialize;

use super::args::EventArguments;
use super::render::Terminal;
use crate::sample_event::{self, SampleEvent};

pub(super) fn run(arguments: &EventArguments, terminal: &Terminal) -> ExitCode {
    // The command line accepts no other names.
    match arguments.name.as_deref().and_then(sample_event::find) {
        Some(sample) => terminal.print_bytes(sample.json.as_bytes()),
        None => list(terminal),
    }
    ExitCode::SUCCESS
}

/// Prints the names and descriptions of all samples.
fn list(terminal: &Terminal) {
    let samples = sample_event::ALL.iter();
    let listed = samples.map(|&SampleEvent { name, description, .. }| ListedSample { name, description });
    let listed: Vec<ListedSample> = listed.collect();
    let width = sample_event::names().map(str::len).max().unwrap_or_default();
    let line = |ListedSample { name, description }: &ListedSample| format!("{name:<width$}  {description}");
    terminal.print(&listed, || listed.iter().map(line));
}

#[derive(Serialize)]
struct ListedSample {
    name: &'static str,
    description: &'static str,
}
