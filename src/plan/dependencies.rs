//! Tells a function's dependencies from its own code, so that an edit of the code leaves their layer as it is.

use std::collections::BTreeSet;

use crate::project::ImagePath;
use crate::runtime::TASK_ROOT;
use crate::tree::{Node, Tree, TreeError, source_of_bytecode};

/// Far more than the list of files of any package.
const RECORD_LIMIT: usize = 16 * 1024 * 1024;

/// Moves dependencies out of the code: what lies below a `node_modules`, what a Python package's `RECORD` lists, and the
/// jars of `lib`.
pub(super) fn split_off(code: &mut Tree) -> Result<Tree, TreeError> {
    let recorded = recorded(code)?;
    let jars = format!("{TASK_ROOT}/lib");
    Ok(code.split_off(|path| {
        let names = path.as_str().split('/');
        let is_jar = || {
            path.parent().is_some_and(|folder| folder.as_str() == jars)
                && path.name().rsplit_once('.').is_some_and(|(_, suffix)| suffix == "jar")
        };
        // Bytecode stays with its source, beside which alone it can be told whether it fits.
        let listed = source_of_bytecode(path)
            .map_or_else(|| recorded.contains(path), |source| recorded.contains(&source));
        names.into_iter().any(|name| name == "node_modules") || listed || is_jar()
    }))
}

/// All paths that the `RECORD` files of installed Python packages list (Core metadata specifications, "Recording
/// installed projects"), with the folders of their metadata.
fn recorded(code: &Tree) -> Result<BTreeSet<ImagePath>, TreeError> {
    let mut recorded = BTreeSet::new();
    for (path, node) in code.iter() {
        let Node::File(file) = node else { continue };
        let Some(metadata) = path.parent().filter(|_| path.name() == "RECORD") else { continue };
        let Some(site) = metadata.parent().filter(|_| metadata.name().ends_with(".dist-info")) else {
            continue;
        };
        let text = file.content.head(RECORD_LIMIT)?;
        for line in String::from_utf8_lossy(&text).lines() {
            // A path that climbs out of the site's folder, as scripts' do, is none that `join` takes.
            recorded.extend(site.join(first_field(line)).ok().filter(|path| code.get(path).is_some()));
        }
        recorded.insert(path.clone());
        recorded.insert(metadata);
    }
    Ok(recorded)
}

/// The first field of a line of comma-separated values. A name with a quotation mark in it is not worth a parser: it
/// stays with the code.
fn first_field(line: &str) -> &str {
    match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => line.split(',').next().unwrap_or_default(),
    }
}
