//! Which entries of a directory become part of its tree.
//!
//! The first of these that has a matching pattern decides: the source's own patterns, the nearest `.limgignore`, those
//! above it, the one next to the definition; without any, limg's own list does ([`super::default_excludes`]). A pattern with
//! `!` brings something back. In what limg's own list has, such a pattern may also name only a part.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use ignore::Match;

use super::TreeError;
use super::content::{Content, HostPath};
use super::default_excludes::{self, BYTECODE_FOLDER, DefinitionFiles};
use super::installed_packages::Modules;
use super::patterns::{Patterns, compile_file};
use crate::fs;
use crate::project::Source;

/// What applies to a whole directory.
#[derive(Debug)]
pub(super) struct Exclusions {
    exclude: Patterns,
    defaults: Option<Defaults>,
}

/// What limg's own list needs to know.
#[derive(Debug)]
struct Defaults {
    definition: Option<DefinitionFiles>,
}

/// What applies to one folder of it.
#[derive(Debug, Clone)]
pub(super) struct FolderRules {
    /// Its own `.limgignore`, or the nearest one above.
    ignore_file: Option<Arc<IgnoreFile>>,
    /// What the Python modules in it are.
    pub(super) modules: Modules,
    /// How it became part of the tree.
    pub(super) kept: Kept,
}

/// A `.limgignore` file.
#[derive(Debug)]
struct IgnoreFile {
    patterns: Patterns,
    /// The length of the path of its folder below the source's root, with a trailing `/`.
    folder_length: usize,
    /// The path of the source's root below its folder, with a trailing `/`, if it is outside of the source.
    prefix: String,
    /// The next one above.
    parent: Option<Arc<Self>>,
}

/// How an entry became part of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing excludes it.
    Ordinary,
    /// A pattern brings it back.
    Wholly,
    /// Patterns bring back a part of what is in it.
    Partly,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is part of the tree.
    Kept(Kept),
    /// The user's patterns exclude it.
    Excluded,
    /// limg's own list excludes it.
    LeftOut,
}

impl Exclusions {
    /// Compiles the source's own patterns.
    pub(super) fn new(source: &Source) -> Result<Self, TreeError> {
        let defaults = source
            .default_excludes
            .then(|| Defaults { definition: source.definition.as_deref().map(DefinitionFiles::new) });
        Ok(Self { exclude: Patterns::of_source(&source.exclude)?, defaults })
    }

