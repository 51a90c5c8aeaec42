//! Architectures, by Lambda's names.

use super::Findings;
use crate::finding::{Code, Finding, Place};
use crate::project::Architecture;

/// The architecture that a text names; the default one, and a finding, if it names none.
pub(in crate::definition) fn read(text: &str, at: &Place, findings: &mut Findings) -> Architecture {
    let known = Architecture::ALL.into_iter().find(|architecture| architecture.name() == text);
    known.unwrap_or_else(|| {
        let message = format!("unknown architecture `{text}`");
        let finding = Finding::error(Code::UnknownValue, at.clone(), message);
        findings.add(finding.help("use `x86_64` or `arm64`"));
        Architecture::default()
    })
}
