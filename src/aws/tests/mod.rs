//! AWS as seen from a server in this process.

mod ecr;
mod faults;
mod layer;

use std::error::Error;

/// An error with all its causes and its advice, as a user would get it.
fn shown(error: &super::AwsError) -> String {
    let first: &(dyn Error + 'static) = error;
    let causes = std::iter::successors(Some(first), |error| (*error).source());
    let causes = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    error.help().map_or(causes.clone(), |help| format!("{causes}; {help}"))
}
