//! Drops blobs from a layout that limg has created: those that no image in it needs any more.
//!
//! Only while no other limg writes to the layout. When in doubt, everything stays.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::DOCUMENT_LIMIT;
use crate::fs;
use crate::store::Digest;

/// The annotation of an index that limg has created, `true`.
const MADE_BY_LIMG: &str = "limg.layout";

/// Whether limg has created the layout with this index.
pub(super) fn is_made_by_limg(index: &Value) -> bool {
    index["annotations"][MADE_BY_LIMG] == "true"
}

/// Marks the index of a layout that limg creates.
pub(super) fn mark(index: &mut Value) {
    index["annotations"] = json!({ MADE_BY_LIMG: "true" });
}

/// Drops the blobs that the index does not lead to. Does nothing if that is not certain; a blob that cannot be removed stays.
pub(super) fn drop_from(blobs: &Path, index: &Value) {
    let Some(needed) = needed(blobs, index) else { return };
    for name in fs::names_in(blobs).unwrap_or_default() {
        let digest = format!("sha256:{name}").parse::<Digest>();
        if digest.is_ok_and(|digest| !needed.contains(digest.as_str())) {
            let _stays = std::fs::remove_file(blobs.join(name));
        }
    }
}

/// The digests that an index and the manifests in it name, however they are nested; none if a manifest cannot be read. A
/// layout need not have all manifests: an index may list those of other architectures.
fn needed(blobs: &Path, index: &Value) -> Option<BTreeSet<String>> {
    let mut needed = BTreeSet::new();
    let mut documents = vec![index.clone()];
    while let Some(document) = documents.pop() {
        for (digest, is_document) in descriptors(&document) {
            let file = blobs.join(digest.strip_prefix("sha256:").unwrap_or_default());
            if needed.insert(digest.to_owned()) && is_document && file.is_file() {
                documents.push(serde_json::from_slice(&fs::read(&file, DOCUMENT_LIMIT).ok()?).ok()?);
            }
        }
    }
    Some(needed)
}

/// The digests of all descriptors in an index or manifest, and whether they are those of further ones.
fn descriptors(document: &Value) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    let mut values = vec![(document, false)];
    while let Some((value, is_document)) = values.pop() {
        match value {
            Value::Array(items) => values.extend(items.iter().map(|item| (item, is_document))),
            Value::Object(fields) => {
                found
                    .extend(fields.get("digest").and_then(Value::as_str).map(|digest| (digest, is_document)));
                values.extend(
                    fields.iter().map(|(name, field)| (field, name == "manifests" || name == "subject")),
                );
            }
            _ => {}
        }
    }
    found
}
