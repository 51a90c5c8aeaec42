//! The wrapper script must be a program, and something must run it (facts 2.4).

use super::{ImageSubject, programs};
use crate::finding::{Code, Finding};
use crate::runtime::WRAPPER_VARIABLE;

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let Some(wrapper) = subject.variable(WRAPPER_VARIABLE).filter(|wrapper| !wrapper.is_empty()) else {
        return Vec::new();
    };
    let name = format!("the wrapper `{wrapper}`, which `{WRAPPER_VARIABLE}` names,");
    if !wrapper.starts_with('/') {
        let message = format!("{name} is not an absolute path");
        return vec![
            Finding::error(Code::BadWrapper, subject.place.clone(), message)
                .about([wrapper])
                .help("write its whole path"),
        ];
    }
    let mut findings = programs::check(subject, wrapper, &name, Code::MissingWrapper);
    let ignores = subject.contract().is_some_and(|contract| !contract.honours_wrapper);
    if ignores && subject.has_entry_script() {
        let message = format!("{name} is not run by the bootstrap of this base");
        findings.push(
            Finding::warning(Code::WrapperIgnored, subject.place.clone(), message)
                .about([wrapper])
                .help("start the wrapper with ENTRYPOINT, in front of the entry script"),
        );
    }
    findings
}
