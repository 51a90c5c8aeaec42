//! An image must not be larger than Lambda allows, nor its settings (facts 1.3).

use super::ImageSubject;
use crate::finding::{Code, Finding};
use crate::tree::IMAGE_SIZE_LIMIT;
use crate::units;

/// The most bytes of an image's settings.
const SETTINGS_LIMIT: usize = 16 * 1024;

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let ImageSubject { place, files, run, .. } = *subject;
    let mut findings = Vec::new();
    let size = files.size();
    if size > IMAGE_SIZE_LIMIT {
        let message = format!(
            "the layers have {} uncompressed; Lambda allows {}",
            units::size(size),
            units::limit(IMAGE_SIZE_LIMIT)
        );
        findings.push(
            Finding::error(Code::ImageTooLarge, place.clone(), message).help(
                "remove files in the layer that adds them: one that a later layer deletes still counts",
            ),
        );
    }
    let words = run.entrypoint.iter().chain(&run.command).flatten().map(String::len);
    let variables = run.environment.iter().map(|(name, value)| name.len() + 1 + value.len());
    let settings: usize = words.chain(variables).chain(run.working_directory.iter().map(String::len)).sum();
    if settings > SETTINGS_LIMIT {
        let message =
            format!("the settings of the image have {settings} bytes; Lambda allows {SETTINGS_LIMIT}");
        findings.push(
            Finding::warning(Code::LargeSettings, place.clone(), message)
                .help("move large variables into a file of the image"),
        );
    }
    findings
}
