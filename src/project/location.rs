//! Where images are: in registries, files, directories or a Docker Engine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{ImageReference, ImageReferenceError};

/// Where an image is read from or written to, in skopeo's notation (containers-transports(5)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageLocation {
    /// `oci:DIR[:REFERENCE]`: an OCI image layout directory.
    Oci(PathBuf, Option<String>),
    /// `oci-archive:FILE[:REFERENCE]`: a tar of an OCI image layout.
    OciArchive(PathBuf, Option<String>),
    /// `docker-archive:FILE[:NAME]`: what `docker save` writes.
    DockerArchive(PathBuf, Option<String>),
    /// `docker-daemon:[NAME]`: the images of a Docker Engine. A base image requires the name.
    DockerDaemon(Option<String>),
    /// `scratch`: an empty base image.
    Scratch,
    /// Anything else: an image in a registry.
    Registry(ImageReference),
}

impl ImageLocation {
    /// The name of the image in its layout, archive or engine, if the location has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Oci(_, name)
            | Self::OciArchive(_, name)
            | Self::DockerArchive(_, name)
            | Self::DockerDaemon(name) => name.as_deref(),
            Self::Scratch | Self::Registry(_) => None,
        }
    }

    /// The same location with another name of the image, if it is a layout, an archive or an engine.
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        let name = Some(name.to_owned());
        match self {
            Self::Oci(path, _) => Self::Oci(path, name),
            Self::OciArchive(path, _) => Self::OciArchive(path, name),
            Self::DockerArchive(path, _) => Self::DockerArchive(path, name),
            Self::DockerDaemon(_) => Self::DockerDaemon(name),
            Self::Scratch | Self::Registry(_) => self,
        }
    }

    /// The same location, with a relative path resolved against `folder`.
    #[must_use]
    pub fn relative_to(self, folder: &Path) -> Self {
        self.map_path(|path| folder.join(path))
    }

    /// The same location with another path, if it has one.
    #[must_use]
    pub fn map_path(self, change: impl FnOnce(PathBuf) -> PathBuf) -> Self {
        match self {
            Self::Oci(path, reference) => Self::Oci(change(path), reference),
            Self::OciArchive(path, reference) => Self::OciArchive(change(path), reference),
            Self::DockerArchive(path, reference) => Self::DockerArchive(change(path), reference),
            other => other,
        }
    }
}

/// Why a text is not an [`ImageLocation`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageLocationError {
    /// A transport without its path.
    #[error("`{0}:` needs a path after the colon")]
    NoPath(&'static str),
    /// Neither a transport nor a reference.
    #[error(transparent)]
    Reference(#[from] ImageReferenceError),
}

impl FromStr for ImageLocation {
    type Err = ImageLocationError;

    fn from_str(text: &str) -> Result<Self, ImageLocationError> {
        type Constructor = fn(PathBuf, Option<String>) -> ImageLocation;
        let with_path: [(&'static str, Constructor); 3] =
            [("oci", Self::Oci), ("oci-archive", Self::OciArchive), ("docker-archive", Self::DockerArchive)];
        if text == "scratch" {
            return Ok(Self::Scratch);
        }
        if let Some(name) = text.strip_prefix("docker-daemon:") {
            return Ok(Self::DockerDaemon(Some(name.to_owned()).filter(|name| !name.is_empty())));
        }
        for (transport, make) in with_path {
            if let Some(rest) = text.strip_prefix(transport).and_then(|rest| rest.strip_prefix(':')) {
                let (path, reference) = split_reference(rest);
                return if path.is_empty() {
                    Err(ImageLocationError::NoPath(transport))
                } else {
                    Ok(make(PathBuf::from(path), reference.map(str::to_owned)))
                };
            }
        }
        Ok(Self::Registry(text.parse()?))
    }
}

/// Splits `PATH[:REFERENCE]` at the first colon. The colon of a Windows drive (`C:\images`) does not count.
fn split_reference(text: &str) -> (&str, Option<&str>) {
    let bytes = text.as_bytes();
    let drive = bytes.len() > 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
    let from = if drive { 2 } else { 0 };
    match text[from..].find(':') {
        Some(colon) => {
            let (path, reference) = text.split_at(from + colon);
            (path, Some(&reference[1..]).filter(|reference| !reference.is_empty()))
        }
        None => (text, None),
    }
}

/// Splits an image name from its tag, which follows a colon after the last slash. A colon further left belongs to a
/// port.
#[must_use]
pub fn split_tag(name: &str) -> (&str, Option<&str>) {
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[last..].find(':') {
        Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
        None => (name, None),
    }
}

impl fmt::Display for ImageLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path, reference) = match self {
            Self::Oci(path, reference) => ("oci", path, reference),
            Self::OciArchive(path, reference) => ("oci-archive", path, reference),
            Self::DockerArchive(path, reference) => ("docker-archive", path, reference),
            Self::DockerDaemon(name) => {
                return write!(f, "docker-daemon:{}", name.as_deref().unwrap_or_default());
            }
            Self::Scratch => return f.write_str("scratch"),
            Self::Registry(reference) => return reference.fmt(f),
        };
        write!(f, "{transport}:{}", path.display())?;
        reference.as_ref().map_or(Ok(()), |reference| write!(f, ":{reference}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_a_tag() {
        for (name, expected) in [
            ("orders", ("orders", None)),
            ("shop/orders:v1", ("shop/orders", Some("v1"))),
            ("localhost:5000/orders", ("localhost:5000/orders", None)),
            ("localhost:5000/orders:v1", ("localhost:5000/orders", Some("v1"))),
        ] {
            assert_eq!(split_tag(name), expected);
        }
    }

    #[test]
    fn locations_are_parsed_as_skopeo_parses_them() {
        let parse = |text: &str| text.parse::<ImageLocation>().unwrap();
        assert_eq!(parse("oci:a/b"), ImageLocation::Oci("a/b".into(), None));
        assert_eq!(parse("oci:a/b:v1"), ImageLocation::Oci("a/b".into(), Some("v1".into())));
        assert_eq!(
            parse("docker-archive:f.tar:shop/orders:v1"),
            ImageLocation::DockerArchive("f.tar".into(), Some("shop/orders:v1".into()))
        );
        assert_eq!(parse("oci:C:\\images:v1"), ImageLocation::Oci("C:\\images".into(), Some("v1".into())));
        assert_eq!(parse("docker-daemon:"), ImageLocation::DockerDaemon(None));
        assert_eq!(parse("scratch"), ImageLocation::Scratch);
        assert_eq!(
            parse("public.ecr.aws/lambda/python:3.12"),
            ImageLocation::Registry("public.ecr.aws/lambda/python:3.12".parse().unwrap())
        );
        assert!("oci:".parse::<ImageLocation>().is_err());
        for text in ["oci:a/b:v1", "oci-archive:f.tar", "docker-daemon:shop/orders:v1", "scratch", "python:3"]
        {
            assert_eq!(parse(text).to_string(), text);
        }
    }
}
