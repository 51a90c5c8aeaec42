//! npm, pnpm and Yarn: which one a lock file belongs to, how each is called, and what its errors mean.
//!
//! They install what the lock file pins: for an image nothing for development, for Linux with glibc and the function's
//! architecture; for a build also what is for development, for the machine that builds.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::error::NodeError;
use super::inputs::Inputs;
use super::npm_cache;
use crate::event::Reporter;
use crate::fs;
use crate::install::error::InstallError;
use crate::install::program::{Ended, Program};
use crate::project::PackageListKind;
use crate::text::excerpt;

/// The variables of every call: no colours, no questions, and no scripts in the calls that a tool makes itself.
const VARIABLES: [(&str, &str); 4] = [
    ("COREPACK_ENABLE_DOWNLOAD_PROMPT", "0"),
    ("FORCE_COLOR", "0"),
    ("NO_COLOR", "1"),
    ("npm_config_update_notifier", "false"),
];

/// How many lines of a tool a message has.
const DETAILS: usize = 5;

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Npm,
    Pnpm,
    Yarn,
}

/// The version of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) text: String,
    pub(super) major: u32,
    minor: u32,
}

/// One installation.
pub(super) struct Job<'a> {
    pub(super) tool: Tool,
    pub(super) program: &'a Program,
    pub(super) version: &'a Version,
    pub(super) inputs: &'a Inputs,
    /// The word of Node.js for the function's architecture, or nothing for a build on this machine.
    pub(super) cpu: Option<&'static str>,
    /// Whether install scripts run.
    pub(super) scripts: bool,
    /// The folder with the inputs, where the packages go.
    pub(super) folder: &'a Path,
    pub(super) reporter: &'a dyn Reporter,
}

impl Tool {
    /// The tool that writes and reads such lock files.
    pub(super) fn of(kind: PackageListKind) -> Self {
        match kind {
            PackageListKind::PnpmLock => Self::Pnpm,
            PackageListKind::YarnLock => Self::Yarn,
            _ => Self::Npm,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pnpm => "pnpm",
            Self::Yarn => "yarn",
        }
    }

    /// How to get it.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Npm => "install Node.js, which has npm",
            Self::Pnpm => "run `npm install --global pnpm` or `corepack enable`",
            Self::Yarn => "run `npm install --global yarn` or `corepack enable`",
        }
    }

    /// The command that brings a lock file up to date.
    fn update(self) -> &'static str {
        match self {
            Self::Npm => "npm install --package-lock-only",
            Self::Pnpm => "pnpm install --lockfile-only",
            Self::Yarn => "yarn install",
        }
    }

    /// Whether it has written that manifest and lock file differ.
    fn finds_lock_outdated(self, lines: &[String]) -> bool {
        let markers: &[&str] = match self {
            Self::Npm => &["are in sync"],
            Self::Pnpm => &["ERR_PNPM_OUTDATED_LOCKFILE", "ERR_PNPM_LOCKFILE_CONFIG_MISMATCH"],
            Self::Yarn => &["YN0028", "lockfile needs to be updated"],
        };
        lines.iter().any(|line| markers.iter().any(|marker| line.contains(marker)))
    }

    /// What it has written about its failure: the lines that look like errors, or the last ones.
    fn message(self, ended: &Ended) -> String {
        let is_error = |line: &&str| match self {
            Self::Npm => {
                line.strip_prefix("npm error ").is_some_and(|rest| !rest.starts_with("A complete log"))
            }
            Self::Pnpm => line.contains("ERR_PNPM_") || line.contains(" ERROR "),
            Self::Yarn => line.starts_with("error ") || line.contains("Error: "),
        };
        let lines = || ended.lines.iter().map(|line| line.trim());
        let mut errors: Vec<&str> = lines().filter(is_error).take(DETAILS).collect();
        if errors.is_empty() {
            errors = lines().skip(ended.lines.len().saturating_sub(DETAILS)).collect();
        }
        match &*errors {
            [] => ended.status.to_string(),
            errors => excerpt(&errors.join("; ")),
        }
    }

    /// What differs, as far as it says so.
    fn details(self, lines: &[String]) -> String {
        let detail = |line: &str| -> Option<String> {
            let detail = match self {
                Self::Npm => line
                    .strip_prefix("npm error ")
                    .or(line.strip_prefix("npm ERR! "))
                    .filter(|rest| rest.starts_with("Missing:") || rest.starts_with("Invalid:"))?,
                Self::Pnpm => line.strip_prefix("* ")?,
                Self::Yarn => line.split_once("YN0028: │ ")?.1.strip_prefix(['+', '-'])?,
            };
            Some(detail.trim().to_owned()).filter(|detail| !detail.is_empty())
        };
        let details: Vec<String> = lines.iter().filter_map(|line| detail(line)).take(DETAILS).collect();
        if details.is_empty() { String::new() } else { format!(": {}", excerpt(&details.join(", "))) }
    }
}

