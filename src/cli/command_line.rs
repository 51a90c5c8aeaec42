//! Parses the arguments: gives each command the options that mean something for it.
//!
//! Options such as `--file` may stand before or after the command. clap would hand them down to every command; here only
//! those commands get them that use them, and the others reject them.

use std::ffi::OsString;

use clap::builder::{PossibleValuesParser, TypedValueParser as _, ValueParser};
use clap::error::ErrorKind;
use clap::{Arg, CommandFactory as _, FromArgMatches as _, ValueEnum as _};

use super::args::{Arguments, Format};

/// The options of commands that read a definition.
const OF_DEFINITION: [&str; 2] = ["file", "ca_file"];
/// The option some of whose values are for some commands.
const FORMAT: &str = "format";

/// The whole command line.
pub(super) fn command() -> clap::Command {
    let mut command = Arguments::command();
    let option = |id: &str| command.get_arguments().find(|option| option.get_id() == id).cloned();
    let of_definition: Vec<Arg> = OF_DEFINITION.iter().filter_map(|id| option(id)).collect();
    let format = option(FORMAT);
    for id in OF_DEFINITION {
        // It may still stand before the command, but is no longer handed down to all commands.
        command = command.mut_arg(id, |option| option.global(false));
    }
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names {
        let own = if reads_definition(&name) { of_definition.as_slice() } else { &[] };
        let format = format.clone().map(|option| option.value_parser(formats_of(&name)));
        command = command.mut_subcommand(name, |command| command.args(own).args(format));
    }
    command
}

/// Parses the arguments of the process, with the name of the program.
pub(super) fn parse(words: &[OsString]) -> Result<Arguments, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(words)?;
    let arguments = Arguments::from_arg_matches(&matches)?;
    let name = matches.subcommand_name().unwrap_or_default();
    let unused = match arguments {
        Arguments { file: Some(_), .. } if !reads_definition(name) => "--file",
        Arguments { ca_file: Some(_), .. } if !reads_definition(name) => "--ca-file",
        Arguments { format, .. } if !has_format(name, format) => match format {
            Format::Refs => "--format refs",
            Format::Sarif => "--format sarif",
            Format::Github => "--format github",
            Format::Junit => "--format junit",
            Format::Human | Format::Json => return Ok(arguments),
        },
        _ => return Ok(arguments),
    };
    let message = format!("`{unused}` does not apply to `limg {name}`");
    Err(command.error(ErrorKind::ArgumentConflict, message))
}

fn reads_definition(command: &str) -> bool {
    matches!(
        command,
        "build" | "push" | "plan" | "invoke" | "update" | "functions" | "template" | "migrate" | "check"
    )
}

/// Whether a command has results in a format.
fn has_format(command: &str, format: Format) -> bool {
    match format {
        Format::Human | Format::Json => true,
        Format::Refs => matches!(command, "build" | "push"),
        Format::Sarif | Format::Github | Format::Junit => command == "check",
    }
}

fn formats_of(command: &str) -> ValueParser {
    let own = Format::value_variants().iter().filter(|format| has_format(command, **format));
    let values: Vec<_> = own.filter_map(Format::to_possible_value).collect();
    PossibleValuesParser::new(values).try_map(|word| Format::from_str(&word, false)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` with each command and its name, as a user types it.
    fn for_each_command(command: &clap::Command, name: &str, visit: &mut impl FnMut(&str, &clap::Command)) {
        visit(name, command);
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            for_each_command(inner, &format!("{name} {}", inner.get_name()), visit);
        }
    }

    fn built() -> clap::Command {
        let mut command = command();
        command.build();
        command
    }

    fn options(command: &clap::Command) -> Vec<&str> {
        command.get_arguments().filter_map(Arg::get_long).collect()
    }

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        command().debug_assert();
    }

    #[test]
    fn every_option_has_a_heading() {
        let mut seen = 0;
        for_each_command(&built(), "limg", &mut |name, command| {
            for argument in command.get_arguments() {
                let heading = argument.get_help_heading();
                assert!(heading.is_some(), "`{name}`: {argument} has no heading");
                assert_eq!(heading == Some("Arguments"), argument.is_positional(), "`{name}`: {argument}");
                seen += 1;
            }
        });
        assert!(seen > 100);
    }

    #[test]
    fn options_are_shown_only_where_they_mean_something() {
        let mut seen = 0;
        for_each_command(&built(), "limg", &mut |name, command| {
            let first = name.split(' ').nth(1);
            let of_definition = first.is_none_or(reads_definition);
            for option in ["file", "ca-file"] {
                assert_eq!(options(command).contains(&option), of_definition, "`{name}`: --{option}");
            }
            let format = command.get_arguments().find(|option| option.get_id() == FORMAT).unwrap();
            let formats: Vec<_> = format.get_possible_values();
            for (word, format) in [("refs", Format::Refs), ("sarif", Format::Sarif)] {
                let has = formats.iter().any(|value| value.matches(word, false));
                assert_eq!(has, first.is_none_or(|name| has_format(name, format)), "`{name}`: {word}");
            }
            seen += 1;
        });
        assert!(seen > 15);
    }

    #[test]
    fn an_option_may_stand_before_the_command_that_has_it() {
        let arguments = parsed("limg -f shop.yaml --format refs build").unwrap();
        assert_eq!(arguments.file.unwrap(), std::path::Path::new("shop.yaml"));
        assert_eq!(arguments.format, Format::Refs);
        assert_eq!(parsed("limg -f a build -f b").unwrap().file.unwrap(), std::path::Path::new("b"));
        assert_eq!(parsed("limg push registry x/y -f b").unwrap().file.unwrap(), std::path::Path::new("b"));
        assert_eq!(parsed("limg --format json event").unwrap().format, Format::Json);
        assert_eq!(parsed("limg build --format json").unwrap().format, Format::Json);
    }

    #[test]
    fn an_option_that_means_nothing_for_a_command_is_rejected() {
        for (line, message) in [
            ("limg -f a init", "error: `--file` does not apply to `limg init`"),
            ("limg init -f a", "error: unexpected argument '-f' found"),
            ("limg --ca-file a cache prune", "error: `--ca-file` does not apply to `limg cache`"),
            ("limg --format refs invoke", "error: `--format refs` does not apply to `limg invoke`"),
            ("limg invoke --format refs", "error: invalid value 'refs' for '--format <FORMAT>'"),
        ] {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.render().to_string().lines().next(), Some(message), "{line}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn every_command_shows_examples_that_parse() {
        let mut seen = 0;
        for_each_command(&built(), "limg", &mut |name, command| {
            let help = command.get_after_long_help().or(command.get_after_help());
            let help = help.map(ToString::to_string).unwrap_or_default();
            let (_, examples) = help.split_once("Examples:\n").unwrap_or_default();
            assert!(examples.lines().all(|line| line.starts_with("  ")), "`{name}`: {examples:?}");
            let mut own = 0;
            for line in examples.lines().filter_map(|line| line.split_once("limg ")) {
                let words = line.1.split([')', '|', '>', '#']).next().unwrap_or_default().trim();
                let error = parsed(&format!("limg {words}")).err();
                let is_good = error.as_ref().is_none_or(|error| error.kind() == ErrorKind::DisplayHelp);
                assert!(is_good, "`{name}`: {words}: {error:?}");
                own += 1;
            }
            assert!(own > 0, "`{name}` has no examples");
            seen += own;
        });
        assert!(seen > 30);
    }
}
