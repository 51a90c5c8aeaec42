//! Functions of which no image can be built.

use crate::finding::{Finding, Place, RemoteValue};

/// Why limg leaves alone what is an image function in its definition.
pub(super) const IS_IMAGE: &str = "it is an image function already: its own build makes it";

/// A function of which no image can be built.
#[derive(Debug, Clone)]
pub(crate) struct Unbuildable {
    /// Its name in the definition.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// Its runtime, as far as that is known.
    pub runtime: Option<String>,
    /// Why there is no image of it.
    pub why: WhyUnbuildable,
}

/// Why no image of a function can be built.
#[derive(Debug, Clone)]
pub(crate) enum WhyUnbuildable {
    /// limg leaves it alone, for a reason that is a clause such as `it is an image function`.
    LeftAlone(String),
    /// It is a nested stack whose template is in AWS, where limg fetches it on request only.
    Remote(RemoteValue),
    /// It has errors.
    Errors(Vec<Finding>),
}

impl Unbuildable {
    /// What is wrong with it; nothing if limg leaves it alone.
    pub(crate) fn errors(&self) -> &[Finding] {
        match &self.why {
            WhyUnbuildable::LeftAlone(_) | WhyUnbuildable::Remote(_) => &[],
            WhyUnbuildable::Errors(findings) => findings,
        }
    }

    /// Why limg leaves it alone, as a clause.
    pub(crate) fn why_left_alone(&self) -> Option<String> {
        match &self.why {
            WhyUnbuildable::LeftAlone(why) => Some(why.clone()),
            WhyUnbuildable::Remote(RemoteValue::Object(object)) => {
                Some(format!("its template is in S3 as {object}; use `--fetch` to download it"))
            }
            WhyUnbuildable::Remote(RemoteValue::Parameter(parameter)) => Some(format!(
                "Parameter Store has the address of its template as `{}`; use `--fetch` to read it",
                parameter.name()
            )),
            WhyUnbuildable::Errors(_) => None,
        }
    }

    /// The same with its name.
    pub(crate) fn reason_to_leave(&self) -> Option<String> {
        Some(format!("`{}`, since {}", self.name, self.why_left_alone()?))
    }

    /// What it lacks that can be fetched from AWS.
    pub(super) fn remote(&self) -> Vec<&RemoteValue> {
        match &self.why {
            WhyUnbuildable::LeftAlone(_) => Vec::new(),
            WhyUnbuildable::Remote(template) => vec![template],
            WhyUnbuildable::Errors(findings) => {
                findings.iter().filter_map(|finding| finding.remote.as_ref()).collect()
            }
        }
    }
}
