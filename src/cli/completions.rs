//! `limg completions`.

use std::process::ExitCode;

use super::args::CompletionsArguments;
use super::command_line;
use super::render::Terminal;

pub(super) fn run(arguments: &CompletionsArguments, terminal: &Terminal) -> ExitCode {
    let mut command = command_line::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    terminal.print_bytes(&script);
    ExitCode::SUCCESS
}
