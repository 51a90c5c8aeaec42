//! The values that `serverless package` has recorded in its state file.
//!
//! The file has the service under one key, with all variables resolved, so that a value has the same address there.

use super::references::Work;
use super::{ServiceDocuments, Value};
use crate::definition::document::Document;
use crate::finding::{Place, Step};

/// The key of the service in the state.
pub(super) const SERVICE: &str = "service";

/// What was recorded for a value of the definition.
pub(super) fn value<'a>(documents: &'a ServiceDocuments, place: &Place) -> Option<Value<'a>> {
    if documents.is_state() || place.file() != documents.definition().file() {
        return None;
    }
    let steps = place.path().steps().iter();
    let value = steps.fold(service(documents), |value, step| match step {
        Step::Key(key) => value?.step(key),
        Step::Index(index) => value?.step(&index.to_string()),
    })?;
    (!value.is_null()).then(|| value.at(place.clone()))
}

/// What was recorded for an entry of a section of the service, such as a function, as if it were at this place.
pub(in crate::definition::serverless) fn entry<'a>(
    documents: &'a ServiceDocuments,
    section: &str,
    name: &str,
    place: &Place,
) -> Option<Value<'a>> {
    let value = service(documents)?.step(section)?.step(name)?;
    (!value.is_null()).then(|| value.at(place.clone()))
}

/// The names of the entries of a section that were recorded.
pub(in crate::definition::serverless) fn entries<'a>(
    documents: &'a ServiceDocuments,
    section: &str,
) -> Vec<&'a str> {
    let section = service(documents).and_then(|service| service.step(section));
    let entries = section.as_ref().and_then(Value::entries).into_iter().flatten();
    entries.map(|(name, _)| name).collect()
}

/// A text in a state.
pub(in crate::definition::serverless) fn text_in(
    state: &Document,
    work: &Work,
    steps: &[&str],
) -> Option<String> {
    let state = Value::state(state.root(), work, state.place());
    let value = steps.iter().try_fold(state, |value, step| value.step(step))?;
    value.text().map(str::to_owned)
}

fn service(documents: &ServiceDocuments) -> Option<Value<'_>> {
    let state = documents.recorded()?;
    Value::state(state.root(), &documents.work, state.place()).step(SERVICE)
}
