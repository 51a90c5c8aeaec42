//! Handlers: what Lambda accepts as one.

use super::Findings;
use crate::finding::{Code, Finding, Place};

/// The length of a handler by Lambda's API (`CreateFunction`, `Handler`: at most 128 characters, none of them white space).
const HANDLER_AT_MOST: usize = 128;

/// Whether Lambda accepts a handler; reports it otherwise.
pub(in crate::definition) fn check(handler: &str, at: &Place, findings: &mut Findings) -> bool {
    let length = handler.chars().count();
    let message = if handler.is_empty() || handler.contains(char::is_whitespace) || handler.contains('\0') {
        format!("a handler must be one word, and `{handler}` is not")
    } else if length > HANDLER_AT_MOST {
        format!("this handler has {length} characters, but Lambda allows {HANDLER_AT_MOST}")
    } else {
        return true;
    };
    let finding = Finding::error(Code::BadHandler, at.clone(), message);
    findings.add(finding.help("write the handler as in Lambda, such as `app.handler`"));
    false
}
