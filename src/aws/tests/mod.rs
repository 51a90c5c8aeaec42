//! AWS as seen from a server in this process.

mod ecr;
mod faults;
mod layer;

use std::error::Error;

/// An error with all its causes and its advice, as a user would get it.
fn shown(error: &super::AwsError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    error.help().map_or(text.clone(), |help| format!("{text}; {help}"))
}
