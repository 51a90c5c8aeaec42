//! The files of a source: the same from a `limg.yaml` as from another definition.
//!
//! A source leaves out the definition that names it, and `.limgignore` files apply by their place. Both change with the
//! definition.

use std::path::{Path, PathBuf};

use super::paths::{self, Folder};
use super::values::{Keys, Value};
use super::{MigrationError, yaml};
use crate::definition::format::Format;
use crate::fs;
use crate::project::{Source, SourceKind};

/// What all sources have in common.
pub(super) struct Sources<'a> {
    pub(super) folder: &'a Folder,
    /// The new `limg.yaml`.
    pub(super) output: &'a Path,
    /// The folders of code that was in the definition: new, and no part of other sources.
    pub(super) new_folders: &'a [PathBuf],
    pub(super) format: Format,
    /// The folder of the definition.
    pub(super) definition_folder: &'a Path,
}

impl Sources<'_> {
    /// The keys of a source, of which `path` names the first.
    pub(super) fn keys(&self, path: &'static str, source: &Source) -> Result<Keys, MigrationError> {
        let mut keys = vec![(path, Value::Text(self.folder.written(&source.path)?))];
        let mut exclude = source.exclude.clone();
        exclude.extend(self.new_patterns(source)?);
        if !exclude.is_empty() {
            keys.push(("exclude", Value::Texts(exclude)));
        }
        if source.follow {
            keys.push(("follow", Value::Literal("true".to_owned())));
        }
        if !source.default_excludes {
            keys.push(("default_excludes", Value::Literal("false".to_owned())));
        }
        Ok(keys)
    }

    /// Patterns for what the other definition leaves out by itself, and for what limg writes and it did not have.
    fn new_patterns(&self, source: &Source) -> Result<Vec<String>, MigrationError> {
        if source.kind != SourceKind::Directory {
            return Ok(Vec::new());
        }
        let root = fs::normal(&source.path);
        let below = |path: &Path| fs::normal(path).strip_prefix(&root).map(Path::to_owned).ok();
        let mut files: Vec<PathBuf> = Vec::new();
        if source.default_excludes {
            // limg's own list has the new definition.
            let of_definition = source.definition.iter().flat_map(|file| [file.clone(), lock_file(file)]);
            files.extend(of_definition.filter(|file| fs::is_file(file)));
        } else {
            files.extend([self.output.to_owned(), lock_file(self.output)]);
        }
        let files = files.iter().filter_map(|file| below(file)).map(|path| (path, ""));
        let folders = self.new_folders.iter().filter_map(|folder| below(folder)).map(|path| (path, "/"));
        let paths = files.chain(folders).filter(|(path, _)| !path.as_os_str().is_empty());
        let mut patterns = Vec::new();
        for (path, end) in paths {
            let pattern = format!("/{}{end}", escaped(&paths::text(&path)?));
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        Ok(patterns)
    }

    /// Whether something other than the user makes the files.
    pub(super) fn is_built(&self, source: &Source) -> bool {
        let is_in = |name: &str| source.path.components().any(|part| part.as_os_str() == name);
        match self.format {
            Format::LimgYaml => false,
            // Files of `--layer` follow no links.
            Format::CloudFormation => is_in("cdk.out") || (source.follow && !source.default_excludes),
            Format::CdkAssembly => source.path.starts_with(self.definition_folder),
            Format::TerraformPlan => source.kind == SourceKind::Zip,
            Format::Serverless => is_in(".serverless") || source.kind == SourceKind::Zip,
        }
    }

    /// The comment on files that something other than the user makes.
    pub(super) fn build_comment(&self, source: &Source, command: Option<&str>) -> Option<String> {
        if !self.is_built(source) {
            return None;
        }
        let by_command = |default: &str| {
            let command = command.unwrap_or(default);
            format!("`{command}` makes it and must run first; `limg migrate --source` names the sources")
        };
        Some(match self.format {
            Format::LimgYaml => return None,
            Format::CloudFormation => by_command("sam build"),
            Format::Serverless => by_command("serverless package"),
            Format::CdkAssembly => {
                "`cdk synth` makes it, under another name whenever its content changes: name its source if you can"
                    .to_owned()
            }
            Format::TerraformPlan => "Terraform or another build makes it and must run first".to_owned(),
        })
    }

    /// The comment on a `.limgignore` that applies to only one of the definitions.
    pub(super) fn ignore_comment(&self, source: &Source) -> Result<Option<String>, MigrationError> {
        let found = |source: &Source| {
            let file = source.outer_ignore_file().map(|file| fs::normal(&file));
            file.filter(|file| fs::symlink_metadata(file).is_ok())
        };
        let now = found(&Source { definition: Some(self.output.to_owned()), ..source.clone() });
        let before = found(source);
        if now == before {
            return Ok(None);
        }
        let written = |file: &Path| self.folder.written(file).map(|path| yaml::text(&path));
        Ok(Some(match (before, now) {
            (Some(before), _) => {
                let before = written(&before)?;
                format!("{before} applied to it, and does not any more: the digest differs if files match it")
            }
            (None, Some(now)) => {
                let now = written(&now)?;
                format!("{now} did not apply to it before: the digest differs if files match it")
            }
            (None, None) => return Ok(None),
        }))
    }
}

/// The lock file of a definition.
fn lock_file(definition: &Path) -> PathBuf {
    definition.with_extension("lock")
}

/// A path as a pattern in gitignore syntax that matches only this path.
fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for character in path.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | ' ' | '!' | '#') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
