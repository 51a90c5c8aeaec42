//! Finds an interpreter of a version of Python on this machine.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::version::PythonVersion;
use crate::install::Programs;

/// How an interpreter is run: without the folder it is run in, the environment's settings of Python, and modules of the user or
/// the machine; it writes no bytecode and no warnings.
pub(super) const ISOLATED: [&str; 7] = ["-I", "-S", "-B", "-X", "utf8", "-W", "ignore"];

/// Says what an interpreter is, and where: another program may have started it.
const PROBE: &str = "import sys\nfrom importlib.util import MAGIC_NUMBER as magic\n\
    print(sys.implementation.cache_tag, magic.hex(), getattr(sys, 'abiflags', '') or '-', sys.executable)";

/// How long an interpreter may take to say that.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes that it may write.
const ANSWER_LIMIT: u64 = 64 * 1024;

/// An interpreter of a version: one on the search path, or else one that uv knows.
pub(super) fn find(programs: &Programs, version: PythonVersion) -> Option<PathBuf> {
    let names = [format!("python{version}"), "python3".to_owned(), "python".to_owned()];
    let mut on_path = names.iter().flat_map(|name| programs.paths(name));
    on_path.find_map(|path| accept(&path, version)).or_else(|| {
        let uv = programs.paths("uv").next()?;
        let mut find = Command::new(uv);
        find.args(["python", "find", "--no-project", "--offline", &version.to_string()]);
        let path = PathBuf::from(answer(&mut find)?.trim_end());
        accept(&path, version)
    })
}

/// The path of the interpreter that a program is or starts, if it is `CPython` of a version, in its usual build.
fn accept(program: &Path, version: PythonVersion) -> Option<PathBuf> {
    let answer = answer(Command::new(program).args(ISOLATED).args(["-c", PROBE]))?;
    let expected = format!("{} {} - ", version.tag(), crate::text::hex(&version.magic()));
    let path = PathBuf::from(answer.trim_end().strip_prefix(&expected)?);
    path.is_absolute().then_some(path)
}

/// What a program writes, if it succeeds in time.
fn answer(command: &mut Command) -> Option<String> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let output = child.stdout.take()?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        output.take(ANSWER_LIMIT).read_to_string(&mut text).map(|_| text)
    });
    let has_succeeded = succeeds(&mut child);
    // Whatever a program that was stopped has started may keep its output open.
    if has_succeeded { reader.join().ok()?.ok() } else { None }
}

/// Waits for a program, and stops it if that takes too long.
fn succeeds(child: &mut Child) -> bool {
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    while Instant::now() < end {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(pause),
            Err(_) => break,
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    // It may have ended just now.
    let _stopped = child.kill().and_then(|()| child.wait());
    false
}
