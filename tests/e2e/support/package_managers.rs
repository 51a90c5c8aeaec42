//! The package managers of Node.js, from the npm registry.

use std::path::PathBuf;

use super::{lock, succeed, tool};

const PACKAGES: &[&str] =
    &["pnpm@10.34.9", "pnpm-9@npm:pnpm@9.15.9", "yarn@1.22.22", "@yarnpkg/cli-dist@4.18.1"];

/// A package manager other than npm: the path of its program in the folder of all of them.
pub(crate) const PNPM: &str = "pnpm/bin/pnpm.cjs";
pub(crate) const PNPM_9: &str = "pnpm-9/bin/pnpm.cjs";
pub(crate) const YARN_1: &str = "yarn/bin/yarn.js";
pub(crate) const YARN: &str = "@yarnpkg/cli-dist/bin/yarn.js";

/// The program of a package manager, to be run by Node.js.
pub(crate) fn package_manager(program: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("package-managers");
    let _lock = lock("package-managers");
    let (complete, packages) = (folder.join("complete"), PACKAGES.join(" "));
    if std::fs::read_to_string(&complete).is_ok_and(|installed| installed == packages) {
        return folder.join("node_modules").join(program);
    }
    succeed(tool("npm").args(["install", "--silent", "--prefix"]).arg(&folder).args(PACKAGES));
    std::fs::write(complete, packages).unwrap();
    folder.join("node_modules").join(program)
}
