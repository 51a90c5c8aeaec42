//! Wrapper scripts: programs that get the runtime's command line and end by executing it (Lambda developer guide,
//! runtimes-modify).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::places::{WRAPPERS, image_path};
use crate::finding::Place;
use crate::project::{Function, ImagePath, RunConfig, Wrapper, WrapperScript};
use crate::runtime::WRAPPER_VARIABLE;
use crate::tree::{Tree, TreeError};

/// A wrapper script in the image, and where the definition names it.
#[derive(Debug, Clone)]
pub(crate) struct PlacedWrapper {
    /// Its path in the image.
    pub path: ImagePath,
    /// The file of this machine that was placed there.
    pub file: Option<PathBuf>,
    /// Where it is named.
    pub place: Place,
    /// Whether the deployed function's configuration names it.
    pub is_configured: bool,
}

/// Adds a wrapper script to the tree of its owner if it is a local file.
///
/// # Errors
/// When the file cannot be looked at, or its name cannot be part of an image path.
pub(crate) fn add_local(tree: &mut Tree, wrapper: Option<&Wrapper>) -> Result<(), TreeError> {
    match wrapper.map(|wrapper| &wrapper.script) {
        Some(WrapperScript::Local(file)) => tree.add_file(file, local_path(file)?),
        Some(WrapperScript::InImage(_)) | None => Ok(()),
    }
}

fn local_path(file: &Path) -> Result<ImagePath, TreeError> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    image_path(&format!("{WRAPPERS}/{name}"))
}

/// All wrappers of a function in the order in which they run: the base's, those of the extensions in their order, the
/// function's own.
pub(super) fn chain(function: &Function, base: &RunConfig) -> Result<Vec<PlacedWrapper>, TreeError> {
    let of_base = base.environment.iter().find(|(name, _)| name == WRAPPER_VARIABLE);
    // A base that names something else than a path is reported by a check.
    let of_base = of_base.and_then(|(_, value)| value.parse().ok()).map(|path| PlacedWrapper {
        path,
        file: None,
        place: function.places.runtime.clone(),
        is_configured: false,
    });
    let of_extensions = function.extensions.iter().filter_map(|extension| extension.wrapper.as_ref());
    let mut wrappers: Vec<PlacedWrapper> = of_base.into_iter().collect();
    for wrapper in of_extensions.chain(&function.wrapper) {
        let (path, file) = match &wrapper.script {
            WrapperScript::InImage(path) => (path.clone(), None),
            WrapperScript::Local(file) => (local_path(file)?, Some(file.clone())),
        };
        let (place, is_configured) = (wrapper.place.clone(), wrapper.is_configured);
        wrappers.push(PlacedWrapper { path, file, place, is_configured });
    }
    // A wrapper that an extension and the function both name runs once: what it changes must not be changed again.
    let mut seen = BTreeSet::new();
    wrappers.retain(|wrapper| seen.insert((wrapper.path.clone(), wrapper.file.clone())));
    Ok(wrappers)
}

/// The value of the image's variable for a chain of wrappers, and the script that it needs if there are several: the variable can
/// name only one, so a script runs the first and passes it the others as the start of its command.
pub(super) fn variable(
    wrappers: &[PlacedWrapper],
    function: &Function,
) -> Result<Option<(ImagePath, Option<String>)>, TreeError> {
    // The configuration of the deployed function overrides the image's variable.
    let wrappers: Vec<_> = wrappers.iter().filter(|wrapper| !wrapper.is_configured).collect();
    Ok(match &wrappers[..] {
        [] => None,
        [one] => Some((one.path.clone(), None)),
        several => {
            let quoted: Vec<_> = several
                .iter()
                .map(|wrapper| format!("'{}'", wrapper.path.as_str().replace('\'', r"'\''")))
                .collect();
            let script = format!("#!/bin/sh\nexec {} \"$@\"\n", quoted.join(" "));
            Some((image_path(&format!("{WRAPPERS}/{}.chain", function.image.name))?, Some(script)))
        }
    })
}
