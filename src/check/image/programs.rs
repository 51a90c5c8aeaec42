//! What Lambda starts must be a program that the function's user may run and that the image can load. Several rules share this.

use super::ImageSubject;
use super::libraries;
use crate::check::programs::damaged;
use crate::files::{DeadEnd, FileProgram, Machine};
use crate::finding::{Code, Finding};

/// Checks that a path leads to something that the kernel can execute. `name` names the program in messages, and `missing` is the
/// code if it is not there.
pub(super) fn check(subject: &ImageSubject<'_>, path: &str, name: &str, missing: Code) -> Vec<Finding> {
    faults(subject, path, name, missing).into_iter().map(|finding| finding.about([path])).collect()
}

fn faults(subject: &ImageSubject<'_>, path: &str, name: &str, missing: Code) -> Vec<Finding> {
    let error = |code, message: String, help: &str| {
        vec![Finding::error(code, subject.place.clone(), message).help(help.to_owned())]
    };
    let target = match subject.resolve(path) {
        Ok(target) => target,
        Err(DeadEnd::At(end)) if end == path => {
            return error(
                missing,
                format!("{name} is not in the image"),
                "add the program, or correct the path",
            );
        }
        Err(DeadEnd::At(end)) => {
            return error(
                missing,
                format!("{name} leads to `{end}`, which is not in the image"),
                "correct the link",
            );
        }
        Err(DeadEnd::Loop | DeadEnd::Root) => {
            return error(missing, format!("{name} does not lead to a file"), "correct the link");
        }
    };
    if target.is_directory {
        return error(Code::NotAProgram, format!("{name} is a directory"), "name a program");
    }
    if target.mode & 0o111 == 0 {
        return error(
            Code::NotAProgram,
            format!("{name} is not executable"),
            "run `limg fix`, or `chmod 755` on it before it is added",
        );
    }
    if target.mode & 0o001 == 0 {
        let message = format!(
            "{name} is executable for its owner only (mode {:04o}), and Lambda runs it as another user",
            target.mode
        );
        return error(Code::ClosedPath, message, "run `limg fix`, or `chmod 755` on it before it is added");
    }
    // What is not known is not judged.
    let Some(content) = subject.files.content(&target.path) else { return Vec::new() };
    match &content.program {
        Some(FileProgram::Script(line)) => interpreter(subject, name, line),
        Some(FileProgram::DamagedScript(fault)) => {
            let (why, help) = damaged(*fault);
            error(Code::NotAProgram, format!("{name} {why}"), help)
        }
        Some(FileProgram::Foreign(built_for)) => {
            let message = format!(
                "{name} is built for {built_for}, but the function runs on Linux on {}",
                subject.architecture
            );
            error(Code::WrongArchitecture, message, "build it for Linux")
        }
        Some(FileProgram::Elf(Some(machine), _)) if !fits(*machine, subject) => {
            let message =
                format!("{name} is built for {machine}, but the image is for {}", subject.architecture);
            error(Code::WrongArchitecture, message, "build it for the architecture of the image")
        }
        Some(FileProgram::Elf(_, Some(facts))) => {
            if let Some(loader) = facts.interpreter.as_deref().filter(|loader| !subject.is_file(loader)) {
                let message = format!("{name} needs the loader `{loader}`, which the image does not have");
                let help = if loader.contains("musl") {
                    "build it on a system with glibc, or as a static program"
                } else {
                    "build it as a static program, or use a base with the C library that it was built for"
                };
                return error(Code::MissingInterpreter, message, help);
            }
            libraries::of_file(subject, &target.path, facts)
        }
        Some(FileProgram::Elf(..)) => Vec::new(),
        None => {
            let message = format!(
                "{name} is not a program: it is neither an ELF binary nor a script that begins with `#!`"
            );
            error(Code::NotAProgram, message, "start a script with a line such as `#!/bin/sh`")
        }
    }
}

fn fits(machine: Machine, subject: &ImageSubject<'_>) -> bool {
    machine.fits(subject.architecture)
}

/// The interpreter in a script's first line must be in the image, and what `env` starts must be in its PATH.
fn interpreter(subject: &ImageSubject<'_>, name: &str, line: &str) -> Vec<Finding> {
    let mut words = line.split_whitespace();
    let Some(program) = words.next() else { return Vec::new() };
    let error = |message: String| {
        let help = "add the interpreter to the image, or name another one in the first line of the script";
        vec![Finding::error(Code::MissingInterpreter, subject.place.clone(), message).help(help)]
    };
    if !subject.is_file(program) {
        return error(format!("{name} needs the interpreter `{program}`, which the image does not have"));
    }
    let is_env = program.ends_with("/env");
    let Some(started) = words.find(|word| !word.starts_with('-') && !word.contains('=')).filter(|_| is_env)
    else {
        return Vec::new();
    };
    // Without a PATH, a shell uses its own.
    let folders = subject.variable("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin");
    let is_found = started.contains('/')
        || folders.split(':').any(|folder| subject.is_file(&format!("{folder}/{started}")));
    if is_found {
        Vec::new()
    } else {
        error(format!("{name} needs `{started}`, which is in no folder of PATH"))
    }
}
