//! The templates of a definition with functions as images.

use super::cloudformation::{self, ImageTemplate, TemplateChanges};
use super::document::Listed;
use super::error::DefinitionError;
use super::format::Format;
use super::loaded::Loaded;

impl Loaded {
    /// The templates of the definition with functions as images, and what is worth knowing about them.
    ///
    /// # Errors
    /// When a template cannot be changed in this way, or the definition is not a template.
    pub(crate) fn image_templates(
        &self,
        changes: &TemplateChanges<'_>,
    ) -> Result<(Vec<ImageTemplate>, Listed), DefinitionError> {
        if self.format != Format::CloudFormation {
            return Err(DefinitionError::NotATemplate { file: self.file.clone() });
        }
        match cloudformation::rewrite_templates(&self.sources.documents.0, changes) {
            Ok((templates, notes)) => Ok((templates, self.sources.locate(&notes))),
            Err(findings) => {
                let findings = self.sources.locate(&findings);
                Err(DefinitionError::Findings { file: self.file.clone(), findings })
            }
        }
    }
}
