//! Finding and reading the files of a definition.

mod files;

use std::path::{Path, PathBuf};

use crate::runtime::Date;

/// The day on which the tests run.
pub(super) const TODAY: Date = Date::OF_TESTS;

/// A project folder with something of every kind to name.
pub(super) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(super) fn new() -> Self {
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

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    pub(super) fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        crate::fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::fs::write_atomically(&path, content).unwrap();
    }
}
