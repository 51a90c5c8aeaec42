//! The values of a document that look like secrets, which no message shows.

use super::node::Node;
use crate::secret::looks_secret;

/// All values below a key called `variables` that look like secrets.
pub(super) fn values(document: &Node, variables: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(document, variables, false, &mut found);
    found
}

fn collect(node: &Node, variables: &str, is_variable: bool, found: &mut Vec<String>) {
    for entry in node.entries() {
        match &entry.value {
            Node::Scalar(scalar) if is_variable && looks_secret(&entry.key, &scalar.text) => {
                found.push(scalar.text.clone());
            }
            value => collect(value, variables, entry.key == variables, found),
        }
    }
    if let Node::List(items) = node {
        for item in items {
            collect(item, variables, false, found);
        }
    }
}
