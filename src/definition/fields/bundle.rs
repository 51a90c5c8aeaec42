//! What esbuild is asked for: its options by their names, and what a bundle is called.

use std::collections::BTreeMap;

use crate::finding::{Code, Finding, Place};
use crate::project::{Bundle, BundleOption};
use crate::text::nearest;

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::definition) enum Shape {
    Flag,
    /// `true`, `false` or a word.
    FlagOrText,
    /// A text; items of a list are joined by commas.
    Text,
    /// A text that is part of a path below the folder of results, or of that of the sources.
    Path,
    List,
    /// A list of `KEY=VALUE`, or a mapping.
    Pairs,
}

/// The options of esbuild that decide about bundles (esbuild documentation, API), in its own spelling.
pub(in crate::definition) const OPTIONS: [(&str, Shape); 52] = [
    ("alias", Shape::Pairs),
    ("asset-names", Shape::Path),
    ("banner", Shape::Pairs),
    ("charset", Shape::Text),
    ("chunk-names", Shape::Path),
    ("conditions", Shape::Text),
    ("define", Shape::Pairs),
    ("drop", Shape::List),
    ("drop-labels", Shape::Text),
    ("entry-names", Shape::Path),
    ("external", Shape::List),
    ("footer", Shape::Pairs),
    ("format", Shape::Text),
    ("global-name", Shape::Text),
    ("ignore-annotations", Shape::Flag),
    ("inject", Shape::List),
    ("jsx", Shape::Text),
    ("jsx-dev", Shape::Flag),
    ("jsx-factory", Shape::Text),
    ("jsx-fragment", Shape::Text),
    ("jsx-import-source", Shape::Text),
    ("jsx-side-effects", Shape::Flag),
    ("keep-names", Shape::Flag),
    ("legal-comments", Shape::Text),
    ("line-limit", Shape::Text),
    ("loader", Shape::Pairs),
    ("log-level", Shape::Text),
    ("log-limit", Shape::Text),
    ("log-override", Shape::Pairs),
    ("main-fields", Shape::Text),
    ("mangle-props", Shape::Text),
    ("mangle-quoted", Shape::Flag),
    ("minify", Shape::Flag),
    ("minify-identifiers", Shape::Flag),
    ("minify-syntax", Shape::Flag),
    ("minify-whitespace", Shape::Flag),
    ("out-extension", Shape::Pairs),
    ("outbase", Shape::Path),
    ("packages", Shape::Text),
    ("preserve-symlinks", Shape::Flag),
    ("public-path", Shape::Text),
    ("pure", Shape::List),
    ("reserve-props", Shape::Text),
    ("resolve-extensions", Shape::Text),
    ("source-root", Shape::Text),
    ("sourcemap", Shape::FlagOrText),
    ("sources-content", Shape::Flag),
    ("splitting", Shape::Flag),
    ("supported", Shape::Pairs),
    ("target", Shape::Text),
    ("tree-shaking", Shape::FlagOrText),
    ("tsconfig", Shape::Path),
];

/// A value as a definition has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition) enum Written {
    Flag(bool),
    Text(String),
    Items(Vec<String>),
    Pairs(Vec<(String, String)>),
}

/// The names of all options.
fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(name, _)| *name)
}

/// The option of a name in esbuild's own spelling.
///
/// # Errors
/// With the name that was most likely meant, if there is one.
pub(in crate::definition) fn known(name: &str) -> Result<&'static str, Option<&'static str>> {
    names().find(|known| *known == name).ok_or_else(|| nearest(name, names()))
}

/// The value of an option.
///
/// # Errors
/// With a finding if it has another form.
pub(in crate::definition) fn option(
    name: &'static str,
    written: Written,
    at: &Place,
) -> Result<BundleOption, Finding> {
    let shape = OPTIONS.iter().find(|(own, _)| *own == name).map(|(_, shape)| *shape);
    let shape = shape.unwrap_or(Shape::Text);
    let wrong = |expected: &str| {
        let message = format!("esbuild takes {expected} as `{name}`");
        Err(Finding::error(Code::WrongType, at.clone(), message))
    };
    let pairs = |items: Vec<String>| {
        if items.iter().all(|item| item.contains('=')) {
            Ok(BundleOption::List(items))
        } else {
            wrong("items such as `KEY=VALUE`")
        }
    };
    match (shape, written) {
        (Shape::Flag | Shape::FlagOrText, Written::Flag(flag)) => Ok(BundleOption::Flag(flag)),
        (Shape::Flag | Shape::FlagOrText, Written::Text(text))
            if ["true", "false"].contains(&text.as_str()) =>
        {
            Ok(BundleOption::Flag(text == "true"))
        }
        (Shape::Path, Written::Text(text)) if leaves_folder(&text) => {
            wrong("a path below the folder of the code")
        }
        (Shape::Text | Shape::FlagOrText | Shape::Path, Written::Text(text)) => Ok(BundleOption::Text(text)),
        (Shape::Text, Written::Items(items)) => Ok(BundleOption::Text(items.join(","))),
        (Shape::List, Written::Items(items)) => Ok(BundleOption::List(items)),
        (Shape::List, Written::Text(text)) => Ok(BundleOption::List(vec![text])),
        (Shape::Pairs, Written::Items(items)) => pairs(items),
        (Shape::Pairs, Written::Text(text)) => pairs(vec![text]),
        (Shape::Pairs, Written::Pairs(entries)) => {
            Ok(BundleOption::List(entries.into_iter().map(|(key, value)| format!("{key}={value}")).collect()))
        }
        (Shape::Flag, _) => wrong("`true` or `false`"),
        (Shape::FlagOrText, _) => wrong("`true`, `false` or a word"),
        (Shape::Text | Shape::Path, _) => wrong("a text"),
        (Shape::List, _) => wrong("a list"),
        (Shape::Pairs, _) => wrong("a list or a mapping"),
    }
}

