//! Tests of the whole way from text to project.

mod example;
mod files;
mod lines;
mod meaning_cases;
mod never_panics;
mod problems;
mod remote_cases;
mod shape_cases;

use std::path::{Path, PathBuf};

use super::{Located, Outcome, locate_in_order, read};

/// The runtimes that the tests know.
const RUNTIMES: &[&str] = &["nodejs22.x", "python3.12", "python3.13", "provided.al2", "provided.al2023"];

/// A project folder with something of every kind to name.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap() };
        let files: [(&str, &[u8]); 9] = [
            ("functions/orders/app.py", b"def handler(event, context): ...\n"),
            ("functions/single.py", b"def handler(event, context): ...\n"),
            ("layers/utils/python/utils.py", b""),
            ("layers/tracer/tracer/hook.js", b""),
            ("layers/packed.ZIP", b"PK\x03\x04rest"),
            ("layers/empty.jar", b"PK\x05\x06rest"),
            ("layers/liar.zip", b"not a zip"),
            ("extensions/log-shipper", b"#!/bin/sh\n"),
            ("scripts/importtime", b"#!/bin/sh\n"),
        ];
        for (path, content) in files {
            this.write(path, content);
        }
        this
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        crate::fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::fs::write_atomically(&path, content).unwrap();
    }

    fn read(&self, text: &str) -> Outcome {
        read(text, self.root(), RUNTIMES).unwrap()
    }

    /// Problems and warnings as a user could be shown them.
    fn report(&self, text: &str) -> String {
        let Outcome { problems, warnings, .. } = self.read(text);
        let mut lines = Vec::new();
        for (word, problems) in [("error", problems), ("warning", warnings)] {
            for Located { problem, line, column, excerpt } in locate_in_order(text, &problems) {
                let place =
                    line.zip(column).map_or("?".to_owned(), |(line, column)| format!("{line}:{column}"));
                lines.push(format!("{place} {word}[{}] {}", problem.code, problem.message));
                lines.extend(excerpt.map(|excerpt| format!("  | {}", excerpt.trim())));
                lines.extend(problem.help.map(|help| format!("  help: {help}")));
            }
        }
        lines.join("\n").replace(&self.root().display().to_string(), "ROOT")
    }
}
