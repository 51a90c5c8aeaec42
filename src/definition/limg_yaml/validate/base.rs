//! Bases: the image of a function, and the runtime whose contract it keeps.
//!
//! Whether the image can be read is checked when it is read, not here.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::format;
use super::{Findings, name};
use crate::finding::{Code, Finding, Place};
use crate::project::{Base, EntryPoint, ImageLocation, ImageLocationError, ImagePath};
use crate::runtime::{self, Date};
use crate::text::nearest;

/// The runtimes that a function may name.
pub(super) struct Bases<'a> {
    today: Date,
    /// The bases of the definition; `None` for a base with errors.
    defined: BTreeMap<&'a str, Option<Base>>,
}

impl<'a> Bases<'a> {
    /// Validates the bases of a definition.
    pub(super) fn validate(
        written: Option<&'a format::Entries<format::Base>>,
        root: &Path,
        today: Date,
        findings: &mut Findings,
    ) -> Self {
        let mut defined = BTreeMap::new();
        for (key, base) in written.into_iter().flat_map(|entries| &entries.0) {
            let at = findings.at(&["bases", key]);
            name::entry("a base", key, &at, findings);
            let image = image(&base.image, &at.key("image"), root, findings);
            let contract = contract(key, base.contract.as_deref(), &at, today, findings);
            let entrypoint = entrypoint(base.entrypoint.as_deref(), &at.key("entrypoint"), findings);
            let base = image.zip(contract).and_then(|(image, contract)| {
                if image == ImageLocation::Scratch && !is_provided(&contract) {
                    let message = format!("`scratch` is empty and cannot run {contract}");
                    let finding = Finding::error(Code::BadImage, at.key("image"), message);
                    findings.add(finding.help("use a `provided` contract with `scratch`"));
                    return None;
                }
                let place = at.key("image");
                Some(Base { name: key.clone(), place, image: Some(image), contract, entrypoint })
            });
            defined.insert(key.as_str(), base);
        }
        Self { today, defined }
    }

    /// The base that a function's `runtime` names. `None` if there is none, or if it has errors.
    pub(super) fn find(&self, name: &str, at: &Place, findings: &mut Findings) -> Option<Base> {
        if let Some(base) = self.defined.get(name) {
            return base.clone();
        }
        if runtime::contract(name).is_some() {
            return Some(Base {
                name: name.to_owned(),
                place: at.clone(),
                image: None,
                contract: name.to_owned(),
                entrypoint: None,
            });
        }
        let finding = Finding::error(Code::UnknownRuntime, at.clone(), unknown_runtime(name));
        let bases: Vec<&str> = self.defined.keys().copied().collect();
        findings.add(finding.help(runtime_help(name, &bases, self.today)));
        None
    }
}

/// Checks the command that replaces an image's entry point (Lambda developer guide, images-create: its program is named
/// by an absolute path).
fn entrypoint(words: Option<&[String]>, at: &Place, findings: &mut Findings) -> Option<EntryPoint> {
    let words = words?;
    let message = match words.first().map(|word| word.parse::<ImagePath>()) {
        None => "this entry point is empty".to_owned(),
        Some(Err(error)) => format!("the program of an entry point must be a path in the image: {error}"),
        Some(Ok(_)) if words.iter().any(|word| word.contains('\0')) => {
            "this entry point contains a NUL character".to_owned()
        }
        Some(Ok(_)) => return Some(EntryPoint { command: words.to_vec(), place: at.clone() }),
    };
    let finding = Finding::error(Code::BadEntrypoint, at.clone(), message);
    findings.add(finding.help("write a list such as `[/usr/bin/python3, -m, awslambdaric]`"));
    None
}

/// Whether a contract is for custom runtimes, which start themselves and need no handler.
pub(super) fn is_provided(contract: &str) -> bool {
    contract.starts_with("provided")
}

fn contract(
    key: &str,
    written: Option<&str>,
    at: &Place,
    today: Date,
    findings: &mut Findings,
) -> Option<String> {
    let contract = written.unwrap_or(key);
    if runtime::contract(contract).is_some() {
        return Some(contract.to_owned());
    }
    findings.add(if written.is_some() {
        let finding = Finding::error(Code::UnknownContract, at.key("contract"), unknown_runtime(contract));
        finding.help(runtime_help(contract, &[], today))
    } else {
        let message = format!("the base `{key}` does not declare which runtime it provides");
        let finding = Finding::error(Code::MissingContract, at.key("contract"), message);
        finding.help(match runtime::meant(key, today).first() {
            Some(meant) => format!("add `contract: {meant}`, or another runtime id"),
            None => "add `contract:` with a runtime id such as `provided.al2023`".to_owned(),
        })
    });
    None
}

/// The message about a runtime that is neither in the catalogue nor in `bases`.
fn unknown_runtime(name: &str) -> String {
    if runtime::is_gone(name) {
        format!("Lambda no longer has the runtime `{name}`")
    } else {
        format!("unknown runtime `{name}`")
    }
}

/// What to write instead of an unknown runtime; `bases` are those of the definition.
fn runtime_help(name: &str, bases: &[&str], today: Date) -> String {
    if let Some(base) = nearest(name, bases.iter().copied()) {
        return format!("did you mean `{base}`?");
    }
    let in_quotes = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match &runtime::meant(name, today)[..] {
        [] => format!("use one of {}", in_quotes(&[&runtime::ids(), bases].concat()).join(", ")),
        [nearest] if runtime::is_gone(name) => {
            format!("use `{nearest}`, the nearest runtime that AWS supports")
        }
        meant => format!("did you mean {}?", in_quotes(meant).join(" or ")),
    }
}

/// Reads the location of an image.
pub(super) fn image(text: &str, at: &Place, root: &Path, findings: &mut Findings) -> Option<ImageLocation> {
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
