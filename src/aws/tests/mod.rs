//! AWS's APIs as a fake server plays them.

mod ecr;
mod errors;
mod layer_versions;
mod parameter_store;
mod s3;

use crate::failure::help_text;

/// An error with all its causes and its help.
fn shown(error: &super::AwsError) -> String {
    let causes = crate::text::with_causes(error);
    format!("{causes}; {}", help_text(error))
}
