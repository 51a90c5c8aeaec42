//! What has been fetched from AWS for a definition. Reading it fetches nothing: a command fetches what is missing, and reads
//! the definition again.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::finding::{RemoteValue, S3Object, StoredParameter};

/// What has been fetched.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Fetched {
    objects: BTreeMap<S3Object, PathBuf>,
    parameters: BTreeMap<StoredParameter, String>,
}

impl Fetched {
    /// Adds an object, whose content is in this file.
    #[cfg_attr(not(any(test, feature = "aws")), expect(dead_code, reason = "only AWS can fetch"))]
    pub(crate) fn add_object(&mut self, object: S3Object, file: PathBuf) {
        self.objects.insert(object, file);
    }

    /// Adds a parameter.
    #[cfg_attr(not(any(test, feature = "aws")), expect(dead_code, reason = "only AWS can fetch"))]
    pub(crate) fn add_parameter(&mut self, parameter: StoredParameter, value: String) {
        self.parameters.insert(parameter, value);
    }

    /// Whether there is nothing left to fetch for this value.
    #[must_use]
    pub(crate) fn has(&self, value: &RemoteValue) -> bool {
        match value {
            RemoteValue::Object(object) => self.objects.contains_key(object),
            RemoteValue::Parameter(parameter) => self.parameters.contains_key(parameter),
        }
    }

    /// The file with the content of an object.
    pub(super) fn object(&self, object: &S3Object) -> Option<&Path> {
        self.objects.get(object).map(PathBuf::as_path)
    }

    /// The value of a parameter.
    pub(super) fn parameter(&self, parameter: &StoredParameter) -> Option<&str> {
        self.parameters.get(parameter).map(String::as_str)
    }

    /// The object whose content is in this file.
    pub(super) fn object_in(&self, file: &Path) -> Option<&S3Object> {
        self.objects.iter().find(|(_, path)| path.as_path() == file).map(|(object, _)| object)
    }
}

impl fmt::Debug for Fetched {
    /// Without the values of parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<_> = self.parameters.keys().collect();
        f.debug_struct("Fetched").field("objects", &self.objects).field("parameters", &parameters).finish()
    }
}
