//! A template with built functions as image functions: the same text, byte for byte but for what changes.
//!
//! ```text
//! document ──template──> functions ──functions, globals──> changes ──layers──> ──rename──> text
//!                                  └──replacement──> what CloudFormation's replacement of them touches
//! ```
//!
//! - `template` finds the functions of a document, and `zip_only` names the properties that image functions must not have.
//! - `functions` changes a function, and `globals` the section whose properties SAM gives to all of them.
//! - `layers` drops layers that no function uses any longer; `rename` gives functions other logical ids.
//! - `references` finds what names a resource; `loops` knows the names that `Fn::ForEach` makes, and `includes` what is in files
//!   that CloudFormation inserts.
//! - `fixed_values` warns of what a template chooses and an image has fixed.
//! - `replacement` warns of what depends on a function that CloudFormation replaces.
//!
//! A nested template is a document of its own, and is rewritten by itself. This part knows the names of properties and how a
//! template refers to resources; it builds nothing, evaluates nothing, and writes no file.

mod fixed_values;
mod functions;
mod globals;
mod includes;
mod layers;
mod loops;
mod references;
mod rename;
mod replacement;
mod template;
mod zip_only;

use crate::definition::document::Document;
use crate::definition::document::edit::{Change, EditError, NewValue};
use crate::finding::{Code, Finding, Place};
use template::Template;

pub(super) use references::references_in;

/// A function that became an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition) struct ImageFunction {
    /// Its logical id in the document.
    pub(in crate::definition) logical_id: String,
    /// The image, by digest: `repository@sha256:…`.
    pub(in crate::definition) image_uri: String,
    /// What `ImageConfig.Command` must be: the handler, where functions share an image. Nothing where the image's own
    /// command is right.
    pub(in crate::definition) command: Option<Vec<String>>,
}

/// How a template is rewritten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::definition) struct RewriteOptions {
    /// Whether layers go that no function uses any longer.
    pub(in crate::definition) prune_layers: bool,
    /// What the logical ids of the functions get at their end.
    pub(in crate::definition) suffix: Option<String>,
    /// Other values that change: new texts by their places.
    pub(in crate::definition) values: Vec<(Place, String)>,
}

/// A rewritten template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition) struct Rewritten {
    /// Its text.
    pub(in crate::definition) text: String,
    /// Warnings, with places in the original document: functions that are left as they are, and what CloudFormation's
    /// replacement of a function touches.
    pub(in crate::definition) notes: Vec<Finding>,
}

/// Rewrites the document of one template.
///
/// # Errors
/// When a function is not what an image function can be made of, or is written in a way that allows no change of it alone.
pub(in crate::definition) fn rewrite(
    document: &Document,
    images: &[ImageFunction],
    options: &RewriteOptions,
) -> Result<Rewritten, Vec<Finding>> {
    let template = Template::new(document);
    let mut notes = Vec::new();
    let converted = template.converted(images, &mut notes)?;
    let mut changes = functions::changes(&converted)?;
    changes.extend(globals::changes(&template, &converted));
    let value = |(place, text): &(Place, String)| Change::Value {
        place: place.clone(),
        value: NewValue::Text(text.clone()),
    };
    changes.extend(options.values.iter().map(value));
    let mut edited = edit(document, &changes)?;
    if options.prune_layers {
        let changes = layers::unused(&template, &converted, &Template::new(&edited), &mut notes);
        edited = edit(&edited, &changes)?;
    }
    if let Some(suffix) = &options.suffix {
        let changes = rename::changes(&Template::new(&edited), &converted, suffix, &mut notes)?;
        edited = edit(&edited, &changes)?;
    }
    notes.extend(fixed_values::notes(&template, &converted));
    notes.extend(replacement::notes(&template, &converted, options.suffix.as_deref()));
    Ok(Rewritten { text: edited.text().to_owned(), notes })
}

fn edit(document: &Document, changes: &[Change]) -> Result<Document, Vec<Finding>> {
    document.edit(changes).map_err(|error| {
        let place = error.place().clone();
        vec![match &error {
            EditError::NotEditable { place: written, why } => {
                let message = format!("limg cannot change `{}`: {why}", written.path());
                Finding::error(Code::UneditableValue, place, message)
                    .help("write the value out where it is used")
            }
            EditError::DuplicateKey { .. } => {
                Finding::error(Code::DuplicateKey, place, error.to_string()).help("remove one of them")
            }
            EditError::Internal { .. } => Finding::error(Code::UneditableValue, place, error.to_string()),
        }]
    })
}

#[cfg(test)]
mod tests;
