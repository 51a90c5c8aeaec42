//! The text of a Dockerfile.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{ContextLayer, DockerfileError};
use crate::image::BaseImage;

/// The longest name of a folder that is made of a layer's.
const LONGEST_NAME: usize = 40;

/// The base of a Dockerfile.
#[derive(Debug)]
pub(crate) enum From {
    /// An image that Docker can pull, or `scratch`.
    Reference(String),
    /// An image elsewhere: its location, and its digest if it has one. Docker must have it, under a name that is the argument
    /// `BASE`.
    Location(String, Option<String>),
}

/// A Dockerfile.
#[derive(Debug)]
pub(crate) struct Dockerfile {
    comment: String,
    instructions: String,
}

impl Dockerfile {
    /// The one that makes a function's image on a base, with these layers.
    ///
    /// # Errors
    /// When a Dockerfile cannot set a value of the config.
    pub(crate) fn new(
        function: &str,
        from: &From,
        layers: &[ContextLayer],
        base: &BaseImage,
        image: &BaseImage,
    ) -> Result<Self, DockerfileError> {
        Ok(Self {
            comment: comment(function, from, image.architecture().oci_name()),
            instructions: instructions(from, layers, base, image)?,
        })
    }

    /// Its text. A reader of a context with bytecode of Python has to know what that depends on.
    #[must_use]
    pub(crate) fn text(&self, has_bytecode: bool) -> String {
        let mut text = self.comment.clone();
        if has_bytecode {
            text.push_str(
                "#\n# Python's bytecode in them is valid only while the files keep their times. A copy by Git does not keep them.\n",
            );
        }
        text + "\n" + &self.instructions
    }
}

fn comment(function: &str, from: &From, architecture: &str) -> String {
    let build = format!("docker build --platform linux/{architecture} --tag {}", file_name(function));
    let steps = match from {
        From::Reference(_) => format!("#   {build} .\n"),
        From::Location(location, digest) => {
            let digest = digest.as_ref().map(|digest| format!(", {digest}")).unwrap_or_default();
            format!(
                "#   {build} --build-arg BASE=NAME .\n#\n# NAME is that of the base in Docker: {}{digest}.\n",
                one_line(location)
            )
        }
    };
    format!(
        "# Makes the image that limg builds of the function {}:\n#\n{steps}#\n\
         # Each folder in layers/ is a layer of the image, and has the modes, links and times that its files have there.\n",
        one_line(function)
    )
}

fn instructions(
    from: &From,
    layers: &[ContextLayer],
    base: &BaseImage,
    image: &BaseImage,
) -> Result<String, DockerfileError> {
    let mut text = match from {
        From::Reference(reference) => format!("FROM {reference}\n"),
        From::Location(..) => "ARG BASE\nFROM ${BASE}\n".to_owned(),
    };
    for ContextLayer { name, folder, .. } in layers {
        let _infallible = write!(text, "\n# {}\nCOPY {folder}/ /\n", one_line(name));
    }
    let (own, image_run) = (base.run_config(), image.run_config());
    let mut settings = Vec::new();
    for (name, value) in image_run.environment.iter().filter(|variable| !own.environment.contains(variable)) {
        settings.push(format!("ENV {name}={}", quoted(&format!("the variable {name}"), value)?));
    }
    let base_labels = labels(base);
    for (name, value) in labels(image).iter().filter(|(name, value)| base_labels.get(*name) != Some(value)) {
        let what = format!("the label {name}");
        settings.push(format!("LABEL {}={}", quoted(&what, name)?, quoted(&what, value)?));
    }
    if let Some(directory) = image_run.working_directory
        && Some(&directory) != own.working_directory.as_ref()
    {
        settings.push(format!("WORKDIR {}", quoted("the working directory", &directory)?));
    }
    // Setting the entry point clears the command of the base, so both are set.
    if image_run.entrypoint != own.entrypoint || image_run.command != own.command {
        settings.push(format!("ENTRYPOINT {}", words(image_run.entrypoint)));
        settings.push(format!("CMD {}", words(image_run.command)));
    }
    if !settings.is_empty() {
        text += "\n";
    }
    for line in settings {
        text.extend([line.as_str(), "\n"]);
    }
    Ok(text)
}

