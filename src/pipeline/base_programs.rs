//! The user's consent to run programs of base images on this machine, and the programs that this run has unpacked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::bytecode::{BasePython, Interpreter, PythonVersion};
use crate::project::Architecture;
use crate::store::Digest;
use crate::sync::lock;

/// Whether programs of base images may run, and the Pythons of bases that have been unpacked, by the config of the base.
#[derive(Debug, Clone, Default)]
pub(crate) struct BasePrograms {
    are_allowed: bool,
    pythons: Arc<Mutex<BTreeMap<(Digest, PythonVersion), Interpreter>>>,
}

impl BasePrograms {
    /// None unpacked yet.
    #[must_use]
    pub(crate) fn new(are_allowed: bool) -> Self {
        Self { are_allowed, ..Self::default() }
    }

    /// Whether the Python of a base for this architecture may run here.
    pub(super) fn python(&self, architecture: Architecture) -> BasePython {
        match (is_of_this_machine(architecture), self.are_allowed) {
            (false, _) => BasePython::Foreign(architecture),
            (true, false) => BasePython::NotAllowed,
            (true, true) => BasePython::Allowed,
        }
    }

    /// The Python of the base with this config, if it has been unpacked.
    pub(super) fn unpacked(&self, config: &Digest, version: PythonVersion) -> Option<Interpreter> {
        lock(&self.pythons).get(&(config.clone(), version)).cloned()
    }

    /// Keeps one that has been unpacked, until no command uses it.
    pub(super) fn keep(&self, config: &Digest, version: PythonVersion, python: Interpreter) {
        lock(&self.pythons).insert((config.clone(), version), python);
    }
}

/// Whether Linux on this machine runs programs of an architecture.
fn is_of_this_machine(architecture: Architecture) -> bool {
    cfg!(target_os = "linux")
        && match architecture {
            Architecture::X86_64 => cfg!(target_arch = "x86_64"),
            Architecture::Arm64 => cfg!(target_arch = "aarch64"),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_for_another_machine_is_foreign_whatever_is_allowed() {
        for architecture in Architecture::ALL {
            let [asked, allowed] = [false, true].map(|allow| BasePrograms::new(allow).python(architecture));
            if is_of_this_machine(architecture) {
                assert_eq!((asked, allowed), (BasePython::NotAllowed, BasePython::Allowed));
            } else {
                assert_eq!(
                    (asked, allowed),
                    (BasePython::Foreign(architecture), BasePython::Foreign(architecture))
                );
            }
        }
        assert!(Architecture::ALL.into_iter().filter(|it| is_of_this_machine(*it)).count() < 2);
    }
}
