//! The `checks` list: findings that the user allows.

use std::sync::Arc;

use super::super::format;
use crate::definition::fields::{Findings, source};
use crate::finding::{Allowance, Code, Finding, Place};
use crate::text::nearest;

/// What the list allows. Entries with errors allow nothing.
pub(super) fn validate(written: Option<&[format::Check]>, findings: &mut Findings) -> Arc<[Allowance]> {
    let at = findings.at(&["checks"]);
    let written = written.unwrap_or_default().iter().enumerate();
    written.filter_map(|(position, check)| allowance(check, &at.index(position), findings)).collect()
}

fn allowance(written: &format::Check, at: &Place, findings: &mut Findings) -> Option<Allowance> {
    let format::Check { allow, reason, path } = written;
    let code = Code::ALL.iter().find(|code| code.name() == allow);
    if code.is_none() {
        let message = format!("there are no findings with the code `{allow}`");
        let finding = Finding::error(Code::UnknownValue, at.key("allow"), message);
        let help = match nearest(allow, Code::ALL.iter().map(|code| code.name())) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write the code that stands in brackets after a finding".to_owned(),
        };
        findings.add(finding.help(help));
    }
    if reason.trim().is_empty() {
        let finding = Finding::error(Code::EmptyValue, at.key("reason"), "the reason is empty");
        findings.add(finding.help("say why these findings do no harm"));
    }
    let paths = match path {
        Some(pattern) => Some(source::pattern(pattern, &at.key("path"), findings)?),
        None => None,
    };
    Some(Allowance::new(*code?, reason.clone(), paths, at.clone()))
}