/// The items of an option that takes `KEY=VALUE`, as keys and values.
pub(in crate::definition) fn as_pairs(name: &str, items: &[String]) -> Option<BTreeMap<String, String>> {
    OPTIONS.iter().find(|(own, shape)| *own == name && *shape == Shape::Pairs)?;
    let pair = |item: &String| item.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    items.iter().map(pair).collect()
}

/// Reports entry points that are not below the folder of the code.
pub(in crate::definition) fn check_entry_points(entry_points: &[String], at: &Place) -> Option<Finding> {
    let outside = entry_points.iter().find(|path| leaves_folder(path) || path.is_empty())?;
    let message = format!("the entry point `{outside}` is not in the folder of the code");
    let finding = Finding::error(Code::MissingPath, at.clone(), message);
    Some(finding.help("name a folder of code that contains it"))
}

fn leaves_folder(path: &str) -> bool {
    path.starts_with(['/', '\\']) || path.contains(':') || path.split(['/', '\\']).any(|name| name == "..")
}

/// The module of a handler, which a bundle begins with unless the definition names others (AWS SAM CLI,
/// `samcli/lib/build/app_builder.py`).
pub(in crate::definition) fn entry_point_of(handler: &str) -> String {
    let (folder, name) = handler.rsplit_once('/').map_or(("", handler), |(folder, name)| (folder, name));
    let module = name.split('.').next().unwrap_or_default();
    if folder.is_empty() { module.to_owned() } else { format!("{folder}/{module}") }
}

/// The handler in a bundle: where the module is not in the same folder as before, it is in the root of the bundle (AWS SAM CLI,
/// `samcli/lib/build/bundler.py`).
pub(in crate::definition) fn handler_in(bundle: &Bundle, handler: &str) -> String {
    let Some((_, name)) = handler.rsplit_once('/') else { return handler.to_owned() };
    // A handler with an absolute path is in a layer.
    if handler.starts_with('/') || results(bundle).contains(&entry_point_of(handler)) {
        return handler.to_owned();
    }
    name.to_owned()
}

