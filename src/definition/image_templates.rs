//! The templates of a definition with functions as images.

use super::cloudformation::{self, ImageTemplate, TemplateChanges};
use super::document::Listed;
use super::error::DefinitionError;
use super::format::Format;
use super::{loaded::Loaded, terraform};

impl Loaded {
    /// The templates of the definition with functions as images, and what is worth knowing about them. For a Terraform plan,
    /// the file of the variable that names the images.
    ///
    /// # Errors
    /// When a template cannot be changed in this way, or the definition is not a template.
    pub(crate) fn image_templates(
        &self,
        changes: &TemplateChanges<'_>,
    ) -> Result<(Vec<ImageTemplate>, Listed), DefinitionError> {
        match self.format {
            Format::CloudFormation => {}
            Format::TerraformPlan => {
                let images = changes.images.iter();
                let images = images.map(|(function, uri)| (function.name.clone(), uri.clone())).collect();
                let text = terraform::variables_file(&images);
                return Ok((vec![ImageTemplate { original: self.file.clone(), text }], Listed::default()));
            }
            _ => return Err(DefinitionError::NotATemplate { file: self.file.clone() }),
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