impl Version {
    /// Reads the output of `--version`.
    pub(super) fn parse(output: &str) -> Option<Self> {
        let text = output.lines().last()?.trim();
        let mut numbers = text.split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Some(Self { text: text.to_owned(), major, minor }),
            _ => None,
        }
    }

    fn is_at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

/// The version that runs in a folder, whose settings may name one.
///
/// # Errors
/// When the program fails, or writes none.
pub(super) fn version(
    program: &Program,
    folder: &Path,
    reporter: &dyn Reporter,
) -> Result<Version, InstallError> {
    let output = program.run(&["--version"], &VARIABLES, folder, reporter)?;
    Version::parse(&output).ok_or_else(|| InstallError::Lock {
        what: "the output of `--version`".to_owned(),
        why: excerpt(&output),
    })
}

impl Job<'_> {
    /// Installs the packages into `node_modules` of the folder.
    ///
    /// # Errors
    /// When the tool does not fit the lock file, or fails.
    pub(super) fn run(&self) -> Result<(), InstallError> {
        match self.tool {
            Tool::Npm => self.npm(),
            Tool::Pnpm => self.pnpm(),
            Tool::Yarn => self.yarn(),
        }
    }

    /// Settings of npm in the folder, as lines `KEY=VALUE`.
    ///
    /// # Errors
    /// When npm fails.
    pub(super) fn npm_settings(&self) -> Result<String, InstallError> {
        let keys = npm_cache::SETTINGS.iter().map(|(key, _)| *key);
        let arguments: Vec<&str> = ["config", "get", "cache"].into_iter().chain(keys).collect();
        self.program.run(&arguments, &VARIABLES, self.folder, self.reporter)
    }

    /// Has npm download archives into its cache, which runs no code of a package.
    ///
    /// # Errors
    /// When npm fails.
    pub(super) fn fill_npm_cache(&self, packages: &[String]) -> Result<(), InstallError> {
        let arguments: Vec<&str> = ["cache", "add", "--no-progress", "--ignore-scripts", "--"]
            .into_iter()
            .chain(packages.iter().map(String::as_str))
            .collect();
        self.call(&arguments, &[])
    }

    /// An npm that does not know `--cpu`, `--os` and `--libc` ignores them; then what it has installed is refused.
    fn npm(&self) -> Result<(), InstallError> {
        let development = if self.cpu.is_some() { "--omit=dev" } else { "--include=dev" };
        let mut arguments = vec!["ci", development, "--no-audit", "--no-fund", "--no-progress"];
        let cpu = self.cpu.map(|cpu| format!("--cpu={cpu}"));
        if let Some(cpu) = &cpu {
            arguments.extend([cpu.as_str(), "--os=linux", "--libc=glibc"]);
        }
        let workspace = self.inputs.workspace.as_ref();
        let member = workspace.map(|workspace| format!("--workspace={}", workspace.member));
        if let (Some(workspace), Some(member)) = (workspace, &member) {
            arguments.push(member);
            arguments.extend(workspace.with_development.then_some("--include-workspace-root"));
        }
        // npm starts others of itself for packages in Git repositories, which only get the variable.
        let variables: &[_] = if self.scripts { &[] } else { &[("npm_config_ignore_scripts", "true")] };
        arguments.extend((!self.scripts).then_some("--ignore-scripts"));
        self.call(&arguments, variables)
    }

    /// pnpm takes the target as options since version 10.14, and before that only from the manifest. With a workspace file of
    /// its own, the folder does not belong to a workspace above it.
    fn pnpm(&self) -> Result<(), InstallError> {
        let development = if self.cpu.is_some() { "--prod" } else { "--prod=false" };
        let mut arguments = vec!["install", "--frozen-lockfile", development, "--reporter=append-only"];
        arguments.push("--config.node-linker=hoisted");
        if self.version.is_at_least(10, 0) {
            let file = self.folder.join("pnpm-workspace.yaml");
            if !file.exists() {
                fs::write_atomically(&file, b"packages: []\n")?;
            }
        } else if self.inputs.workspace.is_none() {
            arguments.push("--ignore-workspace");
        }
        let cpu = self.cpu.map(|cpu| format!("--cpu={cpu}"));
        match (self.cpu, &cpu) {
            (Some(_), Some(option)) if self.version.is_at_least(10, 14) => {
                arguments.extend([option.as_str(), "--os=linux", "--libc=glibc"]);
            }
            (Some(cpu), _) => {
                let manifest = with_target(self.inputs.root_manifest(), cpu);
                fs::write_atomically(&self.folder.join("package.json"), manifest.to_string().as_bytes())?;
            }
            (None, _) => {}
        }
        arguments.extend((!self.scripts).then_some("--ignore-scripts"));
        self.call(&arguments, &[])
    }

    fn yarn(&self) -> Result<(), InstallError> {
        let is_berry = self.inputs.lock.contains("__metadata:");
        if is_berry != (self.version.major >= 2) {
            let (writer, help) = if is_berry {
                ("Yarn 2 or later", "run `corepack enable`, or set `yarnPath` in `.yarnrc.yml`")
            } else {
                ("Yarn 1", "run `npm install --global yarn`, or migrate the lock file with `yarn install`")
            };
            let (lock, version) = (self.inputs.lock_path.clone(), self.version.text.clone());
            return Err(NodeError::OtherVersion { lock, writer, program: "yarn", version, help }.into());
        }
        if !self.scripts && names_repository(&self.inputs.lock) {
            return Err(NodeError::Repository { lock: self.inputs.lock_path.clone() }.into());
        }
        if !is_berry {
            let development = if self.cpu.is_some() { "--production" } else { "--production=false" };
            let mut arguments = vec!["install", "--frozen-lockfile", development];
            arguments.extend(["--non-interactive", "--no-progress"]);
            arguments.extend((!self.scripts).then_some("--ignore-scripts"));
            return self.call(&arguments, &[]);
        }
        let scripts = ("YARN_ENABLE_SCRIPTS", if self.scripts { "true" } else { "false" });
        let quiet = ("YARN_ENABLE_TELEMETRY", "false");
        let linker = |name| ("YARN_NODE_LINKER", name);
        let packages = [scripts, quiet, linker("node-modules"), ("YARN_NM_MODE", "classic")];
        let Some(cpu) = self.cpu else {
            return self.call(&["install", "--immutable"], &packages);
        };
        let target = json!({ "os": ["linux"], "cpu": [cpu], "libc": ["glibc"] }).to_string();
        self.call(&["config", "set", "supportedArchitectures", "--json", &target], &[scripts, quiet])?;
        // Only this compares the lock file, and it cannot leave out what is for development. This linker writes no packages.
        let check = ["install", "--immutable", "--mode=skip-build"];
        self.call(&check, &[scripts, quiet, linker("pnp")])?;
        let mut focus = vec!["workspaces", "focus", "--production"];
        // Without a name, it is the workspace of the folder.
        focus.extend(self.inputs.workspace.as_ref().map(|it| it.name().unwrap_or(&it.member)));
        self.call(&focus, &packages)
    }

    fn call(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), InstallError> {
        let variables = [&VARIABLES, variables].concat();
        let ended: Ended = self.program.run_to_its_end(arguments, &variables, self.folder, self.reporter)?;
        if ended.status.success() {
            return Ok(());
        }
        if self.tool.finds_lock_outdated(&ended.lines) {
            let (lock, details) = (self.inputs.lock_path.clone(), self.tool.details(&ended.lines));
            return Err(NodeError::OutdatedLock { lock, details, command: self.tool.update() }.into());
        }
        Err(InstallError::Program { message: self.tool.message(&ended), command: ended.command })
    }
}

