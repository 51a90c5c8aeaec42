//! Finding and reading the files of a definition.

mod files;

use std::path::{Path, PathBuf};

use super::{DefinitionError, Listed, Loaded, Located, WhyUnbuildable};
use crate::project::{Build, BuildMethod, FunctionCode, LayerSource, PackageList};
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

/// What a definition of another tool has, one line for each function: those that can be built, then the others with the
/// reasons.
pub(super) fn described(folder: &Folder, loaded: Result<Loaded, DefinitionError>) -> String {
    let root = format!("{}/", folder.root().display());
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return problems(&error).replace(&root, ""),
    };
    let mut lines: Vec<String> = Vec::new();
    for function in &loaded.project.functions {
        let code = match &function.code {
            FunctionCode::Files(source) => format!("{}/", source.path.display()),
            FunctionCode::Built(build) => built(build),
            FunctionCode::Inline(files) => {
                files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join("+")
            }
        };
        let layers = function.layers.iter().map(|layer| match &layer.source {
            LayerSource::Files(source) => format!("{}={}", layer.name, source.path.display()),
            LayerSource::Version(version) => version.arn.to_string(),
            LayerSource::Packages(list) => format!("{}=packages of {}", layer.name, list.path.display()),
            LayerSource::Built(build) => format!("{}={}", layer.name, built(build)),
            LayerSource::Image(_) => panic!("no other tool has such layers"),
        });
        lines.push(format!(
            "{} {} {} {} {code} [{}] in {}",
            function.name,
            function.base.name,
            function.handler.as_deref().unwrap_or("-"),
            function.architecture.name(),
            layers.collect::<Vec<_>>().join(" "),
            function.image.name,
        ));
    }
    for function in &loaded.unbuildable {
        match &function.why {
            WhyUnbuildable::LeftAlone(_) | WhyUnbuildable::Remote(_) => {
                let why = function.why_left_alone().unwrap_or_default();
                lines.push(format!("{} left alone: {why}", function.name));
            }
            WhyUnbuildable::Errors(findings) => {
                lines.push(format!("{}:", function.name));
                lines.push(shown(&loaded.sources.locate(findings)));
            }
        }
    }
    lines.join("\n").replace(&root, "")
}

/// What is made from sources, and how.
fn built(build: &Build) -> String {
    let list = |list: &Option<PackageList>| {
        list.as_ref().map_or("no packages".to_owned(), |list| format!("packages of {}", list.path.display()))
    };
    let how = match &build.method {
        BuildMethod::Esbuild(bundle) => {
            let options: Vec<_> =
                bundle.options.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            let options = options.join(" ");
            format!("esbuild {} {options} with {}", bundle.entry_points.join("+"), list(&bundle.packages))
        }
        BuildMethod::Make(target) => {
            format!("make {} of {} in `{}`", target.name, target.makefile.display(), target.folder)
        }
        BuildMethod::Packages(packages) => {
            let language = if packages.are_of_node { "Node.js" } else { "Python" };
            format!("{language} with {}", list(&packages.list))
        }
    };
    format!("{}/ by {how}", build.source.path.display())
}

/// What is wrong with a definition.
pub(super) fn problems(error: &DefinitionError) -> String {
    match error {
        DefinitionError::Findings { findings, .. } => shown(findings),
        other => other.to_string(),
    }
}

fn shown(findings: &Listed) -> String {
    let line = |located: &Located| {
        let line = located.position.map_or(0, |at| at.line);
        let help = located.help.as_ref().map(|help| format!("\n    help: {help}")).unwrap_or_default();
        format!("  {line}: [{}] {}{help}", located.finding.code, located.finding.message)
    };
    findings.shown.iter().map(line).collect::<Vec<_>>().join("\n")
}
