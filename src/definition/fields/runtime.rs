//! Runtimes: the base that a runtime id stands for, and what an unknown id may mean.

use super::Findings;
use crate::definition::Options;
use crate::finding::{Code, Finding, Place};
use crate::project::Base;
use crate::runtime::{self, Date};
use crate::text::nearest;

/// The base of a runtime of the catalogue, which is named at this place.
pub(in crate::definition) fn base(id: &str, at: &Place) -> Option<Base> {
    runtime::contract(id)?;
    Some(Base {
        name: id.to_owned(),
        place: at.clone(),
        image: None,
        contract: id.to_owned(),
        entrypoint: None,
    })
}

/// The base of a runtime that a definition of another tool names under `key`, or of what the command uses in its place.
pub(in crate::definition) fn replaceable_base(
    written: &str,
    key: &str,
    at: &Place,
    options: &Options,
    findings: &mut Findings,
) -> Option<Base> {
    let id = options.runtimes.get(written).map_or(written, String::as_str);
    let base = base(id, at);
    if base.is_none() {
        let finding = Finding::error(Code::UnknownRuntime, at.clone(), unknown(id));
        findings.add(match runtime::meant(id, options.today).first() {
            Some(meant) => {
                finding.help(format!("use `--runtime {id}={meant}`, or change `{key}` to `{meant}`"))
            }
            None => finding.help(help(id, &[], options.today)),
        });
    }
    base
}

/// Whether a contract is for custom runtimes, which start themselves and need no handler.
pub(in crate::definition) fn is_provided(contract: &str) -> bool {
    contract.starts_with("provided")
}

/// The message about a runtime that is neither in the catalogue nor in `bases`.
pub(in crate::definition) fn unknown(name: &str) -> String {
    if runtime::is_gone(name) {
        format!("Lambda no longer has the runtime `{name}`")
    } else {
        format!("unknown runtime `{name}`")
    }
}

/// What to write instead of an unknown runtime; `bases` are those of the definition.
pub(in crate::definition) fn help(name: &str, bases: &[&str], today: Date) -> String {
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