    /// What becomes of an entry of a folder. `below_root` gives its path below the source's root.
    pub(super) fn verdict<'p>(
        &self,
        folder: &Path,
        rules: &FolderRules,
        name: &OsStr,
        is_directory: bool,
        below_root: impl FnOnce(&str) -> Cow<'p, str>,
    ) -> Verdict {
        let name_text = name.to_string_lossy();
        let has_patterns = rules.ignore_file.is_some() || !self.exclude.is_empty();
        let is_left_out = || self.leaves_out(folder, rules, name, &name_text, is_directory);
        if !has_patterns {
            return if is_left_out() { Verdict::LeftOut } else { Verdict::Kept(Kept::Ordinary) };
        }
        let below_root = below_root(&name_text);
        match self.user_match(&below_root, is_directory, rules) {
            Match::Ignore(()) => Verdict::Excluded,
            Match::Whitelist(()) => Verdict::Kept(Kept::Wholly),
            Match::None if rules.kept != Kept::Partly && !is_left_out() => Verdict::Kept(Kept::Ordinary),
            Match::None if is_directory && self.leads_to_kept(&below_root, rules) => {
                Verdict::Kept(Kept::Partly)
            }
            Match::None => Verdict::LeftOut,
        }
    }

    /// Whether limg's own list has an entry.
    fn leaves_out(
        &self,
        folder: &Path,
        rules: &FolderRules,
        name: &OsStr,
        name_text: &str,
        is_directory: bool,
    ) -> bool {
        let Some(defaults) = &self.defaults else { return false };
        let is_own_bytecode = || {
            if is_directory {
                name_text == BYTECODE_FOLDER && !rules.modules.may_be_installed()
            } else {
                // A pattern for the folder brings back all bytecode in it.
                rules.kept != Kept::Wholly && rules.modules.is_own_bytecode(name_text)
            }
        };
        default_excludes::contains(name_text, is_directory)
            || is_own_bytecode()
            || defaults.definition.as_ref().is_some_and(|files| files.contain(folder, name))
    }

    /// Whether a folder turns out to be on limg's own list once its entries are known: a virtual environment, or bytecode of
    /// the user's own modules only.
    pub(super) fn leaves_out_folder<'a>(
        &self,
        rules: &FolderRules,
        mut names: impl Iterator<Item = &'a OsStr>,
    ) -> bool {
        if self.defaults.is_none() || rules.kept != Kept::Ordinary {
            return false;
        }
        match &rules.modules {
            Modules::BytecodeOf(_) => {
                names.all(|name| rules.modules.is_own_bytecode(&name.to_string_lossy()))
            }
            _ => names.any(|name| name == default_excludes::VIRTUAL_ENVIRONMENT),
        }
    }

    /// What the user's patterns say about a path below the source's root.
    fn user_match(&self, below_root: &str, is_directory: bool, rules: &FolderRules) -> Match<()> {
        let own = self.exclude.matched(below_root, is_directory);
        let files =
            rules.ignore_files().map(|file| file.patterns.matched(&file.below(below_root), is_directory));
        [own].into_iter().chain(files).find(|found| !found.is_none()).unwrap_or(Match::None)
    }

    /// Whether a pattern brings back something in a folder.
    pub(super) fn leads_to_kept(&self, below_root: &str, rules: &FolderRules) -> bool {
        self.exclude.leads_to_kept(below_root)
            || rules.ignore_files().any(|file| file.patterns.leads_to_kept(&file.below(below_root)))
    }
}

impl FolderRules {
    /// Those of the root of a source.
    pub(super) fn of_root(source: &Source) -> Result<Self, TreeError> {
        let of_file = |(patterns, prefix)| IgnoreFile { patterns, folder_length: 0, prefix, parent: None };
        let ignore_file = next_to_definition(source)?.map(of_file).map(Arc::new);
        Ok(Self { ignore_file, modules: Modules::Own, kept: Kept::Wholly })
    }

    /// Those of a folder in this one.
    pub(super) fn below(&self, name: &str, kept: Kept) -> Self {
        Self { ignore_file: self.ignore_file.clone(), modules: self.modules.below(name), kept }
    }

    /// Those of a folder elsewhere in the source that takes the place of an entry of this one, both as paths below the
    /// source's root.
    pub(super) fn moved(mut self, from: &str, to: &str) -> Self {
        let common = from.bytes().zip(to.bytes()).take_while(|(one, other)| one == other).count();
        while let Some(file) = self.ignore_file.take_if(|file| file.folder_length > common) {
            self.ignore_file.clone_from(&file.parent);
        }
        self
    }

    /// Reads the folder's own `.limgignore`; `folder_length` is the length of the folder's path below the source's root,
    /// with a trailing `/`.
    pub(super) fn read_ignore_file(&mut self, file: &Path, folder_length: usize) -> Result<(), TreeError> {
        let (patterns, parent) = (read(file)?, self.ignore_file.take());
        self.ignore_file =
            Some(Arc::new(IgnoreFile { patterns, folder_length, prefix: String::new(), parent }));
        Ok(())
    }

    /// The `.limgignore` files that apply, the nearest first.
    fn ignore_files(&self) -> impl Iterator<Item = &IgnoreFile> {
        std::iter::successors(self.ignore_file.as_deref(), |file| file.parent.as_deref())
    }
}

