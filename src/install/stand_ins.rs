//! For tests: a folder with a project, a store, and scripts that stand in for the tools.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Installer, Programs};
use crate::event::{Event, Events};
use crate::store::Store;

pub(super) struct StandIns {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) events: Arc<Events>,
}

impl StandIns {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store, events: Arc::default() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A program in the folder `bin`, which is on the search path.
    pub(super) fn program(&self, name: &str, script: &str) {
        let name = format!("bin/{name}");
        self.write(&name, &format!("#!/bin/sh\n{script}"));
        fs::set_permissions(self.path(&name), Permissions::from_mode(0o755)).unwrap();
    }

    /// An installer that finds the stand-ins, and then programs in `further` folders.
    pub(super) fn installer(&self, further: &[&str]) -> Installer {
        let folders = [self.path("bin")].into_iter().chain(further.iter().map(PathBuf::from));
        let folders: Vec<PathBuf> = folders.collect();
        Installer::new(Programs::new(&folders), self.store.clone(), self.events.clone())
    }

    /// The calls of programs since the last time.
    pub(super) fn calls(&self) -> Vec<String> {
        let events = std::mem::take(&mut *self.events.0.lock().unwrap());
        let calls = events.into_iter().filter_map(|event| match event {
            Event::Program { line } => Some(line.strip_prefix("running `")?.trim_end_matches('`').to_owned()),
            _ => None,
        });
        calls.collect()
    }
}
