//! The templates of a definition with functions as images.

use std::path::Path;

use super::cloudformation::{self, ImageTemplate, TemplateChanges};
use super::document::{Document, Listed};
use super::error::DefinitionError;
use super::format::Format;
use super::{loaded::Loaded, terraform};

impl Loaded {
    /// Checks that the definition is a template, or a Terraform plan.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn check_template(&self) -> Result<(), DefinitionError> {
        match self.format {
            Format::CloudFormation | Format::TerraformPlan => Ok(()),
            _ => Err(self.not_a_template()),
        }
    }

    fn not_a_template(&self) -> DefinitionError {
        let is_template = |file: &&Path| file.to_string_lossy().ends_with(".template.json");
        let of_project = |file: &Path| file.strip_prefix(&self.project.root).ok().map(Path::to_owned);
        let template = self.sources.documents.0.iter().map(Document::file).find(is_template);
        DefinitionError::NotATemplate { file: self.file.clone(), template: template.and_then(of_project) }
    }

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
                let file = changes.file_name.as_ref().map(|name| self.file.with_file_name(name));
                return Ok((vec![ImageTemplate { text, file }], Listed::default()));
            }
            _ => return Err(self.not_a_template()),
        }
        match cloudformation::rewrite_templates(&self.sources.documents.0, &self.nested, changes) {
            Ok((templates, notes)) => Ok((templates, self.sources.locate(&notes))),
            Err(findings) => {
                let findings = self.sources.locate(&findings);
                Err(DefinitionError::Findings { file: self.file.clone(), findings })
            }
        }
    }
}
