//! What installed Python packages list of themselves.

use std::collections::BTreeSet;

use crate::project::ImagePath;
use crate::tree::{Node, Tree, TreeError};

/// Far more than the list of files of any package.
const RECORD_LIMIT: usize = 16 * 1024 * 1024;

/// All paths that the `RECORD` files of a tree's Python packages list (Core metadata specifications, "Recording installed
/// projects"), with the folders of their metadata.
///
/// # Errors
/// When a file cannot be read.
pub fn recorded(tree: &Tree) -> Result<BTreeSet<ImagePath>, TreeError> {
    let mut recorded = BTreeSet::new();
    for (path, node) in tree.iter() {
        let Node::File(file) = node else { continue };
        if path.name() != "RECORD" {
            continue;
        }
        let Some(metadata) = path.parent() else { continue };
        let Some(site) = metadata.parent().filter(|_| metadata.name().ends_with(".dist-info")) else {
            continue;
        };
        let text = file.content.head(RECORD_LIMIT)?;
        for line in String::from_utf8_lossy(&text).lines() {
            // `join` rejects paths that climb out of the site's folder, such as those of scripts.
            recorded.extend(site.join(first_field(line)).ok().filter(|path| tree.get(path).is_some()));
        }
        recorded.insert(path.clone());
        recorded.insert(metadata);
    }
    Ok(recorded)
}

/// The first field of a line of comma-separated values. A name that contains a quotation mark is not worth a parser: it
/// counts as not listed.
fn first_field(line: &str) -> &str {
    match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => line.split(',').next().unwrap_or_default(),
    }
}
