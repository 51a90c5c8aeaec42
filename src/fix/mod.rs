//! Rewrites layers of an image, of any tool, so that Lambda accepts them.
//!
//! What must change is known from [`check`](crate::check): this room only applies it. A layer that needs nothing keeps its bytes.
//! Rewriting goes from tar stream to tar stream: an entry keeps everything that does not have to change, and no layer is held in
//! memory. The result depends on the layers alone. Manifests and configs, and where images are, are the business of others.

mod change;
mod entries;
mod error;
mod rewrite;
mod script;
mod survey;
mod write_entry;

use std::collections::BTreeSet;
use std::io::{Read, Write};

pub(crate) use change::Change;
pub(crate) use error::FixError;

use crate::check::image::LayerCorrections;
use crate::extract;
use crate::files::read_layer;
use crate::image::Layer;
use crate::layer;
use crate::store::Store;
use rewrite::{Below, Rewriter};
use survey::Surveyor;

/// Corrects layers, the lowest first. `mtime` is the time of added folders, in seconds since 1970. Returns all layers, and what was
/// changed in them.
///
/// # Errors
/// When a layer cannot be read or is damaged, or the store cannot be written.
pub(crate) fn fix_layers(
    layers: &[Layer],
    corrections: &[LayerCorrections],
    mtime: u64,
    store: &Store,
) -> Result<(Vec<Layer>, Vec<Change>), FixError> {
    let (mut fixed, mut changes) = (layers.to_vec(), Vec::new());
    let (mut surveyor, mut below) = (Surveyor::default(), Below::default());
    let nothing = LayerCorrections::default();
    let end = corrections.iter().rposition(|wanted| *wanted != nothing).map_or(0, |last| last + 1);
    let all = layers.iter().zip(corrections).zip(&mut fixed).take(end);
    for (number, ((layer, wanted), fixed)) in (1..).zip(all) {
        let survey = surveyor.add(layer, wanted, &below.folders)?;
        if *wanted == nothing {
            below.folders.extend(survey.folders);
        } else {
            let origins: BTreeSet<_> = survey.origins().collect();
            let contents =
                if origins.is_empty() { None } else { Some(extract::pack(layers, &origins, store)?) };
            let failed = |source| FixError::Rewrite { layer: number, source };
            let mut rewriter = Rewriter::new(wanted, &survey, contents.as_ref(), mtime, &mut below);
            let rewritten = layer::of_tar(store, |output: &mut dyn Write| {
                let work = |tar: &mut dyn Read| rewriter.rewrite(tar, output).map_err(failed);
                read_layer(&layer.blob, &layer.digest, &layer.diff_id, work).map(drop)
            })?;
            let done = rewriter.finish();
            // What is left may be beyond correction, and then the bytes stay.
            if !done.is_empty() {
                changes.extend(done.into_changes(number));
                *fixed = rewritten;
            }
        }
    }
    Ok((fixed, changes))
}

#[cfg(test)]
mod tests;
