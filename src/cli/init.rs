//! `limg init`.

use std::process::ExitCode;

use super::args::InitArguments;
use super::failure::Failure;
use super::render::Terminal;
use crate::{definition, fs, problem, runtime};

pub(super) fn run(arguments: &InitArguments, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let InitArguments { directory, runtime, base } = arguments;
    let ids = runtime::ids();
    if !ids.contains(&runtime.as_str()) {
        let nearest = problem::nearest(runtime, ids).map(str::to_owned);
        return Err(Failure::UnknownRuntime { name: runtime.clone(), nearest });
    }
    let files = definition::starter(runtime, base.as_deref())
        .ok_or_else(|| Failure::NoStarter { runtime: runtime.clone() })?;
    // All are looked at before any is written, so that a refusal leaves the folder as it was.
    let paths: Vec<_> = files.iter().map(|file| directory.join(file.path)).collect();
    if let Some(path) = paths.iter().find(|path| fs::symlink_metadata(path).is_ok()) {
        return Err(Failure::InTheWay { path: path.clone() });
    }
    for (file, path) in files.iter().zip(&paths) {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write_atomically(path, file.content.as_bytes())?;
        if file.executable {
            fs::make_executable(path)?;
        }
        terminal.status(&format!("wrote {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}
