//! Which Node.js an add-on is built for.

use crate::files::NodeInterface;
use crate::project::ImagePath;

/// `NODE_MODULE_VERSION` of each version of Node.js (nodejs/node, `doc/abi_version_registry.json`).
const VERSIONS: [(&str, u32); 11] = [
    ("14", 83),
    ("16", 93),
    ("18", 108),
    ("19", 111),
    ("20", 115),
    ("21", 120),
    ("22", 127),
    ("23", 131),
    ("24", 137),
    ("25", 141),
    ("26", 147),
];

/// The number of a version of Node.js, if limg knows it.
pub(super) fn number(version: &str) -> Option<u32> {
    VERSIONS.iter().find(|(own, _)| *own == version).map(|(_, number)| *number)
}

/// `108` as `Node.js 18`.
pub(super) fn display(number: u32) -> String {
    match VERSIONS.iter().find(|(_, own)| *own == number) {
        Some((version, _)) => format!("Node.js {version}"),
        None => format!("another runtime (`NODE_MODULE_VERSION` {number})"),
    }
}

/// What an add-on says in its names, as the tools that download or build them for several versions write it:
/// `node.abi108.node`, `node-v108-linux-x64`, `napi-v3-linux-x64`.
pub(super) fn interface_in_name(path: &ImagePath) -> Option<NodeInterface> {
    let numbered = |word: &str| {
        word.strip_prefix("abi").or(word.strip_prefix('v')).and_then(|digits| digits.parse().ok())
    };
    path.as_str().rsplit('/').take_while(|name| *name != "node_modules").find_map(|name| {
        let words: Vec<_> = name.split(['.', '-']).collect();
        match words.as_slice() {
            _ if words.contains(&"napi") => Some(NodeInterface::NodeApi),
            ["node", word, ..] => numbered(word).map(NodeInterface::Version),
            [.., word, "node"] if word.starts_with("abi") => numbered(word).map(NodeInterface::Version),
            _ => None,
        }
    })
}
