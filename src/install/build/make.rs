//! make: a target that writes what a function or layer needs into a folder (AWS SAM developer guide, Building custom
//! runtimes).

use std::path::Path;

use super::error::BuildError;
use super::{RESULT, SOURCES};
use crate::fs;
use crate::install::Installer;
use crate::install::error::InstallError;
use crate::project::MakeTarget;
use crate::text::excerpt;

/// What is not copied (AWS Lambda Builders, `custom_make`, `EXCLUDED_FILES`).
pub(super) const NOT_COPIED: &[&str] = &[".aws-sam", ".git"];

/// The largest makefile that is read, in bytes: more than people write.
const MAKEFILE_LIMIT: u64 = 1024 * 1024;

/// The copy of the makefile, which may come from another folder than the sources.
const MAKEFILE: &str = "Makefile";

/// How many of the last lines of make a message has.
const LAST_LINES: usize = 5;

/// Reads the makefile.
pub(super) fn read(target: &MakeTarget) -> Result<String, InstallError> {
    let path = &target.makefile;
    if fs::metadata(path).is_err() {
        return Err(BuildError::NoMakefile { path: path.clone() }.into());
    }
    Ok(fs::read_text(path, MAKEFILE_LIMIT)?)
}

/// Runs the target in a folder with the sources.
pub(super) fn run(
    installer: &Installer,
    target: &MakeTarget,
    makefile: &str,
    workshop: &Path,
) -> Result<(), InstallError> {
    let make = installer.programs.find("make").ok_or_else(|| InstallError::NoProgram {
        program: "make",
        task: format!("run the target `{}`", target.name),
        help: "install make",
    })?;
    let copy = workshop.join(MAKEFILE);
    fs::write_atomically(&copy, makefile.as_bytes())?;
    let (copy, artifacts) = (copy.display().to_string(), workshop.join(RESULT).display().to_string());
    let folder = workshop.join(SOURCES).join(&target.folder);
    let arguments = [target.name.as_str(), "--makefile", &copy];
    let variables = [("ARTIFACTS_DIR", artifacts.as_str())];
    let ended = make.run_to_its_end(&arguments, &variables, &folder, &*installer.reporter)?;
    if ended.status.success() {
        return Ok(());
    }
    let last = ended.lines.len().saturating_sub(LAST_LINES);
    let message = match &ended.lines[last..] {
        [] => ended.status.to_string(),
        lines => excerpt(&lines.join("; ")),
    };
    Err(BuildError::Make { target: target.name.clone(), message }.into())
}
