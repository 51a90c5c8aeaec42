//! The module that a handler names, in the notation of its language.

use crate::runtime::Language;

/// How many files are named.
const NAMED: usize = 3;

/// The module, class or assembly of a handler.
#[derive(Debug)]
pub(super) struct Module<'a> {
    language: Language,
    /// Its name as the handler has it.
    name: &'a str,
    /// What follows the name in the handler.
    function: &'a str,
}

/// The function that a handler names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Function<'a> {
    /// The class or module of Ruby that has it.
    pub(super) receiver: Option<&'a str>,
    /// Its name.
    pub(super) name: &'a str,
}

impl<'a> Module<'a> {
    /// The module of a handler of a runtime. Nothing for a runtime without a language.
    pub(super) fn of(handler: &'a str, runtime: &str) -> Option<Self> {
        Language::of(runtime).map(|language| Self::in_language(handler, language))
    }

    /// The module of a handler in the notation of a language.
    pub(super) fn in_language(handler: &'a str, language: Language) -> Self {
        let end = match language {
            Language::Python => handler.rfind('.'),
            // The first full stop of the file's name.
            Language::Node | Language::Ruby => {
                let name = handler.rfind('/').map_or(0, |end| end + 1);
                handler[name..].find('.').map(|end| name + end)
            }
            Language::Java | Language::DotNet => handler.find("::"),
        };
        let (name, function) = handler.split_at(end.unwrap_or(handler.len()));
        Self { language, name, function }
    }

    /// Such as ``the module `app` ``.
    pub(super) fn description(&self) -> String {
        let noun = match self.language {
            Language::Python | Language::Node => "the module",
            Language::Ruby => "the file",
            Language::Java => "the class",
            Language::DotNet => "the assembly",
        };
        format!("{noun} `{}`", self.name)
    }

    /// Its name as the handler has it.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// Whether the handler names no function although the language's runtime calls one.
    pub(super) fn lacks_function(&self) -> bool {
        let calls_function = matches!(self.language, Language::Python | Language::Node | Language::Ruby);
        calls_function && self.function.trim_start_matches('.').is_empty()
    }