/// Where the bundles are, without their suffixes (esbuild documentation, outbase and entry names).
fn results(bundle: &Bundle) -> Vec<String> {
    let plain =
        |path: &str| path.split('/').filter(|name| !["", "."].contains(name)).collect::<Vec<_>>().join("/");
    let modules: Vec<String> = bundle
        .entry_points
        .iter()
        .map(|path| {
            let path = plain(path);
            let start = path.rfind('/').map_or(0, |slash| slash + 1);
            let end = path[start..].rfind('.').map_or(path.len(), |stop| start + stop);
            path[..end].to_owned()
        })
        .collect();
    let text = |name: &str| match bundle.option(name) {
        Some(BundleOption::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let base = text("outbase").map_or_else(|| common_folder(&modules), plain);
    let names = text("entry-names").unwrap_or("[dir]/[name]");
    modules
        .iter()
        .map(|module| {
            let below = module.strip_prefix(&base).unwrap_or(module).trim_start_matches('/');
            let (folder, name) = below.rsplit_once('/').unwrap_or(("", below));
            plain(&names.replace("[dir]", folder).replace("[name]", name))
        })
        .collect()
}

/// The folder that contains all modules, in as many folders as possible.
fn common_folder(modules: &[String]) -> String {
    let folder =
        |module: &String| module.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default();
    let mut folders = modules.iter().map(folder);
    let first = folders.next().unwrap_or_default();
    folders.fold(first, |common, folder| {
        let names = common.split('/').zip(folder.split('/'));
        names.take_while(|(one, other)| one == other).map(|(one, _)| one).collect::<Vec<_>>().join("/")
    })
}

/// The option with which Node.js reads source maps.
pub(in crate::definition) const SOURCE_MAPS: &str = "--enable-source-maps";

/// The variable with the options of Node.js.
const NODE_OPTIONS: &str = "NODE_OPTIONS";

/// Whether options of Node.js ask for source maps.
pub(in crate::definition) fn reads_source_maps(node_options: &str) -> bool {
    node_options.split_whitespace().any(|option| option == SOURCE_MAPS)
}

/// Adds the option that reads source maps to the variables of a function.
pub(in crate::definition) fn read_source_maps(environment: &mut BTreeMap<String, String>) {
    let options = environment.entry(NODE_OPTIONS.to_owned()).or_default();
    if !reads_source_maps(options) {
        if !options.is_empty() {
            options.push(' ');
        }
        options.push_str(SOURCE_MAPS);
    }
}

/// Whether the bundle has source maps, which Node.js reads only if it is asked to.
pub(in crate::definition) fn has_source_maps(bundle: &Bundle) -> bool {
    matches!(bundle.option("sourcemap"), Some(BundleOption::Flag(true) | BundleOption::Text(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Written {
        Written::Text(text.to_owned())
    }

    fn items(items: &[&str]) -> Written {
        Written::Items(items.iter().map(|item| (*item).to_owned()).collect())
    }

    #[test]
    fn values_become_what_esbuild_takes() {
        let at = Place::document(std::path::Path::new("x"));
        let list = |items: &[&str]| BundleOption::List(items.iter().map(|item| (*item).to_owned()).collect());
        for (name, written, expected) in [
            ("minify", Written::Flag(false), BundleOption::Flag(false)),
            ("minify", text("true"), BundleOption::Flag(true)),
            ("sourcemap", text("inline"), BundleOption::Text("inline".to_owned())),
            ("sourcemap", text("false"), BundleOption::Flag(false)),
            ("main-fields", text("module,main"), BundleOption::Text("module,main".to_owned())),
            ("target", items(&["es2022", "node22"]), BundleOption::Text("es2022,node22".to_owned())),
            ("external", items(&["sharp", "@aws-sdk/*"]), list(&["sharp", "@aws-sdk/*"])),
            ("external", text("sharp"), list(&["sharp"])),
            ("loader", items(&[".png=file"]), list(&[".png=file"])),
            ("banner", Written::Pairs(vec![("js".to_owned(), "// a=b".to_owned())]), list(&["js=// a=b"])),
        ] {
            assert_eq!(
                option(known(name).unwrap(), written.clone(), &at),
                Ok(expected),
                "{name} {written:?}"
            );
        }
        for (name, written, message) in [
            ("minify", text("yes"), "esbuild takes `true` or `false` as `minify`"),
            ("target", Written::Flag(true), "esbuild takes a text as `target`"),
            ("loader", items(&[".png"]), "esbuild takes items such as `KEY=VALUE` as `loader`"),
            ("external", Written::Flag(true), "esbuild takes a list as `external`"),
            (
                "tsconfig",
                text("../tsconfig.json"),
                "esbuild takes a path below the folder of the code as `tsconfig`",
            ),
            (
                "entry-names",
                text("/tmp/[name]"),
                "esbuild takes a path below the folder of the code as `entry-names`",
            ),
        ] {
            assert_eq!(option(known(name).unwrap(), written, &at).unwrap_err().message, message);
        }
        assert_eq!(known("minfy"), Err(Some("minify")));
        assert_eq!(known("zzz"), Err(None));
    }

    #[test]
    fn entry_points_are_in_the_folder_of_the_code() {
        let at = Place::document(std::path::Path::new("x"));
        let check = |path: &str| check_entry_points(&[path.to_owned()], &at).is_none();
        for path in ["app.ts", "src/a..b.ts", "./src/app"] {
            assert!(check(path), "{path}");
        }
        for path in ["", "/app.ts", "../app.ts", "src/../../app.ts", "C:\\app.ts", "src\\..\\app.ts"] {
            assert!(!check(path), "{path}");
        }
    }

    #[test]
    fn the_handler_follows_its_module_into_the_bundle() {
        for (handler, entry_points, options, expected) in [
            ("app.handler", &["app"][..], &[][..], "app.handler"),
            ("src/app.handler", &["src/app"], &[], "app.handler"),
            ("src/app.handler", &["src/app.ts"], &[], "app.handler"),
            ("src/a/app.handler", &["src/a/app.ts", "src/b/other.ts"], &[], "app.handler"),
            ("src/app.handler", &["./src/app.ts", "index.ts"], &[], "src/app.handler"),
            ("src/app.handler", &["src/app.ts"], &[("outbase", ".")], "src/app.handler"),
            ("src/a/app.handler", &["src/a/app.ts"], &[("outbase", "./src/")], "app.handler"),
            ("a/app.handler", &["src/a/app.ts"], &[("outbase", "./src/")], "a/app.handler"),
            ("src/app.handler", &["src/app", "index"], &[("entry-names", "[name]")], "app.handler"),
            ("dist/app.handler", &["src/app"], &[("entry-names", "dist/[name]")], "dist/app.handler"),
            ("/opt/nodejs/wrapper.handler", &["app.ts"], &[], "/opt/nodejs/wrapper.handler"),
        ] {
            let bundle = Bundle {
                packages: None,
                entry_points: entry_points.iter().map(|it| (*it).to_owned()).collect(),
                options: options
                    .iter()
                    .map(|(name, text)| ((*name).to_owned(), BundleOption::Text((*text).to_owned())))
                    .collect(),
            };
            assert_eq!(handler_in(&bundle, handler), expected, "{handler} {entry_points:?} {options:?}");
        }
        assert_eq!(entry_point_of("src/v1.2/app.test.handler"), "src/v1.2/app");
    }
}
