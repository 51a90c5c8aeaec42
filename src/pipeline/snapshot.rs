//! The state of the files that a function is built from, to notice changes.

use std::path::PathBuf;

use crate::project::{Build, Function, LayerSource, WrapperScript};
use crate::tree::Snapshot;

/// The state of the files of a definition and of all local files that a function is built from, except its base.
#[must_use]
pub(crate) fn snapshot(definition: &[PathBuf], function: Option<&Function>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for file in definition {
        snapshot.add_file(file);
    }
    let Some(function) = function else { return snapshot };
    if let Some(source) = function.code.sources() {
        snapshot.add(source);
    }
    for layer in &function.layers {
        if let LayerSource::Files(source) | LayerSource::Built(Build { source, .. }) = &layer.source {
            snapshot.add(source);
        }
    }
    for source in function.extensions.iter().filter_map(|extension| extension.source.as_ref()) {
        snapshot.add(source);
    }
    let wrappers = function.extensions.iter().map(|extension| &extension.wrapper).chain([&function.wrapper]);
    for wrapper in wrappers.flatten() {
        if let WrapperScript::Local(file) = &wrapper.script {
            snapshot.add_file(file);
        }
    }
    snapshot
}
