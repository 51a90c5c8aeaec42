//! What made a layer, from the `history` of the image.

use crate::image::{BaseImage, LIMG};

/// The beginnings of the names of limg's layers, and what they contain.
const KINDS: &[(&str, &str)] = &[
    ("layer ", "layer"),
    ("extension ", "extension"),
    ("dependencies of ", "packages"),
    ("dependency ", "packages"),
    ("wrapper of ", "wrapper"),
    ("code of ", "code"),
];

/// The instructions of a Dockerfile that make layers.
const INSTRUCTIONS: &[&str] = &["ADD", "COPY", "RUN", "WORKDIR"];

/// What made a layer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LayerOrigin {
    /// What it is called: limg's name, or else the command that made it.
    pub(super) name: String,
    /// `base` below the layers of limg, which are a `layer`, an `extension`, `packages`, a `wrapper`, `code`, or `limg` for
    /// limg's own programs. In other images the instruction of the Dockerfile, or `other`.
    pub(super) made_by: &'static str,
}

/// What made each layer of an image, the lowest first.
pub(super) fn of_layers(image: &BaseImage) -> Vec<LayerOrigin> {
    let Some(origins) = image.layer_origins() else {
        let name = |number| LayerOrigin { name: format!("layer {number}"), made_by: "other" };
        return (1..=image.layers().len()).map(name).collect();
    };
    let last_of_base = origins.iter().position(|origin| origin.starts_with(LIMG)).unwrap_or_default();
    origins.iter().enumerate().map(|(number, origin)| of(origin, number < last_of_base)).collect()
}

fn of(created_by: &str, is_base: bool) -> LayerOrigin {
    if let Some(name) = created_by.strip_prefix(LIMG) {
        let kind = KINDS.iter().find(|(start, _)| name.starts_with(start));
        return LayerOrigin { name: one_line(name), made_by: kind.map_or("limg", |(_, kind)| kind) };
    }
    let name = command(created_by);
    let instruction = INSTRUCTIONS.iter().find(|it| name.split(' ').next() == Some(**it));
    let made_by = if is_base { "base" } else { instruction.copied().unwrap_or("other") };
    LayerOrigin { name, made_by }
}

/// The instruction in a Dockerfile that stands for a command in a history: Docker's classic builder and `BuildKit` put their
/// own words around it.
fn command(created_by: &str) -> String {
    let text = created_by.strip_suffix("# buildkit").unwrap_or(created_by);
    let text = one_line(text);
    if let Some(instruction) = text.strip_prefix("/bin/sh -c #(nop) ") {
        return instruction.to_owned();
    }
    match text.strip_prefix("RUN ").unwrap_or(&text).strip_prefix("/bin/sh -c ") {
        Some(script) => format!("RUN {script}"),
        None if text.is_empty() => "without a name".to_owned(),
        None => text,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_name_what_made_a_layer() {
        for (created_by, name, made_by) in [
            ("limg: layer utils", "layer utils", "layer"),
            ("limg: dependency numpy of layer science", "dependency numpy of layer science", "packages"),
            ("limg: code of orders", "code of orders", "code"),
            ("limg: launcher", "launcher", "limg"),
            ("/bin/sh -c #(nop) ADD file:12 in / ", "ADD file:12 in /", "ADD"),
            ("RUN /bin/sh -c dnf install\t -y\n jq # buildkit", "RUN dnf install -y jq", "RUN"),
            ("/bin/sh -c dnf clean all", "RUN dnf clean all", "RUN"),
            ("COPY app /app # buildkit", "COPY app /app", "COPY"),
            ("bazel build ...", "bazel build ...", "other"),
            ("", "without a name", "other"),
        ] {
            assert_eq!(of(created_by, false), LayerOrigin { name: name.to_owned(), made_by });
        }
        assert_eq!(of("COPY a b", true).made_by, "base");
    }
}
