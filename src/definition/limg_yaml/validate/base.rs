//! Bases: the image of a function, and the runtime whose contract it keeps.
//!
//! Whether the image can be read is checked when it is read, not here.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::format;
use crate::definition::fields::{self, Findings, image, name};
use crate::finding::{Code, Finding, Place};
use crate::project::{Base, EntryPoint, ImageLocation, ImagePath};
use crate::runtime::{self, Date};

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
            let image = image::location(&base.image, &at.key("image"), root, findings);
            let contract = contract(key, base.contract.as_deref(), &at, today, findings);
            let entrypoint = entrypoint(base.entrypoint.as_deref(), &at.key("entrypoint"), findings);
            let base = image.zip(contract).and_then(|(image, contract)| {
                if image == ImageLocation::Scratch && !fields::runtime::is_provided(&contract) {
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
        let base = fields::runtime::base(name, at);
        if base.is_none() {
            let finding = Finding::error(Code::UnknownRuntime, at.clone(), fields::runtime::unknown(name));
            let bases: Vec<&str> = self.defined.keys().copied().collect();
            findings.add(finding.help(fields::runtime::help(name, &bases, self.today)));
        }
        base
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
        let finding =
            Finding::error(Code::UnknownContract, at.key("contract"), fields::runtime::unknown(contract));
        finding.help(fields::runtime::help(contract, &[], today))
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
