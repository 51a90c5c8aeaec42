//! What Lambda starts must be a program for the function's architecture. Several rules share this.

use super::{Subject, binaries};
use crate::files::{Found, HEAD, Program, ScriptFault, Target, program_libc};
use crate::finding::{Code, Finding, Help, Place, Setting};
use crate::project::{Architecture, ImagePath};
use crate::tree::{FileNode, TreeError};

/// Checks that a path leads to something that the kernel can execute in the function. `name` names the program in the
/// message.
pub(super) fn check(
    subject: &Subject<'_>,
    path: &ImagePath,
    name: &str,
    place: &Place,
) -> Result<Option<Finding>, TreeError> {
    Ok(fault(subject, path, name, place)?.map(|finding| finding.about([path])))
}

fn fault(
    subject: &Subject<'_>,
    path: &ImagePath,
    name: &str,
    place: &Place,
) -> Result<Option<Finding>, TreeError> {
    let (why, help) = match subject.plan.merged.resolve(path) {
        // The base's own programs are its maker's business.
        Some(Found::BaseFile(mode)) if mode & 0o111 != 0 => return Ok(None),
        Some(Found::BaseFile(_)) => ("is not executable", "use another program, or another base image"),
        Some(Found::Directory) => {
            ("is a link to a directory", "link to a file, or move it out of the folder")
        }
        None => ("is a link to a file that does not exist", "link to a file that is in the image"),
        Some(Found::File(file)) => match Program::of(&file.content.head(HEAD)?) {
            Program::Foreign(target) => return Ok(wrong_target(target, subject, name, place)),
            Program::Elf(machine) if file.executable => {
                let wrong =
                    machine.and_then(|machine| wrong_target(Target::Linux(machine), subject, name, place));
                return if wrong.is_none() { wrong_libc(file, subject, name, place) } else { Ok(wrong) };
            }
            Program::Script if file.executable => return Ok(None),
            Program::Elf(_) | Program::Script => ("is not executable", "run `chmod +x` on it"),
            Program::DamagedScript(fault) => damaged(fault),
            Program::Other => (
                "is not a program: it is neither an ELF binary nor a script that begins with `#!`",
                "start a script with a line such as `#!/bin/sh`; keep other files in a folder of their own below `/opt`",
            ),
        },
    };
    Ok(Some(Finding::error(Code::NotAProgram, place.clone(), format!("{name} {why}")).help(help)))
}

/// What is wrong with a script that the kernel cannot start, and what to do.
pub(super) fn damaged(fault: ScriptFault) -> (&'static str, &'static str) {
    match fault {
        ScriptFault::CarriageReturn => (
            "has a first line with a carriage return, so its interpreter would not be found",
            "save it with Unix line endings, for example with `dos2unix`; with a line such as `*.sh text eol=lf` in \
             `.gitattributes`, Git keeps them",
        ),
        ScriptFault::ByteOrderMark => (
            "has a byte order mark before `#!`, so it cannot be executed",
            "save it as UTF-8 without a byte order mark",
        ),
        ScriptFault::Utf16 => {
            ("is saved as UTF-16, so it cannot be executed", "save it as UTF-8 without a byte order mark")
        }
    }
}

fn wrong_target(target: Target, subject: &Subject<'_>, name: &str, place: &Place) -> Option<Finding> {
    let architecture = subject.function.architecture;
    if target.fits(architecture) {
        return None;
    }
    let (but, build) = match target {
        Target::Linux(_) => ("the function's architecture is", "build it for"),
        Target::MacOs(_) | Target::Windows(_) => ("the function runs on Linux on", "build it for Linux on"),
    };
    let message = format!("{name} is built for {target}, but {but} {architecture}");
    let mut help = Help::from(format!("{build} {architecture}"));
    if let Some(other) = Architecture::ALL.into_iter().find(|other| target.fits(*other)) {
        help = help.or(Setting::Architecture(other.name()));
    }
    Some(Finding::error(Code::WrongArchitecture, place.clone(), message).help(help))
}

/// A program cannot be started without the loader of its C library.
fn wrong_libc(
    file: &FileNode,
    subject: &Subject<'_>,
    name: &str,
    place: &Place,
) -> Result<Option<Finding>, TreeError> {
    let own = binaries::libc(subject.plan.merged.base());
    let (Some(libc), Some(own)) = (program_libc(&file.content)?, own) else { return Ok(None) };
    if libc == own {
        return Ok(None);
    }
    let message = format!(
        "{name} is linked to {}, but the base `{}` has {}",
        libc.name(),
        subject.function.base.name,
        own.name()
    );
    let help = format!("build it on a system with {}, or as a static program", own.name());
    Ok(Some(Finding::error(Code::WrongLibc, place.clone(), message).help(help)))
}
