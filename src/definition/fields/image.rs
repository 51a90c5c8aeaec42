//! Locations of images: in registries, files, directories or a Docker Engine.
//!
//! Whether an image can be read is checked when it is read, not here.

use std::path::Path;

use super::Findings;
use crate::finding::{Code, Finding, Place};
use crate::project::{ImageLocation, ImageLocationError};

/// Reads the location of an image.
pub(in crate::definition) fn location(
    text: &str,
    at: &Place,
    root: &Path,
    findings: &mut Findings,
) -> Option<ImageLocation> {
    let mut bad = |message: String, help: &str| {
        findings.add(Finding::error(Code::BadImage, at.clone(), message).help(help));
        None
    };
    if text.is_empty() || text.contains(char::is_whitespace) {
        return bad(
            format!("`{text}` is not an image location"),
            "write a location such as `oci:./bases/python`, or a registry reference",
        );
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let help = format!("write a registry reference without `{scheme}://`: `{rest}`");
        return bad(format!("`{text}` is not an image location"), &help);
    }
    match text.parse::<ImageLocation>() {
        Err(ImageLocationError::NoPath(_)) => bad(
            format!("`{text}` needs a path after the colon"),
            "write a location such as `oci:./bases/python`",
        ),
        // In a registry reference, a port or a tag follows the colon, never a path.
        Err(_) if text.contains(":/") || text.contains(":.") => bad(
            format!("`{text}` begins with an unknown transport"),
            "use `oci:`, `oci-archive:`, `docker-archive:` or `docker-daemon:`",
        ),
        Err(error @ ImageLocationError::Reference(_)) => bad(
            error.to_string(),
            "write `HOST/REPOSITORY:TAG` in lower case, or `HOST/REPOSITORY@sha256:` and 64 hexadecimal digits",
        ),
        Ok(ImageLocation::DockerDaemon(None)) => {
            bad("`docker-daemon:` requires the name of an image".to_owned(), "write `docker-daemon:NAME:TAG`")
        }
        Ok(location) => Some(location.relative_to(root)),
    }
}
