//! `limg man`: a page for limg and for each of its commands, made from the command line's own help.

use std::process::ExitCode;

use clap_mangen::Man;

use super::args::ManArguments;
use super::command_line;
use super::error::CommandError;
use super::render::Terminal;
use crate::fs;

/// What a page names as its origin.
const SOURCE: &str = concat!("limg ", env!("CARGO_PKG_VERSION"));

pub(super) fn run(arguments: &ManArguments, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    // The page of `limg help` would only repeat the names of all others.
    let mut command = command_line::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &arguments.output else {
        terminal.print_bytes(&page(find(command, &arguments.command)?)?.1);
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(folder)?;
    for command in with_subcommands(command) {
        let (name, text) = page(command)?;
        let path = folder.join(name);
        fs::write_atomically(&path, &text)?;
        terminal.status(&format!("wrote {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The command with this name, such as `push ecr`.
fn find(command: clap::Command, words: &[String]) -> Result<clap::Command, CommandError> {
    words.iter().try_fold(command, |command, word| {
        command
            .find_subcommand(word)
            .cloned()
            .ok_or_else(|| CommandError::UnknownCommand { name: words.join(" ") })
    })
}

/// A command, its commands, their commands, and so on.
fn with_subcommands(command: clap::Command) -> Vec<clap::Command> {
    let mut all = vec![command];
    let mut next = 0;
    while let Some(command) = all.get(next) {
        all.extend(command.get_subcommands().cloned().collect::<Vec<_>>());
        next += 1;
    }
    all
}

/// The name of a command's page, such as `limg-push-ecr.1`, and its text.
fn page(command: clap::Command) -> Result<(String, Vec<u8>), CommandError> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let man = Man::new(command.display_name(&name)).manual("limg").source(SOURCE);
    let mut text = Vec::new();
    man.render(&mut text)
        .map_err(|source| CommandError::System { action: "render the manual page", source })?;
    Ok((man.get_filename(), text))
}
