//! Resolves requirements with uv, for another machine than this one, from the metadata of wheels alone.

use std::path::Path;

use super::error::InstallError;
use super::job::Job;
use super::program::Program;
use super::pylock::{self, LockedPackage};
use super::scratch::Scratch;
use crate::fs;
use crate::wheel::PythonTarget;

/// The platforms of uv by the least minor version of glibc 2 (uv documentation, `--python-platform`). It has no others below
/// that of Amazon Linux 2023.
const PLATFORMS: [(u32, &str); 3] = [(34, "manylinux_2_34"), (28, "manylinux_2_28"), (17, "manylinux_2_17")];

/// Whether source distributions may be part of a solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sources {
    /// No.
    None,
    /// If no wheel fits. To find out what they require, uv runs code of those that do not say it.
    WithoutWheel,
    /// As the former, and the solution has the wheels for all machines.
    OfAnyMachine,
}

/// The packages that requirements need on a target, with the wheels that fit.
///
/// # Errors
/// When uv finds no solution, or fails.
pub(super) fn resolve(
    uv: &Program,
    sources: Sources,
    job: &Job<'_>,
) -> Result<Vec<LockedPackage>, InstallError> {
    let Job { requested, target, folder, store, reporter } = *job;
    refuse_builds(folder)?;
    let scratch = Scratch::write(requested, false, store)?;
    let platform = PLATFORMS
        .iter()
        .find(|(least, _)| *least <= target.glibc_minor)
        .map_or("manylinux_2_17", |(_, name)| *name);
    let platform = format!("{}-{platform}", target.architecture.linux_name());
    let version = super::python_version(&target);
    let mut arguments = vec!["pip", "compile", &scratch.list, "--python-version", &version];
    match sources {
        Sources::None => arguments.extend(["--python-platform", &platform, "--only-binary", ":all:"]),
        Sources::WithoutWheel => arguments.extend(["--python-platform", &platform]),
        Sources::OfAnyMachine => arguments.push("--universal"),
    }
    arguments.extend(["--no-header", "--no-annotate", "--format", "pylock.toml"]);
    if !requested.requirements.constraints.is_empty() {
        arguments.extend(["--constraint", &scratch.constraints]);
    }
    if requested.is_resolved {
        arguments.push("--no-deps");
    }
    // An interpreter of this machine is enough, and its version does not matter.
    let output = uv.run(&arguments, &[("UV_PYTHON_DOWNLOADS", "never")], folder, reporter)?;
    pylock::parse(&output, "the output of `uv pip compile`", folder)
}

/// Whether uv has a platform for the target's glibc, and not only for an older one.
pub(super) fn knows_glibc(target: &PythonTarget) -> bool {
    PLATFORMS.iter().any(|(minor, _)| *minor == target.glibc_minor)
}

/// Refuses settings of a project that make uv build packages although it is to use wheels only: they count for more than
/// `--only-binary` (uv documentation, Settings, `no-binary-package`).
fn refuse_builds(folder: &Path) -> Result<(), InstallError> {
    for folder in folder.ancestors() {
        for (name, keys) in [("uv.toml", &[][..]), ("pyproject.toml", &["tool", "uv"])] {
            let file = folder.join(name);
            let Ok(text) = fs::read_text(&file, SETTINGS_LIMIT) else { continue };
            let Ok(settings) = text.parse::<toml::Table>() else { continue };
            let settings = keys.iter().try_fold(&settings, |table, key| table.get(*key)?.as_table());
            let pip = settings.and_then(|settings| settings.get("pip")?.as_table());
            let mut tables = settings.into_iter().chain(pip);
            if let Some(key) = tables.find_map(|table| BUILDS.iter().find(|key| table.contains_key(**key))) {
                return Err(InstallError::Setting { file, key });
            }
        }
    }
    Ok(())
}

/// The settings that make uv build packages.
const BUILDS: [&str; 2] = ["no-binary", "no-binary-package"];

/// The largest file of settings that is read, in bytes.
const SETTINGS_LIMIT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_uv_build_packages_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("functions/orders");
        fs::create_dir_all(&below).unwrap();
        let refused = |name: &str, text: &str| {
            fs::write_atomically(&folder.path().join(name), text.as_bytes()).unwrap();
            refuse_builds(&below).map_err(|error| error.to_string())
        };
        assert_eq!(refused("pyproject.toml", "[tool.uv]\nno-build = true\n"), Ok(()));
        let error = refused("pyproject.toml", "[tool.uv]\nno-binary-package = ['x']\n").unwrap_err();
        assert!(error.contains("pyproject.toml") && error.contains("`no-binary-package`"), "{error}");
        assert_eq!(refused("pyproject.toml", "[project]\nno-binary = true\n"), Ok(()));
        assert!(refused("uv.toml", "[pip]\nno-binary = [':all:']\n").is_err());
    }
}
