//! The rules of imports, as a test: data flows one way through the rooms of `src/`, and so do imports.
//!
//! A room is a top-level module. The table lists the rooms in the order in which data flows, the command line first,
//! and for each the rooms below it that it may name. Comments and strings do not count. Tests of a room may name every
//! room below it, but none above, and may use what pure rooms may not.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprAwait, ExprCall, ExprMethodCall, ItemMod, ItemUse, Macro, UseTree, Visibility,
};

/// The rooms that every room above them may name.
const GROUND: &[&str] =
    &["build_time", "failure", "finding", "fs", "secret", "shared", "sync", "text", "units"];

/// Every room below.
const ALL: &[&str] = &["all"];

/// Each room and what it may name after `crate::`, besides itself and the ground.
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", ALL),
    ("fuzzing", ALL),
    ("pipeline", ALL),
    ("report", &["inspect", "plan", "files", "runtime", "store", "project"]),
    ("engine", &["layout", "image", "files", "runtime", "store", "event", "response_body", "project"]),
    ("aws", &["registry", "layer_version", "store", "event", "response_body", "project"]),
    ("registry", &["image", "store", "event", "project"]),
    ("layout", &["image", "layer", "files", "tree", "store", "project"]),
    ("layer_version", &["store", "project"]),
    ("compare", &["image", "layer", "files", "store", "project"]),
    ("inspect", &["image", "files", "tree", "store", "project"]),
    ("dockerfile", &["image", "files", "tree", "store", "project"]),
    ("fix", &["extract", "image", "layer", "check", "files", "tree", "store", "project"]),
    ("extract", &["image", "files", "tree", "store", "project"]),
    ("image", &["layer", "store", "project"]),
    ("layer", &["files", "tree", "store", "project"]),
    ("check", &["plan", "files", "tree", "runtime", "exports", "store", "project"]),
    ("plan", &["files", "tree", "runtime", "project"]),
    ("files", &["tree", "store", "project"]),
    ("bytecode", &["install", "tree", "store", "event", "project"]),
    ("install", &["wheel", "tree", "store", "event", "project"]),
    ("wheel", &["tree", "project"]),
    ("tree", &["project"]),
    ("definition", &["runtime", "project"]),
    ("lock", &["store", "strict_yaml", "project"]),
    ("runtime", &["project"]),
    ("explain", &["strict_yaml"]),
    ("exports", &[]),
    ("sample_event", &[]),
    ("store", &[]),
    ("event", &["project"]),
    ("response_body", &[]),
    ("strict_yaml", &[]),
    ("project", &[]),
    ("build_time", &[]),
    ("failure", &[]),
    ("finding", &[]),
    ("fs", &[]),
    ("secret", &[]),
    ("shared", &[]),
    ("sync", &[]),
    ("text", &[]),
    ("units", &[]),
];

/// Rooms that are functions from values to values: what they need from the world is a parameter.
const PURE: &[&str] =
    &["report", "image", "check", "plan", "definition", "runtime", "explain", "exports", "sample_event"];

/// What a pure room must not name: clocks, the environment, the network, and calls that write.
const IMPURE: &[&str] = &[
    "SystemTime",
    "Instant",
    "jiff",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "tokio",
    "reqwest",
    "bollard",
    "tempfile",
    "fs::write_atomically",
    "fs::create_dir_all",
    "fs::temporary_file",
    "fs::make_executable",
];

/// What prints.
const PRINTING: &[&str] = &["print!", "println!", "eprint!", "eprintln!", "dbg!", "io::stdout", "io::stderr"];

/// The one file that reads the environment.
const READS_THE_ENVIRONMENT: &str = "cli/settings.rs";

/// The functions that read a whole file or stream of any size. limg's own of these names have a limit as their second
/// argument.
const READS_ALL: &[&str] = &["fs::read", "fs::read_to_string", "io::read_to_string"];

