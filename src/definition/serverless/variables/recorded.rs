//! The values that `serverless package` has recorded in its state file.
//!
//! The file has the service under one key, with all variables resolved, so that a value has the same address there.

use super::{ServiceDocuments, Value};
use crate::definition::document::Node;
use crate::finding::{Place, Step};

/// The key of the service in the state.
pub(super) const SERVICE: &str = "service";

/// What was recorded for a value of the definition.
pub(super) fn value<'a>(documents: &'a ServiceDocuments, place: &Place) -> Option<Value<'a>> {
    if documents.is_state() || place.file() != documents.definition().file() {
        return None;
    }
    let node =
        place.path().steps().iter().try_fold(service(documents)?, |node, step| match (node, step) {
            (Node::List(items), Step::Index(index)) => items.get(*index),
            (_, Step::Key(key)) => node.entry(key),
            _ => None,
        })?;
    (!node.is_null()).then(|| Value::node(node, place.clone()))
}

/// What was recorded for an entry of a section of the service, such as a function, as if it were at this place.
pub(in crate::definition::serverless) fn entry<'a>(
    documents: &'a ServiceDocuments,
    section: &str,
    name: &str,
    place: &Place,
) -> Option<Value<'a>> {
    let node = service(documents)?.entry(section)?.entry(name)?;
    (!node.is_null()).then(|| Value::node(node, place.clone()))
}

/// The names of the entries of a section that were recorded.
pub(in crate::definition::serverless) fn entries<'a>(
    documents: &'a ServiceDocuments,
    section: &str,
) -> impl Iterator<Item = &'a str> {
    let section = service(documents).and_then(|service| service.entry(section));
    section.map(Node::entries).unwrap_or_default().iter().map(|entry| entry.key.as_str())
}

fn service(documents: &ServiceDocuments) -> Option<&Node> {
    documents.recorded()?.root().entry(SERVICE)
}
