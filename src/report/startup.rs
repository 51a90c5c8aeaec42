//! What Lambda starts in an image, in this order: extensions, the entry point, the wrapper script, the handler (facts 2.2, 4.1
//! and 5.2). Whether each of them would start is for `check`.

use crate::files::{FileProgram, ImageFiles, IndexEntry};
use crate::plan::EXTENSIONS;
use crate::project::RunConfig;
use crate::runtime::{AWS_ENTRYPOINT, LIMG_ENTRYPOINT, WRAPPER_VARIABLE};
use crate::secret::without_secrets;

/// What Lambda starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Startup {
    /// The external extensions, which it starts first and all at once.
    pub(super) extensions: Vec<Extension>,
    /// What follows, in order.
    pub(super) steps: Vec<Step>,
}

/// A program in the folder of extensions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) path: String,
    /// What kind of program it is, as far as that is known.
    pub(super) what: Option<String>,
}

/// A program, or what it loads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Its part in the start.
    pub(super) part: &'static str,
    /// A command, path or name, without secrets.
    pub(super) text: String,
    /// What is worth knowing about it.
    pub(super) note: &'static str,
}

impl Startup {
    /// What Lambda starts in an image that runs like this and has these files.
    pub(super) fn of(run: &RunConfig, files: &ImageFiles) -> Self {
        Self { extensions: extensions(files), steps: steps(run) }
    }
}

fn extensions(files: &ImageFiles) -> Vec<Extension> {
    let entries = files.index.entries_in(EXTENSIONS);
    let programs = entries.filter(|(_, entry)| !matches!(entry, IndexEntry::Directory { .. }));
    let extension = |path: &str| {
        let content = files.content(path).and_then(|content| content.program.as_ref());
        let what = content.map(|program| match program {
            FileProgram::Elf(Some(machine), _) => format!("binary for {machine}"),
            FileProgram::Elf(None, _) => "binary".to_owned(),
            FileProgram::Script(line) => format!("script for {}", without_secrets(line)),
            FileProgram::DamagedScript(_) => "script with a damaged first line".to_owned(),
            FileProgram::Foreign(system) => format!("binary for {system}"),
        });
        Extension { path: path.to_owned(), what }
    };
    programs.map(|(path, _)| extension(path.as_str())).collect()
}

fn steps(run: &RunConfig) -> Vec<Step> {
    let RunConfig { entrypoint, command, environment, .. } = run;
    let (entrypoint, command) =
        (entrypoint.as_deref().unwrap_or_default(), command.as_deref().unwrap_or_default());
    let is_entry = |script: &str| entrypoint.iter().any(|word| word == script);
    let wrapper = environment.iter().find(|(name, value)| name == WRAPPER_VARIABLE && !value.is_empty());
    let words = |words: &[String]| without_secrets(&words.join(" "));
    let mut steps = Vec::new();
    let mut step = |part, text: String, note| steps.push(Step { part, text, note });
    if entrypoint.is_empty() && command.is_empty() {
        step("Entry point", "none".to_owned(), "the image starts nothing");
        return steps;
    }
    if entrypoint.is_empty() {
        step("Entry point", words(command), "the command, since the image has no entry point");
    } else {
        let note = if command.is_empty() { "" } else { "gets the handler as its last argument" };
        step("Entry point", words(entrypoint), note);
    }
    if let Some((_, wrapper)) = wrapper {
        let note = if is_entry(AWS_ENTRYPOINT) || is_entry(LIMG_ENTRYPOINT) {
            "gets the command of the runtime, and starts it"
        } else {
            "starts the runtime, if the entry point heeds the variable"
        };
        step("Wrapper script", without_secrets(wrapper), note);
    }
    if is_entry(AWS_ENTRYPOINT) {
        step("Runtime", "/var/runtime/bootstrap".to_owned(), "asks Lambda for events");
    }
    if !entrypoint.is_empty() && !command.is_empty() {
        step("Handler", words(command), "what the runtime calls with each event");
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(entrypoint: &[&str], command: &[&str], wrapper: Option<&str>) -> Vec<(&'static str, String)> {
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let run = RunConfig {
            entrypoint: words(entrypoint).filter(|words: &Vec<String>| !words.is_empty()),
            command: words(command).filter(|words: &Vec<String>| !words.is_empty()),
            environment: wrapper
                .map(|path| (WRAPPER_VARIABLE.to_owned(), path.to_owned()))
                .into_iter()
                .collect(),
            ..RunConfig::default()
        };
        steps(&run).into_iter().map(|step| (step.part, step.text)).collect()
    }

    #[test]
    fn the_entry_script_leads_to_wrapper_runtime_and_handler() {
        let started = parts(&[AWS_ENTRYPOINT], &["app.handler"], Some("/opt/wrap"));
        let expected = [
            ("Entry point", "/lambda-entrypoint.sh"),
            ("Wrapper script", "/opt/wrap"),
            ("Runtime", "/var/runtime/bootstrap"),
            ("Handler", "app.handler"),
        ];
        assert_eq!(started, expected.map(|(part, text)| (part, text.to_owned())));
    }

    #[test]
    fn a_command_alone_is_the_entry_point() {
        assert_eq!(parts(&[], &["/main", "-v"], None), [("Entry point", "/main -v".to_owned())]);
        assert_eq!(parts(&[], &[], None), [("Entry point", "none".to_owned())]);
        let secret = parts(&["/main", "--key=AKIAIOSFODNN7EXAMPLE"], &[], None);
        assert_eq!(secret, [("Entry point", "/main --key=***".to_owned())]);
    }
}
