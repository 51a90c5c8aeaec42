//! Folders that are not where Lambda looks, as older descriptions of Lambda have them.

use super::Subject;
use crate::finding::{Code, Finding};
use crate::runtime::Language;
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let merged = &subject.plan.merged;
    let warn = |code, path: &str, what: &str, help: &str| {
        let owner = merged.owner(path).filter(|_| merged.is_directory(path))?;
        let message = format!("{} {what}", owner.name);
        Some(Finding::warning(code, owner.place.clone(), message).about([path]).help(help))
    };
    let is_node = subject.contract.language() == Some(Language::Node);
    let node_modules = is_node.then(|| {
        warn(
            Code::MisplacedNodeModules,
            "/opt/node_modules",
            "has `node_modules` at its root, where Lambda's Node.js runtime does not look",
            "move it to `nodejs/node_modules`; limg adds `/opt/node_modules` to the image's `NODE_PATH` until then",
        )
    });
    let extension = warn(
        Code::MisplacedExtension,
        "/opt/extension",
        "has a folder `extension`, but Lambda starts only files in `/opt/extensions`",
        "rename the folder to `extensions`",
    );
    Ok(node_modules.flatten().into_iter().chain(extension).collect())
}
