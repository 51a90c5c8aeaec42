//! What Lambda starts: an absolute path to a program, which is not a link (facts 1.4).

use super::{ImageSubject, programs};
use crate::files::IndexEntry;
use crate::finding::{Code, Finding};

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let place = || subject.place.clone();
    let Some(program) = subject.program() else {
        let message = "the image has neither ENTRYPOINT nor CMD, so Lambda has nothing to start";
        return vec![
            Finding::error(Code::NoEntrypoint, place(), message)
                .help("set ENTRYPOINT to the program that runs the function"),
        ];
    };
    if !program.starts_with('/') {
        let message = format!("the entry point `{program}` is not an absolute path");
        let help = "write the whole path of the program, such as `/usr/local/bin/python`";
        return vec![Finding::error(Code::BadEntrypoint, place(), message).about([program]).help(help)];
    }
    let name = format!("the entry point `{program}`");
    if matches!(subject.files.index.get(program), Some(IndexEntry::Symlink { .. })) {
        let message = format!("{name} is a symbolic link, which Lambda rejects");
        let help = "name the file that it leads to";
        let help =
            subject.resolve(program).map_or(help.to_owned(), |target| format!("{help}: `{}`", target.path));
        return vec![Finding::error(Code::EntryPointLink, place(), message).about([program]).help(help)];
    }
    programs::check(subject, program, &name, Code::MissingEntrypoint)
}
