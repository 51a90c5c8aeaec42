//! What the entry point gets: Lambda's own entry script takes exactly one argument, the handler (facts 9, row 4).

use super::ImageSubject;
use crate::finding::{Code, Finding};
use crate::runtime::AWS_ENTRYPOINT;

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    if !subject.has_entry_script() {
        return Vec::new();
    }
    let words = subject.run.entrypoint.iter().chain(&subject.run.command).flatten();
    let arguments: Vec<&String> = words.skip_while(|word| *word != AWS_ENTRYPOINT).skip(1).collect();
    let place = || subject.place.clone();
    // A base image has no handler, and a function can get one when it is deployed.
    let finding = match &arguments[..] {
        [handler] if !handler.is_empty() => return Vec::new(),
        [] | [_] => {
            let message = format!("`{AWS_ENTRYPOINT}` requires a handler as its argument, and CMD is empty");
            Finding::warning(Code::NoHandler, place(), message)
                .help("set CMD to the handler, such as `[\"app.handler\"]`, or give the function a command when it is deployed")
        }
        several => {
            let message = format!(
                "`{AWS_ENTRYPOINT}` takes the handler as its only argument, and gets {}",
                several.len()
            );
            Finding::error(Code::WrongArguments, place(), message)
                .help("set CMD to the handler alone, such as `[\"app.handler\"]`")
        }
    };
    vec![finding]
}