impl IgnoreFile {
    /// A path below the source's root as a path below the file's folder.
    fn below<'p>(&self, below_root: &'p str) -> Cow<'p, str> {
        if self.prefix.is_empty() {
            below_root.get(self.folder_length..).unwrap_or_default().into()
        } else {
            format!("{}{below_root}", self.prefix).into()
        }
    }
}

/// The patterns of the `.limgignore` next to the definition, unless it is the source's own; and the path of the source below
/// its folder, with a trailing `/`.
pub(super) fn next_to_definition(source: &Source) -> Result<Option<(Patterns, String)>, TreeError> {
    let Some(file) = source.outer_ignore_file().filter(|file| fs::symlink_metadata(file).is_ok()) else {
        return Ok(None);
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let below = source.path.strip_prefix(folder).unwrap_or(&source.path).to_string_lossy();
    let below = if cfg!(windows) { below.replace('\\', "/").into() } else { below };
    Ok(Some((read(&file)?, format!("{below}/"))))
}

fn read(file: &Path) -> Result<Patterns, TreeError> {
    let metadata = fs::metadata(file)?;
    // A pipe must not be opened: that would wait for a writer.
    if !metadata.is_file() {
        return Err(TreeError::unsuitable(file.display(), "is not a regular file", "remove it"));
    }
    let content = Content::host(HostPath::from_path(file), &metadata);
    compile_file(content.open()?, &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::SourceKind;
    use crate::tree::Tree;

    /// A project's folder: a definition, and a source `code`.
    struct Fixture(tempfile::TempDir);

    impl Fixture {
        fn with(files: &[&str]) -> Self {
            let fixture = Self(tempfile::tempdir().unwrap());
            fixture.write("limg.yaml", "");
            for file in files {
                fixture.write(&format!("code/{file}"), "");
            }
            fixture
        }

        fn write(&self, path: &str, content: &str) {
            let path = self.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }

        fn source(&self, exclude: &[&str]) -> Source {
            Source {
                exclude: exclude.iter().map(|pattern| (*pattern).to_owned()).collect(),
                default_excludes: true,
                definition: Some(self.0.path().join("limg.yaml")),
                ..Source::new(self.0.path().join("code"), SourceKind::Directory)
            }
        }

        /// The files and links of a source, and what is left out.
        fn load(source: &Source) -> (Vec<String>, Vec<String>) {
            let tree = Tree::load(source, &"/opt".parse().unwrap()).unwrap();
            let files = tree.iter().filter(|(_, node)| !matches!(node, crate::tree::Node::Directory));
            let files = files.map(|(path, _)| path.relative()["opt/".len()..].to_owned()).collect();
            (files, tree.left_out().by_default.clone())
        }

        /// The files of the source.
        fn files(&self, exclude: &[&str]) -> Vec<String> {
            Self::load(&self.source(exclude)).0
        }
    }

    #[test]
    fn what_no_function_needs_is_left_out_and_listed() {
        let left_out = [
            ".DS_Store",
            "._app.py",
            ".aws-sam/",
            ".git/",
            ".hg/",
            ".idea/",
            ".mypy_cache/",
            ".pytest_cache/",
            ".ruff_cache/",
            ".serverless/",
            ".svn/",
            ".terraform/",
            ".vscode/",
            "Thumbs.db",
            "__pycache__/",
            "cdk.out/",
            "infra/terraform.tfstate",
            "infra/terraform.tfstate.backup",
            "lib/__pycache__/",
            "limg.lock",
            "limg.yaml",
            "sub/.git",
            "venv/",
        ];
        let file = |path: &str| match path {
            "venv/" => "venv/pyvenv.cfg".to_owned(),
            _ if path.ends_with('/') => format!("{path}x"),
            _ => path.to_owned(),
        };
        let mut files: Vec<_> = left_out.map(file).to_vec();
        files.extend(["app.py", "lib/a.py", ".limg/images/x", ".limgignore"].map(str::to_owned));
        let fixture = Fixture::with(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let (kept, found) = Fixture::load(&fixture.source(&[]));
        assert_eq!(kept, ["app.py", "lib/a.py"]);
        assert_eq!(found, left_out);

        let all = Source { default_excludes: false, ..fixture.source(&[]) };
        let (kept, found) = Fixture::load(&all);
        assert_eq!((kept.len(), found.len()), (left_out.len() + 2, 0), "{kept:?}");
    }

    #[test]
    fn what_is_left_out_is_not_even_listed() {
        let fixture = Fixture::with(&["app.py", ".git/config", "venv/pyvenv.cfg"]);
        #[cfg(unix)]
        for folder in [".git", "venv"] {
            std::os::unix::fs::symlink(
                "/etc/passwd",
                fixture.0.path().join("code").join(folder).join("link"),
            )
            .unwrap();
        }
        assert_eq!(fixture.files(&[]), ["app.py"]);
    }

    #[test]
    fn a_pattern_brings_back_all_or_a_part() {
        let fixture = Fixture::with(&[
            "app.py",
            ".git/HEAD",
            ".git/refs/main",
            ".vscode/a.json",
            "env/pyvenv.cfg",
            "env/lib/x.py",
            "d/.git/HEAD",
            "__pycache__/app.cpython-312.pyc",
            "limg.yaml",
        ]);
        for (patterns, expected) in [
            (&["!.git/"][..], &[".git/HEAD", ".git/refs/main", "app.py", "d/.git/HEAD"][..]),
            (&["!.git"], &[".git/HEAD", ".git/refs/main", "app.py", "d/.git/HEAD"]),
            (&["!/.git/**"], &[".git/HEAD", ".git/refs/main", "app.py"]),
            (&["!.git/HEAD"], &[".git/HEAD", "app.py"]),
            (&["!**/.git/HEAD"], &[".git/HEAD", "app.py", "d/.git/HEAD"]),
            (&["!.git/refs/main"], &[".git/refs/main", "app.py"]),
            (&["!.git", ".git/refs"], &[".git/HEAD", "app.py", "d/.git/HEAD", "d/.git/HEAD"]),
            (&["!env/"], &["app.py", "env/lib/x.py", "env/pyvenv.cfg"]),
            (&["!env/lib/x.py"], &["app.py", "env/lib/x.py"]),
            (&["!__pycache__", "!limg.yaml"], &["__pycache__/app.cpython-312.pyc", "app.py", "limg.yaml"]),
            (&["!**/nothing"], &["app.py"]),
        ] {
            let mut expected = expected.to_vec();
            expected.dedup();
            assert_eq!(fixture.files(patterns), expected, "{patterns:?}");
        }
        fixture.write("code/.limgignore", "!.vscode/\n");
        assert_eq!(fixture.files(&[]), [".vscode/a.json", "app.py"]);
        assert_eq!(fixture.files(&[".vscode"]), ["app.py"], "the definition's own patterns come first");
    }

    #[test]
    fn a_part_that_is_brought_back_leaves_no_empty_folders() {
        let fixture = Fixture::with(&["app.py", ".git/HEAD", ".git/refs/main", ".hg/x"]);
        let tree = Tree::load(&fixture.source(&["!**/.git/HEAD"]), &"/opt".parse().unwrap()).unwrap();
        let paths: Vec<_> = tree.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/opt/.git", "/opt/.git/HEAD", "/opt/app.py"]);
    }

    #[test]
    fn patterns_of_the_definition_can_undo_those_of_a_limgignore() {
        let fixture = Fixture::with(&["a.log", "b.log", "d/b.log"]);
        fixture.write("code/.limgignore", "*.log\n");
        assert_eq!(fixture.files(&["!/b.log"]), ["b.log"]);
    }

    #[test]
    fn the_limgignore_next_to_the_definition_applies_to_all_sources() {
        let fixture = Fixture::with(&["a.py", "a.log", "build/x", "d/build/x", "keep.log", "limgignore/x"]);
        fixture.write(".limgignore", "*.log\n/code/build\n/build\n/a.py\n/code/\n!.hg\n");
        fixture.write("code/.hg", "");
        fixture.write("code/.limgignore", "!keep.log\n");
        assert_eq!(fixture.files(&[]), [".hg", "a.py", "d/build/x", "keep.log", "limgignore/x"]);

        let elsewhere = Fixture::with(&["a.log", "a.py", "build/x"]);
        let outside = Source { definition: fixture.source(&[]).definition, ..elsewhere.source(&[]) };
        assert_eq!(Fixture::load(&outside).0, ["a.py", "build/x"]);

        let own = Source { path: fixture.0.path().to_owned(), ..fixture.source(&[]) };
        assert_eq!(Fixture::load(&own).0, [] as [&str; 0], "`/code/` excludes the only folder");
    }

    #[test]
    fn a_definition_of_any_name_is_left_out() {
        let fixture = Fixture::with(&["app.py", "prod.yaml", "prod.lock", "d/prod.yaml"]);
        let definition = Some(fixture.0.path().join("code/prod.yaml"));
        let (kept, _) = Fixture::load(&Source { definition, ..fixture.source(&[]) });
        assert_eq!(kept, ["app.py", "d/prod.yaml"]);
    }

    #[test]
    fn a_source_that_is_a_virtual_environment_is_not_left_out() {
        let fixture = Fixture::with(&["pyvenv.cfg", "lib/x.py"]);
        assert_eq!(fixture.files(&[]), ["lib/x.py", "pyvenv.cfg"]);
    }

    #[test]
    fn bytecode_of_installed_packages_stays() {
        let fixture = Fixture::with(&[
            "app.py",
            "__pycache__/app.cpython-312.pyc",
            "__pycache__/six.cpython-312.pyc",
            "own/__pycache__/a.cpython-312.pyc",
            "requests/__pycache__/api.cpython-312.pyc",
            "requests/packages/__pycache__/x.cpython-312.pyc",
            "lib/site-packages/any/__pycache__/x.cpython-312.pyc",
            "own/node_modules/gyp/__pycache__/x.cpython-312.pyc",
            "plain/own.dist-info/METADATA",
            "plain/__pycache__/b.cpython-312.pyc",
        ]);
        fixture.write(
            "code/six-1.16.dist-info/RECORD",
            "six.py,sha256=x,1\n__pycache__/six.cpython-312.pyc,,\n",
        );
        fixture.write("code/requests-2.dist-info/RECORD", "requests/api.py,sha256=x,1\n../bin/x,,\n");
        let bytecode: Vec<_> =
            fixture.files(&[]).into_iter().filter(|path| path.contains("__pycache__")).collect();
        assert_eq!(
            bytecode,
            [
                "__pycache__/six.cpython-312.pyc",
                "lib/site-packages/any/__pycache__/x.cpython-312.pyc",
                "own/node_modules/gyp/__pycache__/x.cpython-312.pyc",
                "requests/__pycache__/api.cpython-312.pyc",
                "requests/packages/__pycache__/x.cpython-312.pyc",
            ]
        );
        assert!(
            fixture.files(&["!__pycache__"]).contains(&"__pycache__/app.cpython-312.pyc".to_owned()),
            "a pattern brings back a folder even if it has bytecode of both"
        );
        std::fs::remove_file(fixture.0.path().join("code/__pycache__/six.cpython-312.pyc")).unwrap();
        let tree = Tree::load(&fixture.source(&[]), &"/opt".parse().unwrap()).unwrap();
        assert!(tree.get(&"/opt/__pycache__".parse().unwrap()).is_none(), "a run of `app.py` adds no folder");
        for patterns in [&["!__pycache__"][..], &["!/__pycache__/"], &["!/__pycache__/app.*.pyc"]] {
            let files = fixture.files(patterns);
            assert!(files.contains(&"__pycache__/app.cpython-312.pyc".to_owned()), "{patterns:?}: {files:?}");
        }
    }
}
