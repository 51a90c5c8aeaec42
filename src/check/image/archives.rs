//! The archives of the layers: Lambda reads them more strictly than Docker does (facts 1.2).

use super::{ImageSubject, is_of_function};
use crate::files::LayerFacts;
use crate::finding::{Code, Finding};
use crate::project::ImagePath;
use crate::text::count;

/// The hard links of a layer that Lambda is reported to reject. Those of the system are in AWS's own bases.
pub(super) fn hard_links(layer: &LayerFacts) -> impl Iterator<Item = ImagePath> {
    layer.hard_links.iter().filter_map(|path| path.parse().ok()).filter(is_of_function)
}

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, layer) in (1..).zip(&subject.files.layers) {
        let finding = |code, message: String, help: &'static str| {
            Finding::error(code, subject.place.clone(), format!("layer {number} {message}")).help(help)
        };
        if let (number, Some(first)) = &layer.without_parent {
            findings.push(finding(
                Code::MissingParent,
                format!(
                    "has {} in folders without an entry of their own, such as `{first}`; Lambda rejects that with \
                     `MissingParentDirectory`",
                    count(*number, "path")
                ),
                "run `limg fix`, or add an entry for each folder in front of what is in it, as Docker does",
            ));
        }
        if let (number, Some(first)) = &layer.special {
            findings.push(finding(
                Code::SpecialFile,
                format!(
                    "has {}, such as `{first}`, which is neither a file, a folder nor a link",
                    count(*number, "special file")
                ),
                "run `limg fix`, or leave out devices, pipes and sockets",
            ));
        }
        let links: Vec<ImagePath> = hard_links(layer).collect();
        if let Some(first) = links.first() {
            let message = format!(
                "layer {number} has {}, such as `{first}`, which Lambda is reported to reject",
                count(links.len(), "hard link")
            );
            findings.push(
                Finding::warning(Code::HardLink, subject.place.clone(), message)
                    .about(&links)
                    .help("run `limg fix`, or use copies or symbolic links"),
            );
        }
    }
    findings
}
