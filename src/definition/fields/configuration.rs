//! What the configuration of a deployed function means for its image.

use std::collections::BTreeMap;

use crate::definition::Options;
use crate::finding::Place;
use crate::project::{Base, Wrapper, WrapperScript};
use crate::runtime::{Language, WRAPPER_VARIABLE};

/// Lambda's own defaults for the timeout, in seconds, and the memory size, in MB (Lambda API reference, `CreateFunction`).
pub(in crate::definition) const DEFAULT_TIMEOUT: u32 = 3;
pub(in crate::definition) const DEFAULT_MEMORY: u32 = 128;

/// The wrapper script that a variable of the configuration names.
pub(in crate::definition) fn wrapper(
    configuration: &BTreeMap<String, String>,
    place: &Place,
) -> Option<Wrapper> {
    let path = configuration.get(WRAPPER_VARIABLE)?.parse().ok()?;
    Some(Wrapper { script: WrapperScript::InImage(path), place: place.clone(), is_configured: true })
}

/// Whether the image of a function that publishes snapshots needs a label, since its base does not support them by itself
/// (facts 12.4).
pub(in crate::definition) fn needs_snapstart_label(base: &Base, options: &Options) -> bool {
    let language = Language::of(&base.contract);
    let is_own = !options.bases.contains_key(&base.name);
    !(matches!(language, Some(Language::Java | Language::Python | Language::DotNet)) && is_own)
}
