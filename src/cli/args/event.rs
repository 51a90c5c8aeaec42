//! `limg event`.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::ARGUMENTS;
use crate::sample_event::{self, SampleEvent};

#[derive(Debug, Args)]
#[command(after_help = "\
Run `limg invoke -e @NAME` to send a sample to a function.

Examples:
  limg event
  limg event sqs > event.json")]
pub(in crate::cli) struct EventArguments {
    /// The sample to print [default: list all]
    #[arg(help_heading = ARGUMENTS, value_name = "NAME", value_parser = sample_events())]
    pub(in crate::cli) name: Option<String>,
}

/// The names and descriptions of all sample events.
fn sample_events() -> PossibleValuesParser {
    let event = |sample: &SampleEvent| PossibleValue::new(sample.name).help(sample.description);
    PossibleValuesParser::new(sample_event::ALL.iter().map(event))
}