/// The methods of a reader that read all of it. A `take` in front of them limits it.
const READS_TO_END: &[&str] = &["read_to_end", "read_to_string"];

/// The methods of an HTTP response that read its whole body.
const READS_BODY: &[&str] = &["bytes", "text", "json"];

/// The files that may read without a limit, since what they read is never large.
const READS_WITHOUT_LIMIT: &[(&str, &str)] = &[("cli/interrupt.rs", "a file of the kernel")];

#[test]
fn imports_follow_the_flow_of_data() {
    let violations = Sources::of_this_crate().violations();
    assert!(
        violations.is_empty(),
        "{} imports break the rules:\n\n{}\n",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn files_of_a_room_do_not_import_each_other_in_circles() {
    let sources = Sources::of_this_crate();
    let circles = sources.circles();
    for (room, _) in ROOMS {
        let of_room = circles.iter().filter(|(own, _)| own == room).map(|(_, circle)| circle.as_str());
        let found = of_room.collect::<Vec<_>>().join("\n\n");
        assert!(found.is_empty(), "move what both files need into a third:\n\n{found}\n");
    }
}

#[test]
fn the_table_has_every_room_in_the_order_of_the_flow() {
    for (room, allowed) in ROOMS.iter().filter(|(_, allowed)| *allowed != ALL) {
        for other in *allowed {
            assert!(position(other) > position(room), "`{room}` may name `{other}`, which is not below it");
            assert!(!GROUND.contains(other), "`{room}` may name `{other}` anyway: leave out the ground");
        }
    }
    let rooms: BTreeSet<_> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    let library = syn::parse_file(&fs::read_to_string(root().join("lib.rs")).unwrap()).unwrap();
    let modules = library.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    assert_eq!(rooms, modules.collect(), "src/lib.rs and the table differ: add or remove the room's row");
}

/// The rank of a room in the flow of data.
fn position(room: &str) -> Option<usize> {
    ROOMS.iter().position(|(own, _)| *own == room)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// A path of modules and items, `crate` first if it is one of this crate.
type ModulePath = Vec<String>;

/// The source files by the paths of their modules.
struct Sources(BTreeMap<ModulePath, SourceFile>);

struct SourceFile {
    /// Its path below `src/`, with `/`.
    name: String,
    names: Vec<Name>,
    /// What its `use` declarations at the top level bring in, by the name that it has here.
    imports: BTreeMap<String, ModulePath>,
}

/// A path in code, such as `crate::tree::Tree`; that of a macro ends in `!`.
struct Name {
    path: ModulePath,
    line: usize,
    /// Whether it is only compiled for tests.
    in_test: bool,
    /// Whether it is that of a call that reads without a limit.
    is_unbounded_read: bool,
}

impl Name {
    /// Whether the path contains the segments of `pattern` one after the other.
    fn contains(&self, pattern: &str) -> bool {
        let pattern: Vec<_> = pattern.split("::").collect();
        self.path.windows(pattern.len()).any(|window| window == pattern)
    }
}

impl Sources {
    fn of_this_crate() -> Self {
        let (mut folders, mut files) = (vec![root()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                    files.push((name, fs::read_to_string(&path).unwrap()));
                }
            }
        }
        assert!(files.len() > 50, "only {} source files in {}", files.len(), root().display());
        Self::parse(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    /// Reads files, given with their paths below `src/`.
    fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut sources, mut test_modules) = (BTreeMap::new(), Vec::new());
        for (name, text) in files {
            let path = name.strip_suffix(".rs").unwrap();
            let path = path.strip_suffix("/mod").unwrap_or(path);
            if matches!(path, "lib" | "main") {
                continue;
            }
            let module: ModulePath =
                ["crate"].into_iter().chain(path.split('/')).map(str::to_owned).collect();
            let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("src/{name}: {error}"));
            let mut reader = Reader { module: module.clone(), ..Reader::default() };
            reader.visit_file(&parsed);
            test_modules.extend(reader.test_modules);
            let file = SourceFile { name: name.to_owned(), names: reader.names, imports: reader.imports };
            sources.insert(module, file);
        }
        for (module, file) in &mut sources {
            if test_modules.iter().any(|test| module.starts_with(test)) {
                file.names.iter_mut().for_each(|name| name.in_test = true);
            }
        }
        Self(sources)
    }

    /// Everything that breaks a rule: file, line, rule and a way out.
    fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (module, file) in &self.0 {
            let Some((room, allowed)) = ROOMS.iter().find(|(room, _)| *room == module[1]) else {
                found.push(format!("src/{}: `{}` has no row in the table of rooms", file.name, module[1]));
                continue;
            };
            for name in &file.names {
                let broken = broken_rules(room, allowed, &file.name, name);
                let place = format!("src/{}:{}", file.name, name.line);
                found.extend(broken.into_iter().map(|rule| format!("{place}: {rule}")));
            }
        }
        found
    }

    /// The circles of imports in each room, tests apart: the room, and every step with its line. A module and those
    /// inside of it may name each other.
    fn circles(&self) -> Vec<(&str, String)> {
        let mut imports: BTreeMap<&ModulePath, BTreeMap<&ModulePath, usize>> = BTreeMap::new();
        for (module, file) in &self.0 {
            for name in file.names.iter().filter(|name| !name.in_test) {
                if let Some(target) = self.defined_in(module, &name.path)
                    && target[1] == module[1]
                    && !target.starts_with(module)
                    && !module.starts_with(target)
                {
                    imports.entry(module).or_default().entry(target).or_insert(name.line);
                }
            }
        }
        let (mut circles, mut seen) = (Vec::new(), BTreeSet::new());
        for start in self.0.keys() {
            let Some(circle) = shortest_way_back(start, &imports) else { continue };
            if circle.iter().any(|module| seen.contains(module)) {
                continue;
            }
            seen.extend(circle.iter().copied());
            let next = circle.iter().cycle().skip(1);
            let steps = circle.iter().zip(next).map(|(from, to)| {
                let (file, line) = (&self.0[*from].name, imports[from][to]);
                format!("src/{file}:{line} names src/{}", self.0[*to].name)
            });
            circles.push((start[1].as_str(), steps.collect::<Vec<_>>().join("\n")));
        }
        circles
    }

    /// The module that defines what `path` names in the module `from`; imports on the way are followed.
    fn defined_in(&self, from: &[String], path: &[String]) -> Option<&ModulePath> {
        let mut path = self.absolute(from, path)?;
        for _ in 0..8 {
            let (length, module) = (2..=path.len())
                .rev()
                .find_map(|length| Some((length, self.0.get_key_value(&path[..length])?)))?;
            let import = path.get(length).and_then(|name| module.1.imports.get(name));
            let Some(mut next) = import.and_then(|import| self.absolute(module.0, import)) else {
                return Some(module.0);
            };
            next.extend_from_slice(&path[length + 1..]);
            path = next;
        }
        None
    }

    /// A path from the root of the crate, if it is in this crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<ModulePath> {
        let child = [module, &path[..1]].concat();
        match path[0].as_str() {
            "crate" => Some(path.to_owned()),
            _ if self.0.contains_key(&child) => Some([module, path].concat()),
            _ => None,
        }
    }
}