fn labels(image: &BaseImage) -> BTreeMap<&str, &str> {
    let labels = image.config().get("config").and_then(|config| config.get("Labels")?.as_object());
    let labels = labels.into_iter().flatten();
    labels.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
}

/// Words in JSON, which Docker takes as they are.
fn words(words: Option<Vec<String>>) -> String {
    Value::from(words.unwrap_or_default()).to_string()
}

/// A value in double quotation marks, where `\`, `"` and `$` have a meaning (Dockerfile reference, "Environment replacement").
fn quoted(what: &str, value: &str) -> Result<String, DockerfileError> {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for character in value.chars() {
        if character.is_control() && character != '\t' {
            let character = format!("`{}`", character.escape_default());
            return Err(DockerfileError::Value { what: what.to_owned(), character });
        }
        if matches!(character, '\\' | '"' | '$') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    Ok(quoted)
}

/// A name for a comment, which ends with its line.
fn one_line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ")
}

/// A name of a file or an image that has no character with a meaning of its own.
pub(super) fn file_name(name: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' }
    };
    let name: String = name.chars().map(plain).take(LONGEST_NAME).collect();
    name.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Architecture;

    fn image(config: &Value) -> BaseImage {
        let config = serde_json::json!({ "architecture": "amd64", "os": "linux", "config": config });
        let config = config.to_string();
        BaseImage::without_manifest(config.as_bytes(), Vec::new(), Architecture::X86_64).unwrap()
    }

    fn settings(base: &Value, own: &Value) -> Result<String, String> {
        let from = From::Reference("scratch".to_owned());
        let dockerfile = Dockerfile::new("f", &from, &[], &image(base), &image(own));
        let text = dockerfile.map_err(|error| error.to_string())?.instructions;
        Ok(text.strip_prefix("FROM scratch\n").unwrap().trim_start().to_owned())
    }

    #[test]
    fn only_what_differs_from_the_base_is_set() {
        let base = serde_json::json!({
            "Env": ["PATH=/bin", "A=1"], "Entrypoint": ["/e"], "WorkingDir": "/w", "Labels": { "a": "b" },
        });
        assert_eq!(settings(&base, &base), Ok(String::new()));
        let own = serde_json::json!({
            "Env": ["PATH=/bin", "A=2", "B=\\a \"b\" $c"], "Entrypoint": ["/e"], "Cmd": ["a\n\"b"],
            "WorkingDir": "/my $w", "Labels": { "a": "b", "c d": "e" },
        });
        let expected = "ENV A=\"2\"\nENV B=\"\\\\a \\\"b\\\" \\$c\"\nLABEL \"c d\"=\"e\"\nWORKDIR \"/my \\$w\"\n\
                        ENTRYPOINT [\"/e\"]\nCMD [\"a\\n\\\"b\"]\n";
        assert_eq!(settings(&base, &own).unwrap(), expected);
    }

    #[test]
    fn a_value_with_a_line_break_is_an_error() {
        let error = settings(&serde_json::json!({}), &serde_json::json!({ "Env": ["A=1\n2"] })).unwrap_err();
        assert_eq!(error, "a Dockerfile cannot set the variable A: the value contains `\\n`");
    }

    #[test]
    fn names_from_outside_stay_in_their_comments() {
        let from = From::Location("oci:a\nRUN x".to_owned(), None);
        let image = image(&serde_json::json!({}));
        let text = Dockerfile::new("f\rRUN y", &from, &[], &image, &image).unwrap().text(true);
        let first = text.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(first, Some("ARG BASE"), "{text}");
        assert_eq!(file_name("code of My Função/../x"), "code-of-my-fun-o-x");
    }
}