/// A manifest that tells pnpm for which machine to install.
fn with_target(mut manifest: Value, cpu: &str) -> Value {
    if let Some(manifest) = manifest.as_object_mut() {
        let settings = manifest.entry("pnpm").or_insert_with(|| Value::Object(Map::new()));
        if let Some(settings) = settings.as_object_mut() {
            let target = json!({ "os": ["linux"], "cpu": [cpu], "libc": ["glibc"] });
            settings.insert("supportedArchitectures".to_owned(), target);
        }
    }
    manifest
}

/// Whether a `yarn.lock` has a package in a Git repository.
fn names_repository(lock: &str) -> bool {
    let is_resolution = |line: &&str| line.starts_with("  resol");
    let markers = ["#commit=", "\"git+", "\"git:", "\"ssh:", ".git#"];
    lock.lines().filter(is_resolution).any(|line| markers.iter().any(|marker| line.contains(marker)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn versions_are_read_from_the_last_line() {
        let version = Version::parse("! Corepack\n10.14.0-beta.1\n").unwrap();
        assert_eq!((version.major, version.minor), (10, 14));
        assert!(version.is_at_least(10, 14) && version.is_at_least(9, 99) && !version.is_at_least(10, 15));
        for output in ["", "yarn", "v1"] {
            assert_eq!(Version::parse(output), None, "{output}");
        }
    }

    #[test]
    fn lock_files_that_are_not_up_to_date_are_known_by_what_the_tools_write() {
        for (tool, text, details) in [
            (
                Tool::Npm,
                "npm error code EUSAGE\nnpm error `npm ci` can only install packages when your package.json and \
                 package-lock.json or npm-shrinkwrap.json are in sync. Please\nnpm error\nnpm error Missing: left-pad@1.3.0 \
                 from lock file\nnpm error Clean install a project",
                ": Missing: left-pad@1.3.0 from lock file",
            ),
            (
                Tool::Pnpm,
                " ERR_PNPM_OUTDATED_LOCKFILE  Cannot install\n  Failure reason:\n* 1 dependencies were added: left-pad@1",
                ": 1 dependencies were added: left-pad@1",
            ),
            (Tool::Pnpm, " ERR_PNPM_LOCKFILE_CONFIG_MISMATCH  Cannot proceed", ""),
            (
                Tool::Yarn,
                "➤ YN0000: │    dependencies:\n➤ YN0028: │ +    left-pad: \"npm:1\"\n➤ YN0028: │ +\n➤ YN0028: │ The lockfile",
                ": left-pad: \"npm:1\"",
            ),
            (
                Tool::Yarn,
                "error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.",
                "",
            ),
        ] {
            let lines = lines(text);
            assert!(tool.finds_lock_outdated(&lines), "{text}");
            assert_eq!(tool.details(&lines), details);
        }
        let failed = lines("npm error code E404\nnpm error 404 Not Found");
        assert!(!Tool::Npm.finds_lock_outdated(&failed));
    }

    #[test]
    fn the_target_is_added_to_the_settings_of_pnpm() {
        let target = json!({ "os": ["linux"], "cpu": ["arm64"], "libc": ["glibc"] });
        for (manifest, expected) in [
            (json!({ "name": "x" }), json!({ "supportedArchitectures": target })),
            (
                json!({ "pnpm": { "overrides": { "ms": "2" }, "supportedArchitectures": { "os": ["current"] } } }),
                json!({ "overrides": { "ms": "2" }, "supportedArchitectures": target }),
            ),
        ] {
            assert_eq!(with_target(manifest, "arm64")["pnpm"], expected);
        }
        assert_eq!(with_target(json!([]), "x64"), json!([]));
    }

    #[test]
    fn packages_in_repositories_are_found_in_both_forms_of_lock_files() {
        for lock in [
            "x@git+https://github.com/a/x.git:\n  version \"1.0.0\"\n  resolved \"git+https://github.com/a/x.git#0123\"\n",
            "\"x@git@github.com:a/x.git\":\n  resolution: \"x@git@github.com:a/x.git#commit=0123\"\n",
        ] {
            assert!(names_repository(lock), "{lock}");
        }
        let registry = "ms@^2:\n  version \"2.1.3\"\n  resolved \"https://registry.yarnpkg.com/ms/-/ms-2.1.3.tgz#574c\"\n\n\
                        git@3:\n  resolution: \"git@npm:3.0.0\"\n";
        assert!(!names_repository(registry));
    }
}
