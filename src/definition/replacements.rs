//! Applies what a command replaces in any definition: architectures, layer versions and base images.

use super::Options;
use crate::project::{LayerSource, Project, Source, SourceKind};

/// The project with the replacements.
pub(super) fn apply(mut project: Project, options: &Options) -> Project {
    for function in &mut project.functions {
        if let Some(architecture) = options.architecture {
            function.architecture = architecture;
        }
        if let Some(image) = options.bases.get(&function.base.name) {
            function.base.image = Some(image.clone());
        }
        for layer in &mut function.layers {
            if let LayerSource::Version(version) = &layer.source
                && let Some(path) = options.layers.get(&version.arn)
            {
                let kind = if path.is_dir() { SourceKind::Directory } else { SourceKind::Zip };
                layer.source = LayerSource::Files(Source::new(path.clone(), kind));
            }
        }
    }
    project
}
