//! Services for tests.

use std::collections::BTreeMap;
use std::path::Path;

use super::variables::{FileOutcome, Inputs, Resolver, ServiceDocuments, Value};
use crate::definition::document::Document;
use crate::definition::fields::Findings;
use crate::fs::write_atomically;

/// A service, and what decides about its variables.
pub(super) struct Service {
    pub(super) documents: ServiceDocuments,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) stage: Option<&'static str>,
    pub(super) region: Option<&'static str>,
}

impl Service {
    /// One whose definition is this text, as the file `serverless.yml` of a folder.
    pub(super) fn new(folder: &Path, text: &str, read: impl Fn(&Path) -> FileOutcome + 'static) -> Self {
        let definition = Document::parse(&folder.join("serverless.yml"), text.to_owned()).unwrap();
        Self {
            documents: ServiceDocuments::new(definition, read),
            parameters: BTreeMap::new(),
            environment: BTreeMap::new(),
            stage: None,
            region: None,
        }
    }

    /// One whose variables name no files.
    pub(super) fn of(folder: &Path, text: &str) -> Self {
        Self::new(folder, text, |_| Ok(None))
    }

    pub(super) fn resolver(&self) -> Resolver<'_> {
        let inputs = Inputs {
            stage: self.stage,
            region: self.region,
            account: None,
            parameters: &self.parameters,
            environment: &self.environment,
        };
        Resolver::new(&self.documents, inputs)
    }

    pub(super) fn findings(&self) -> Findings {
        Findings::new(self.documents.definition().place())
    }
}

/// The value that keys lead to.
pub(super) fn value_at<'a>(resolver: &Resolver<'a>, keys: &[&str]) -> Value<'a> {
    keys.iter().fold(resolver.root(), |value, key| resolver.get(&value, key).unwrap().unwrap())
}

/// The findings with their places.
pub(super) fn reported(findings: &Findings) -> Vec<String> {
    findings.all.iter().map(|finding| format!("{}: {}", finding.place.path(), finding.message)).collect()
}

/// A folder with these files.
pub(super) fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        crate::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_atomically(&path, content.as_bytes()).unwrap();
    }
    folder
}
