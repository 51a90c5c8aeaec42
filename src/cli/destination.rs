//! Where images go: reads `--output` and `--tag`, and checks them before any work is done.

use std::path::Path;

use super::error::CommandError;
use crate::pipeline::Destination;
use crate::project::{ImageLocation, ImageLocationError, OUTPUT_FOLDER, Project, is_tag, split_tag};

/// The name of an image that has none.
const UNNAMED: &str = "image";

/// The destinations that the user named, or the layout next to the definition.
pub(super) fn all(
    outputs: &[String],
    tag: Option<&str>,
    project: &Project,
    functions: usize,
    directory: &Path,
) -> Result<Vec<Destination>, CommandError> {
    if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
        return Err(CommandError::Tag(tag.to_owned()));
    }
    let tag = tag.map(str::to_owned);
    if outputs.is_empty() {
        let location = ImageLocation::Oci(project.root.join(OUTPUT_FOLDER).join("images"), None);
        return Ok(vec![Destination { location, tag }]);
    }
    let one = |text: &String| {
        let location = read(text, tag.is_some(), functions)
            .map_err(|why| CommandError::Destination { text: text.clone(), why })?;
        Ok(Destination { location: location.relative_to(directory), tag: tag.clone() })
    };
    outputs.iter().map(one).collect()
}

/// The destination of one image from elsewhere, which keeps its name unless the user named it.
pub(super) fn of_image(
    output: &str,
    source: &ImageLocation,
    directory: &Path,
) -> Result<Destination, CommandError> {
    let location = read(output, false, 1)
        .map_err(|why| CommandError::Destination { text: output.to_owned(), why })?
        .relative_to(directory);
    let is_docker = matches!(location, ImageLocation::DockerArchive(..) | ImageLocation::DockerDaemon(_));
    let named = match (location.name(), source) {
        (Some(own), _) => own.to_owned(),
        (None, ImageLocation::Registry(reference)) if reference.digest().is_none() => {
            format!("{}:{}", reference.repository().name, reference.version())
        }
        (None, ImageLocation::Registry(reference)) => reference.repository().name.clone(),
        (None, other) => other.name().unwrap_or(UNNAMED).to_owned(),
    };
    let (repository, tag) = split_tag(&named);
    let name = match (is_docker, tag.filter(|tag| is_tag(tag))) {
        (false, _) => named,
        (true, tag) => {
            let repository = if is_repository(repository) { repository } else { UNNAMED };
            format!("{repository}:{}", tag.unwrap_or("latest"))
        }
    };
    Ok(Destination { location: location.with_name(&name), tag: None })
}

/// Reads one destination, or returns why it is not valid.
fn read(text: &str, tagged: bool, functions: usize) -> Result<ImageLocation, String> {
    let unknown = "it is not `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE` or `docker-daemon:`; `limg push` \
                   pushes functions to registries";
    let location: ImageLocation = text.parse().map_err(|error| match error {
        ImageLocationError::NoPath(_) => format!("{error}"),
        ImageLocationError::Reference(_) => unknown.to_owned(),
    })?;
    let (name, is_docker) = match &location {
        ImageLocation::Scratch => return Err("`scratch` is always empty".to_owned()),
        ImageLocation::Registry(_) => return Err(unknown.to_owned()),
        ImageLocation::Oci(_, name) | ImageLocation::OciArchive(_, name) => (name, false),
        ImageLocation::DockerArchive(_, name) | ImageLocation::DockerDaemon(name) => (name, true),
    };
    let Some(name) = name else { return Ok(location) };
    if functions > 1 {
        return Err("the destination names one image, but several functions are built".to_owned());
    }
    let (repository, own_tag) = split_tag(name);
    if is_docker && !(is_repository(repository) && own_tag.is_none_or(is_tag)) {
        return Err(format!(
            "`{name}` is not a valid name in Docker: use lower-case letters and digits, with `.`, `_`, `-` and `/` \
             between them, and a tag after a colon"
        ));
    }
    if !is_docker && name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("`{name}` is not a valid image name"));
    }
    if tagged && (!is_docker || own_tag.is_some()) {
        return Err("the destination already names the image, and `--tag` would name it twice".to_owned());
    }
    Ok(location)
}

/// Whether Docker accepts a text as a repository: words between slashes, after an optional host and port.
fn is_repository(text: &str) -> bool {
    let (host, path) = match text.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, text),
    };
    let is_word = |word: &str| {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        word.starts_with(is_letter)
            && word.ends_with(is_letter)
            && word.chars().all(|c| is_letter(c) || matches!(c, '.' | '_' | '-'))
            && !["..", "._", "_.", "-.", ".-", "_-", "-_", "___"].iter().any(|pair| word.contains(pair))
    };
    let is_host = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c));
    host.is_none_or(is_host) && path.split('/').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_names_follow_dockers_grammar() {
        for good in [
            "a",
            "shop/orders",
            "shop/orders:v1.2-x",
            "localhost:5000/a/b:v1",
            "host.example/a__b/c--d",
            "a:_",
        ] {
            assert!(read(&format!("docker-daemon:{good}"), false, 1).is_ok(), "{good}");
        }
        for bad in [
            "Shop/a",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:b:c",
            "a b",
            "a:-x",
            "a..b",
            "ho st:1/a",
            "localhost:5000/",
            "ä",
        ] {
            assert!(read(&format!("docker-daemon:{bad}"), false, 1).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_image_keeps_its_name_as_far_as_the_destination_can_have_it() {
        for (output, source, expected) in [
            ("oci:out", "oci:in:greet", "oci:/out:greet"),
            ("oci:out:own", "oci:in:greet", "oci:/out:own"),
            ("oci-archive:o.tar", "oci-archive:in.tar", "oci-archive:/o.tar:image"),
            ("oci:out", "registry.example.com/shop/orders:v1", "oci:/out:shop/orders:v1"),
            ("docker-daemon:", "registry.example.com/shop/orders", "docker-daemon:shop/orders:latest"),
            ("docker-daemon:shop/orders", "oci:in:v1", "docker-daemon:shop/orders:latest"),
            ("docker-archive:o.tar", "oci:in:Not Docker's", "docker-archive:/o.tar:image:latest"),
            ("docker-daemon:", "docker-archive:in.tar:a/b:v1", "docker-daemon:a/b:v1"),
        ] {
            let found = of_image(output, &source.parse().unwrap(), "/".as_ref()).unwrap();
            assert_eq!(found.location.to_string(), expected, "{source}");
        }
    }

    #[test]
    fn an_image_has_one_name() {
        assert!(read("oci:out:v1", true, 1).is_err());
        assert!(read("oci:out", true, 2).is_ok());
        assert!(read("oci:out:v1", false, 2).is_err());
        assert!(read("docker-daemon:shop/orders", true, 1).is_ok());
        assert!(read("docker-daemon:shop/orders:v1", true, 1).is_err());
    }
}