/// The shortest circle of imports from a module back to itself.
fn shortest_way_back<'a>(
    start: &'a ModulePath,
    imports: &BTreeMap<&'a ModulePath, BTreeMap<&'a ModulePath, usize>>,
) -> Option<Vec<&'a ModulePath>> {
    let (mut ways, mut seen) = (VecDeque::from([vec![start]]), BTreeSet::new());
    while let Some(way) = ways.pop_front() {
        for next in imports.get(way[way.len() - 1]).into_iter().flat_map(BTreeMap::keys) {
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push_back([way.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

/// What a name in a file of `room` does against the rules.
fn broken_rules(room: &str, allowed: &[&str], file: &str, name: &Name) -> Vec<String> {
    let mut broken = Vec::new();
    let other = name.path.get(1).filter(|_| name.path[0] == "crate").map_or("", String::as_str);
    if position(other) < position(room) && position(other).is_some() {
        broken.push(format!(
            "`{room}` may not name `{other}`, which is above it: return a value or report an event, and let the caller \
             join the two"
        ));
    } else if position(other) > position(room)
        && !name.in_test
        && allowed != ALL
        && !allowed.contains(&other)
        && !GROUND.contains(&other)
    {
        let may = if allowed.is_empty() { "no other room".to_owned() } else { allowed.join(", ") };
        broken.push(format!(
            "`{room}` may not name `{other}`, only {may}: pass what it needs in, or move the code"
        ));
    }
    if name.in_test {
        return broken;
    }
    let shown = name.path.join("::");
    if name.is_unbounded_read && !READS_WITHOUT_LIMIT.iter().any(|(allowed, _)| *allowed == file) {
        broken.push(format!(
            "`{shown}` reads without a limit, and may be given more than fits into memory: use `fs::read`, \
             `fs::read_at_most`, or `take` in front of it"
        ));
    }
    if PURE.contains(&room) && IMPURE.iter().any(|it| name.contains(it)) {
        broken
            .push(format!("`{room}` is pure and may not name `{shown}`: take what it needs as a parameter"));
    }
    if room != "cli" && PRINTING.iter().any(|it| name.contains(it)) {
        broken.push(format!(
            "only `cli` prints, not `{room}` by `{shown}`: report an event or return an error"
        ));
    }
    if file != READS_THE_ENVIRONMENT && name.contains("std::env") {
        broken.push(format!(
            "only src/{READS_THE_ENVIRONMENT} reads the environment, not `{shown}` here: make it a setting and pass it down"
        ));
    }
    broken
}

/// Reads the names of one file.
#[derive(Default)]
struct Reader {
    /// The module being read: that of the file, or one inside of it.
    module: ModulePath,
    in_test: bool,
    names: Vec<Name>,
    imports: BTreeMap<String, ModulePath>,
    /// The modules of other files that are only compiled for tests.
    test_modules: Vec<ModulePath>,
    inline: usize,
}

impl Reader {
    fn add(&mut self, path: &[String], span: Span) -> ModulePath {
        let mut resolved = ModulePath::new();
        if matches!(path[0].as_str(), "self" | "super") {
            resolved.clone_from(&self.module);
        }
        for segment in path {
            match segment.as_str() {
                "self" => {}
                "super" => drop(resolved.pop()),
                _ => resolved.push(segment.clone()),
            }
        }
        self.names.push(Name {
            path: resolved.clone(),
            line: span.start().line,
            in_test: self.in_test,
            is_unbounded_read: false,
        });
        resolved
    }

    fn add_unbounded_read(&mut self, call: String, span: Span) {
        let (path, line) = (vec![call], span.start().line);
        self.names.push(Name { path, line, in_test: self.in_test, is_unbounded_read: true });
    }

    fn add_path(&mut self, path: &syn::Path, sign: &str) {
        let mut segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        segments.last_mut().unwrap().push_str(sign);
        self.add(&segments, path.segments[0].ident.span());
    }

    fn add_use(&mut self, mut path: Vec<String>, tree: &UseTree) {
        let (ident, alias) = match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                return self.add_use(path, &step.tree);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.add_use(path.clone(), tree));
            }
            UseTree::Glob(glob) => return drop(self.add(&path, glob.star_token.spans[0])),
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(rename) => (&rename.ident, &rename.rename),
        };
        path.push(ident.to_string());
        let resolved = self.add(&path, ident.span());
        if self.inline == 0 {
            let name = if alias == "self" { resolved.last().cloned() } else { Some(alias.to_string()) };
            self.imports.extend(name.map(|name| (name, resolved)));
        }
    }

    /// Adds the paths among the arguments of a macro, which need not be Rust.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut path = Vec::new();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    path.push(ident.to_string());
                    let is_colon = |token: &TokenTree| token.to_string() == ":";
                    if tokens.next_if(is_colon).is_some()
                        && tokens.next_if(is_colon).is_some()
                        && matches!(tokens.peek(), Some(TokenTree::Ident(_)))
                    {
                        continue;
                    }
                    if tokens.peek().is_some_and(|token| token.to_string() == "!") {
                        path.last_mut().unwrap().push('!');
                    }
                    self.add(&std::mem::take(&mut path), ident.span());
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let for_tests = item.attrs.iter().any(is_cfg_test);
        self.module.push(item.ident.to_string());
        if item.content.is_some() {
            let outside = self.in_test;
            self.in_test |= for_tests;
            self.inline += 1;
            visit::visit_item_mod(self, item);
            self.inline -= 1;
            self.in_test = outside;
        } else if for_tests {
            self.test_modules.push(self.module.clone());
        }
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_use(Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(path, "");
        visit::visit_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func
            && call.args.len() == 1
        {
            let segments: Vec<_> = function.path.segments.iter().map(|it| it.ident.to_string()).collect();
            let name = segments[segments.len().saturating_sub(2)..].join("::");
            if READS_ALL.contains(&name.as_str()) {
                self.add_unbounded_read(name, call.paren_token.span.open());
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if READS_TO_END.iter().any(|method| call.method == method) && !is_limited(&call.receiver) {
            self.add_unbounded_read(format!(".{}", call.method), call.method.span());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_await(&mut self, awaited: &'ast ExprAwait) {
        if let Expr::MethodCall(call) = &*awaited.base
            && call.args.is_empty()
            && READS_BODY.iter().any(|method| call.method == method)
        {
            self.add_unbounded_read(format!(".{}", call.method), call.method.span());
        }
        visit::visit_expr_await(self, awaited);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.add_path(&item.path, "!");
        self.add_tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// Whether a reader is the result of `take`.
fn is_limited(reader: &Expr) -> bool {
    match reader {
        Expr::MethodCall(call) => call.method == "take" || is_limited(&call.receiver),
        Expr::Paren(inner) => is_limited(&inner.expr),
        Expr::Try(inner) => is_limited(&inner.expr),
        _ => false,
    }
}

/// Whether this is `#[cfg(test)]`, or one with `test` among its conditions.
fn is_cfg_test(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let condition = list.tokens.to_string().replace(' ', "");
    list.path.is_ident("cfg")
        && condition.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
        && !condition.contains("not(test")
}

mod tests {
    use super::Sources;

    fn violations(name: &str, text: &str) -> Vec<String> {
        Sources::parse([(name, text)]).violations()
    }

    fn violation(name: &str, text: &str) -> String {
        let violations = violations(name, text);
        assert_eq!(violations.len(), 1, "{name}: {text}: {violations:?}");
        violations[0].clone()
    }

    #[test]
    fn a_read_without_a_limit_is_refused() {
        for text in [
            "fn f() { fs::read(path); }",
            "fn f() { std::fs::read_to_string(path)?; }",
            "fn f() { io::read_to_string(input) }",
            "fn f() { open()?.read_to_end(&mut bytes); }",
            "fn f() { pipe.lock().read_to_string(&mut text) }",
            "async fn f() { response.bytes().await?; }",
            "async fn f() { get().await?.json::<T>().await }",
        ] {
            let violation = violation("registry/http.rs", text);
            assert!(violation.starts_with("src/registry/http.rs:1: "), "{violation}");
            assert!(violation.contains("reads without a limit"), "{violation}");
        }
        for text in [
            "fn f() { fs::read(path, LIMIT)?; text.bytes(); }",
            "fn f() { file.take(9).read_to_end(&mut bytes)?; }",
            "fn f() { (&mut open()?).take(9).read_to_string(&mut text); }",
            "#[cfg(test)]\nmod tests { fn f() { std::fs::read(path); } }",
        ] {
            assert_eq!(violations("registry/http.rs", text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(violations("cli/interrupt.rs", "fn f() { fs::read(path); }"), Vec::<String>::new());
    }

    #[test]
    fn a_room_above_is_refused_however_it_is_named() {
        for text in [
            "use crate::cli;",
            "use crate::cli::Settings;",
            "use crate::{project::Layer, cli};",
            "use crate::{\n    project::{Layer, Function as F},\n    cli::{self, Settings as S},\n};",
            "use crate::cli::*;",
            "pub(crate) use crate::pipeline as p;",
            "fn f() -> crate::layer::LayerBlob { loop {} }",
            "fn f() { a(vec![1, b(crate::cli::f())]); }",
            "use super::image;",
            "mod a { use super::super::image; }",
            "#[cfg(test)]\nmod tests { use crate::layer::Key; }",
        ] {
            assert!(!violations("tree/mod.rs", text).is_empty(), "{text}");
        }
        let both = "use crate::{\n    project::Layer,\n    cli::{self, Settings},\n};";
        assert_eq!(violations("tree/mod.rs", both).len(), 2);
    }

    #[test]
    fn a_violation_has_its_file_its_line_and_a_way_out() {
        assert_eq!(
            violation("tree/zip/mod.rs", "// one\n\nuse crate::plan::plan;\n"),
            "src/tree/zip/mod.rs:3: `tree` may not name `plan`, which is above it: return a value or report an event, \
             and let the caller join the two"
        );
        assert_eq!(
            violation("tree/mod.rs", "use crate::store;"),
            "src/tree/mod.rs:1: `tree` may not name `store`, only project: pass what it needs in, or move the code"
        );
        assert!(violation("kitchen/mod.rs", "").contains("has no row"));
    }

    #[test]
    fn a_room_may_name_itself_and_what_the_table_allows() {
        for text in [
            "use crate::project::{ImagePath, Source};\nuse crate::fs::{self, FsError};",
            "use crate::units::size;",
            "use crate::tree::Tree;",
            "use super::{Content, FileNode};",
            "pub(super) fn f() {}",
            "#[cfg(test)]\nmod tests { use super::*; }",
        ] {
            assert_eq!(violations("tree/zip/name.rs", text), [""; 0], "{text}");
        }
        assert_eq!(violations("definition/validate/base.rs", "use super::super::codes;"), [""; 0]);
        assert!(violation("definition/validate/base.rs", "use super::super::super::cli;").contains("`cli`"));
    }

    #[test]
    fn tests_may_name_every_room_below() {
        let lower = "use crate::extract::Selection;";
        assert!(violation("layout/mod.rs", lower).contains("`extract`"));
        assert_eq!(violations("layout/mod.rs", &format!("#[cfg(test)]\nmod tests {{ {lower} }}")), [""; 0]);
        let declared = |attribute: &str| {
            let room = format!("{attribute} mod fixture;");
            Sources::parse([("layout/mod.rs", room.as_str()), ("layout/fixture/made.rs", lower)]).violations()
        };
        assert_eq!(declared("#[cfg(test)]"), [""; 0]);
        assert_eq!(declared("").len(), 1);
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        let text = r##"
            //! [`crate::cli`]
            /// crate::cli
            /* crate::cli /* crate::cli */ crate::cli */
            const A: &str = "crate::cli \" crate::cli";
            const B: &str = r#"crate::cli " crate::cli"#;
            fn f<'a>() { println("crate::cli"); g!("crate::cli") }
        "##;
        assert_eq!(violations("fs.rs", text), [""; 0]);
        assert!(violation("fs.rs", &format!("{text}\nuse crate::cli;")).starts_with("src/fs.rs:9: "));
    }

    #[test]
    fn pure_rooms_name_no_clock_no_environment_and_no_network() {
        for text in [
            "use std::time::SystemTime;",
            "use std::{collections::BTreeMap, time::{Duration, Instant}};",
            "fn f() { std::time::Instant::now(); }",
            "fn f() { assert_eq!(1, std::time::Instant::now()); }",
            "use std::fs::write;",
            "fn f() { std::fs::write(a, b); }",
            "async fn f() { tokio::spawn(g()); }",
            "use reqwest::Client;",
            "fn f() { fs::write_atomically(a, b); }",
        ] {
            assert!(violation("plan/mod.rs", text).contains("is pure"), "{text}");
            let in_test = format!("#[cfg(all(test, unix))]\nmod tests {{ {text} }}");
            assert_eq!(violations("plan/mod.rs", &in_test), [""; 0]);
            assert_eq!(violations("pipeline/mod.rs", text), [""; 0]);
        }
        let allowed = "use crate::fs::{self, FsError}; fn f() { fs::open(p); }";
        assert_eq!(violations("definition/mod.rs", allowed), [""; 0]);
        for before in ["#[cfg(not(test))]", "#[cfg(test)] mod tests;", "#[cfg(test)] mod tests {}"] {
            assert!(!violations("plan/mod.rs", &format!("{before} mod a {{ use tokio::fs; }}")).is_empty());
        }
    }

    #[test]
    fn circles_are_found_through_the_module_that_passes_names_on() {
        let circles = |a: &str, b: &str| {
            let room = "mod a; mod b; pub use a::A; use b::B as C; pub struct T;";
            let files = [("tree/mod.rs", room), ("tree/a.rs", a), ("tree/b.rs", b)];
            let sources = Sources::parse(files);
            sources
                .circles()
                .into_iter()
                .map(|(room, circle)| format!("{room}\n{circle}"))
                .collect::<Vec<_>>()
        };
        let a = "use super::{C, T}; pub struct A(C);";
        let found = "tree\nsrc/tree/a.rs:1 names src/tree/b.rs\nsrc/tree/b.rs:2 names src/tree/a.rs";
        assert_eq!(circles(a, "pub struct B;\nfn f(a: &super::A) {}"), [found]);
        assert_eq!(circles(a, "pub struct B; #[cfg(test)] mod tests { use crate::tree::A; }"), [""; 0]);
        assert_eq!(circles(a, "pub struct B;"), [""; 0], "a module and those inside of it are no circle");
    }

    #[test]
    fn only_the_command_line_prints() {
        for text in [
            "fn f() { println!(\"x\"); }",
            "fn f() { g!({ std::eprintln!(\"x\") }); }",
            "fn f() { std::io::stdout().lock(); }",
            "use std::io::{self, stderr};",
            "fn f() { io::stderr(); }",
        ] {
            assert!(violation("pipeline/base.rs", text).contains("only `cli` prints"), "{text}");
            assert_eq!(violations("cli/render.rs", text), [""; 0]);
        }
        assert_eq!(violations("pipeline/base.rs", "fn f(stdout: u8) -> bool { stdout != 1 }"), [""; 0]);
    }

    #[test]
    fn only_the_settings_read_the_environment() {
        for text in ["use std::env;", "fn f() { std::env::var(\"X\"); }", "use std::{env, fs};"] {
            assert!(violation("engine/mod.rs", text).contains("reads the environment"), "{text}");
            assert!(violation("cli/build.rs", text).contains("reads the environment"), "{text}");
            assert_eq!(violations("cli/settings.rs", text), [""; 0]);
        }
        assert_eq!(violations("engine/mod.rs", "const V: &str = env!(\"CARGO_PKG_VERSION\");"), [""; 0]);
    }
}
