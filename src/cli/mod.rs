//! The command line: arguments, settings, one file for each command, and all printing.
//!
//! A command is thin: it turns its arguments into settings, calls the library, and prints the result. Nothing else in
//! limg prints, reads the environment or decides exit codes.

mod args;
mod build;
mod cache;
mod check;
mod command_line;
mod completions;
mod config_yaml;
mod context;
mod destination;
mod diff;
mod dockerfile;
mod error;
mod event;
mod explain;
mod explain_error;
mod fetch;
mod fetch_error;
mod fix;
mod functions;
mod init;
mod inspect;
mod interrupt;
mod invoke;
mod man;
mod migrate;
mod plan;
mod push;
mod pushed;
mod render;
mod report;
mod selection;
mod settings;
mod shard;
mod template;
mod units;
mod update;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anstream::ColorChoice;

use crate::definition;
use args::{Arguments, Command, Format};
use error::CommandError;
use interrupt::Interrupt;
use render::{Terminal, TerminalOptions};
use settings::{Environment, Settings};

/// How long the program waits at its end for blocking work that a cancelled command has started.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the program with the arguments and the environment of the process.
#[must_use]
pub fn main() -> ExitCode {
    let words = settings::process_arguments();
    let arguments = match command_line::parse(&words) {
        Ok(arguments) => arguments,
        Err(error) => return without_arguments(&error, &words),
    };
    let terminal = Arc::new(Terminal::new(TerminalOptions {
        format: arguments.format,
        quiet: arguments.quiet,
        verbose: arguments.verbose > 0,
        color: arguments.color.into(),
        // The programs of a shell control the terminal.
        raw: matches!(&arguments.command, Command::Invoke(invoke) if invoke.raw || invoke.shell),
    }));
    let result = start(arguments, &terminal).and_then(|code| {
        terminal.take_write_error().map_or(Ok(code), |source| Err(CommandError::WriteResult(source)))
    });
    result.unwrap_or_else(|error| {
        terminal.error(&error);
        ExitCode::from(error.exit_code())
    })
}

/// Prints the help or the version that the user asked for, or what is wrong with the arguments.
fn without_arguments(error: &clap::Error, words: &[OsString]) -> ExitCode {
    if error.use_stderr() && wants_json(words) {
        let text = error.render().to_string();
        let message: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        let message = message.join(" ");
        let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
        let color = ColorChoice::Never;
        Terminal::new(TerminalOptions {
            format: Format::Json,
            quiet: true,
            verbose: false,
            color,
            raw: false,
        })
        .print_usage_error(
            message.trim_start_matches("error: "),
            tip.unwrap_or("run the command with `--help`"),
        );
    } else if error.use_stderr() {
        Terminal::print_styled_error(&error.render().ansi().to_string());
    } else {
        let _closed = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
}

/// Whether arguments that cannot be parsed ask for JSON.
fn wants_json(words: &[OsString]) -> bool {
    words.iter().any(|word| word == "--format=json")
        || words.windows(2).any(|pair| pair == ["--format", "json"])
}

fn start(arguments: Arguments, terminal: &Arc<Terminal>) -> Result<ExitCode, CommandError> {
    let settings = Settings::resolve(&arguments, &Environment::of_process())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| CommandError::System { action: "start the async runtime", source })?;
    let result = runtime.block_on(run(arguments.command, &settings, terminal));
    // Blocking work of a cancelled command may remove what it has written, and nothing more.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    result
}

async fn run(
    command: Command,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let interrupt = Interrupt::register(terminal)?;
    match command {
        Command::Build(arguments) => build::run(arguments, settings, terminal, interrupt).await,
        Command::Push(command) => {
            let push = Box::pin(push::run(command, settings, terminal));
            unless_interrupted(push, interrupt, terminal).await
        }
        Command::Plan(command) => {
            let plan = Box::pin(plan::run(command, settings, terminal));
            unless_interrupted(plan, interrupt, terminal).await
        }
        Command::Update(arguments) => {
            let update = Box::pin(update::run(arguments, settings, terminal));
            unless_interrupted(update, interrupt, terminal).await
        }
        Command::Invoke(arguments) => invoke::run(arguments, settings, terminal, interrupt).await,
        Command::Functions(arguments) => functions::run(&arguments, settings, terminal).await,
        Command::Template(arguments) => template::run(arguments, settings, terminal).await,
        Command::Migrate(arguments) => migrate::run(arguments, settings, terminal).await,
        Command::Check(arguments) => {
            let check = Box::pin(check::run(arguments, settings, terminal));
            unless_interrupted(check, interrupt, terminal).await
        }
        Command::Fix(arguments) => fix::run(arguments, settings, terminal, interrupt).await,
        Command::Diff(arguments) => {
            let diff = Box::pin(diff::run(arguments, settings, terminal));
            unless_interrupted(diff, interrupt, terminal).await
        }
        Command::Inspect(arguments) => {
            let inspect = Box::pin(inspect::run(arguments, settings, terminal));
            unless_interrupted(inspect, interrupt, terminal).await
        }
        Command::Report(arguments) => {
            let report = Box::pin(report::run(arguments, settings, terminal));
            unless_interrupted(report, interrupt, terminal).await
        }
        Command::Dockerfile(arguments) => {
            let dockerfile = Box::pin(dockerfile::run(arguments, settings, terminal));
            unless_interrupted(dockerfile, interrupt, terminal).await
        }
        Command::Explain(arguments) => {
            unless_interrupted(explain::run(arguments, terminal), interrupt, terminal).await
        }
        Command::Event(arguments) => Ok(event::run(&arguments, terminal)),
        Command::Cache(arguments) => cache::run(arguments.command, settings, terminal),
        Command::Init(arguments) => init::run(&arguments, settings, terminal),
        Command::Schema => {
            terminal.print_json(&definition::schema());
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions(arguments) => Ok(completions::run(&arguments, terminal)),
        Command::Man(arguments) => man::run(&arguments, terminal),
    }
}

/// Drops a command that is interrupted, and with it its temporary files: blobs are complete before they get their
/// names, and tags and pins come last.
async fn unless_interrupted(
    command: impl Future<Output = Result<ExitCode, CommandError>>,
    interrupt: Interrupt,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let mut interrupt = interrupt.defer();
    tokio::select! {
        ended = command => ended,
        () = interrupt.wait() => Ok(interrupt.report(terminal)),
    }
}