    /// Its language.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// The function that the module itself must have. Nothing where none is called by name.
    pub(super) fn function(&self) -> Option<Function<'a>> {
        let function = self.function.trim_start_matches('.');
        let (receiver, name) = match self.language {
            Language::Python => (None, function),
            // A function may be in an object that is exported.
            Language::Node => (None, function.split('.').next()?),
            Language::Ruby => match function.rsplit_once('.') {
                Some((receiver, name)) => (Some(receiver), name),
                None => (None, function),
            },
            Language::Java | Language::DotNet => return None,
        };
        Some(Function { receiver, name }).filter(|function| !function.name.is_empty())
    }

    /// The variables with folders in which it is searched.
    pub(super) fn variables(&self) -> &'static [&'static str] {
        match self.language {
            Language::Python => &["PYTHONPATH", "LAMBDA_TASK_ROOT"],
            Language::Node => &["NODE_PATH", "LAMBDA_TASK_ROOT"],
            Language::Ruby => &["RUBYLIB", "LAMBDA_TASK_ROOT"],
            Language::Java => &["CLASSPATH", "LAMBDA_TASK_ROOT"],
            Language::DotNet => &["LAMBDA_TASK_ROOT"],
        }
    }

    /// Whether it may be in an archive, into which limg does not look.
    pub(super) fn may_be_in_archive(&self) -> bool {
        self.language == Language::Java
    }

    /// Its path without an ending.
    fn path(&self) -> String {
        match self.language {
            Language::Python | Language::Java => self.name.replace('.', "/"),
            Language::Node => self.name.strip_prefix("./").unwrap_or(self.name).to_owned(),
            Language::Ruby | Language::DotNet => self.name.to_owned(),
        }
    }

    /// The files of which one must be in a folder.
    pub(super) fn files(&self) -> Vec<String> {
        let endings: &[&str] = match self.language {
            Language::Python => &[".py", ".pyc", ".so", "/__init__.py", "/__init__.pyc"],
            Language::Node => &["", ".js", ".mjs", ".cjs", "/index.js", "/index.cjs", "/package.json"],
            Language::Ruby => &[".rb", ".so"],
            Language::Java => &[".class"],
            Language::DotNet => &["", ".dll"],
        };
        let path = self.path();
        let own = endings.iter().map(|ending| format!("{path}{ending}"));
        let package = (self.language == Language::Node).then(|| format!("node_modules/{path}/package.json"));
        own.chain(package).collect()
    }

    /// The path of a Python extension module, whose name goes on with what it is built for.
    pub(super) fn extension_module(&self) -> Option<String> {
        (self.language == Language::Python).then(|| self.path())
    }

    /// How the paths end that it has in installed packages.
    pub(super) fn installed(&self) -> Vec<String> {
        let path = self.path();
        match self.language {
            Language::Python => vec![format!("-packages/{path}.py"), format!("-packages/{path}/__init__.py")],
            Language::Ruby => vec![format!("/lib/{path}.rb")],
            Language::Node | Language::Java | Language::DotNet => Vec::new(),
        }
    }

    /// Whether a file is its source in TypeScript.
    pub(super) fn is_uncompiled(&self, file: &str) -> bool {
        let stem = [".ts", ".mts", ".cts", ".tsx"].iter().find_map(|ending| file.strip_suffix(ending));
        self.language == Language::Node && stem == Some(self.path().as_str())
    }

    /// The module that a file of the code is, in the language's notation.
    pub(super) fn name_of(&self, file: &str) -> Option<String> {
        let strip = |endings: &[&str]| endings.iter().find_map(|ending| file.strip_suffix(ending));
        Some(match self.language {
            Language::Python => strip(&["/__init__.py", ".py"])?.replace('/', "."),
            Language::Node => strip(&[".js", ".mjs", ".cjs"])?.to_owned(),
            Language::Ruby => strip(&[".rb"])?.to_owned(),
            Language::Java => strip(&[".class"])?.replace('/', "."),
            Language::DotNet => strip(&[".dll"])?.to_owned(),
        })
    }

    /// The handler that was meant, if one module has the same name in another folder, case or notation.
    pub(super) fn slip<'n>(&self, modules: impl Iterator<Item = &'n str>) -> Option<String> {
        let letters = |name: &str| -> String {
            name.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
        };
        let last = |name: &str| letters(name.rsplit(['/', '.']).next().unwrap_or_default());
        let modules: Vec<_> = modules.collect();
        // In Node.js, the first full stop ends the module.
        let whole = letters(&format!("{}{}", self.name, self.function));
        let meant = |module: &&&str| letters(module) == letters(self.name);
        let longer = |module: &&&str| {
            letters(module).len() > letters(self.name).len() && whole.starts_with(&letters(module))
        };
        let alike = |module: &&&str| last(module) == last(self.name);
        let module = modules.iter().find(meant).or_else(|| modules.iter().find(longer)).or_else(|| {
            let mut same = modules.iter().filter(alike);
            same.next().filter(|_| same.next().is_none())
        })?;
        let function = match self.function.rsplit_once('.') {
            Some((_, last)) if self.language == Language::Node => format!(".{last}"),
            _ => self.function.to_owned(),
        };
        Some(format!("{module}{function}"))
    }

    /// The files whose modules have the most similar names.
    pub(super) fn nearest<'n>(&self, candidates: &[(String, &'n str)]) -> Vec<&'n str> {
        let mut nearest: Vec<_> =
            candidates.iter().map(|(name, file)| (strsim::jaro_winkler(self.name, name), *file)).collect();
        nearest.sort_by(|(left, a), (right, b)| right.total_cmp(left).then(a.cmp(b)));
        nearest.into_iter().take(NAMED).map(|(_, file)| file).collect()
    }
}
