//! What makes packages.

use std::path::Path;

use super::{Builder, changes_packages};
use crate::definition::document::Document;
use crate::definition::freshness::Freshness;
use crate::definition::serverless::fixture::{Service, folder_with, reported, value_at};

#[test]
fn plugins_that_change_packages_are_known_by_their_names() {
    for name in [
        "serverless-python-requirements",
        "serverless-webpack",
        "serverless-webpack-prisma",
        "serverless-esbuild",
        "serverless-plugin-typescript",
        "@hewmen/serverless-plugin-typescript",
        "serverless-bundle",
        "serverless-rust",
        "serverless-dotnet",
        "serverless-go-plugin",
        "serverless-plugin-monorepo",
        "serverless-layers",
        "serverless-plugin-datadog",
    ] {
        assert!(changes_packages(name), "{name}");
    }
    for name in [
        "serverless-offline",
        "serverless-offline-python",
        "serverless-domain-manager",
        "serverless-dotenv-plugin",
        "serverless-iam-roles-per-function",
        "serverless-step-functions",
        "serverless-prune-plugin",
        "serverless-google-cloudfunctions",
        "./plugins/own",
    ] {
        assert!(!changes_packages(name), "{name}");
    }
}

/// The builder of a service, or of its function `a`, with its place.
fn builder(text: &str, files: &[&str]) -> Option<String> {
    let files: Vec<_> = files.iter().map(|name| (*name, "")).collect();
    let folder = folder_with(&files);
    let service = Service::of(folder.path(), text);
    let (resolver, mut findings) = (service.resolver(), service.findings());
    let function = value_at(&resolver, &["functions", "a"]);
    let get = |key| value_at(&resolver, &["functions", "a", key]).text().unwrap().to_owned();
    let builder = Builder::of_service(&resolver, &mut findings).or_else(|| {
        Builder::of_function(&resolver, &function, &get("handler"), &get("runtime"), &mut findings)
    });
    let found = builder.map(|builder| format!("{}: {}", builder.place.path(), builder.name));
    found.into_iter().chain(reported(&findings)).reduce(|all, next| format!("{all}; {next}"))
}

#[test]
fn a_service_names_what_makes_its_packages() {
    let a = "functions: { a: { handler: src/a.main, runtime: nodejs22.x";
    let service = |rest: &str| format!("{a} }} }}\n{rest}");
    let typescript: &[&str] = &["src/a.ts"];
    for (text, files, expected) in [
        (service(""), &["src/a.js"][..], None),
        (service("plugins: [serverless-offline]"), &[], None),
        (
            service("plugins: [serverless-offline, serverless-webpack]"),
            &[],
            Some("plugins[1]: the plugin `serverless-webpack`"),
        ),
        (
            service(
                "plugins: { localPath: x, modules: [\"${self:custom.p}\"] }\ncustom: { p: serverless-bundle }",
            ),
            &[],
            Some("custom.p: the plugin `serverless-bundle`"),
        ),
        (
            service("plugins: [\"${ssm:/x}\"]"),
            &[],
            Some("plugins[0]: limg cannot resolve `${ssm:/x}`, which needs another service"),
        ),
        (
            service("custom: { pythonRequirements: {} }"),
            &[],
            Some("custom.pythonRequirements: `custom.pythonRequirements`"),
        ),
        (service("custom: { pythonRequirements: { enabled: false } }"), &[], None),
        (
            service("custom: { pythonRequirements: { enabled: '${sls:stage}' } }"),
            &[],
            Some("custom.pythonRequirements: `custom.pythonRequirements`"),
        ),
        (service(""), typescript, Some("functions.a.handler: esbuild")),
        (service("").replace("nodejs22.x", "python3.12"), typescript, None),
        (service(""), &["src/a.js", "src/a.ts"], None),
        (service("build: { esbuild: false }"), typescript, None),
        (service("build: { esbuild: { bundle: true } }"), &["src/a.js"], Some("build: esbuild")),
        (service("build: esbuild"), &["src/a.js"], Some("build: esbuild")),
        (format!("{a}, build: esbuild }} }}"), &["src/a.js"], Some("functions.a.build: esbuild")),
        (format!("{a}, build: none }} }}"), typescript, None),
    ] {
        assert_eq!(builder(&text, files).as_deref(), expected, "{text}");
    }
}

#[test]
fn what_is_missing_or_stale_is_reported_with_the_command() {
    let place = Document::parse(Path::new("serverless.yml"), String::new()).unwrap().place();
    let builder = Builder { name: "the plugin `serverless-webpack`".to_owned(), place };
    let package = Path::new(".serverless/a.zip");
    assert!(builder.not_fresh(package, &Freshness::Fresh).is_none());
    let take = "run `serverless package`, or use `--built` to take the package as it is";
    for (finding, message, help) in [
        (
            builder.missing(package),
            "the plugin `serverless-webpack` makes the package, and `.serverless/a.zip` does not exist",
            "run `serverless package`",
        ),
        (
            builder.not_fresh(package, &Freshness::Stale("a.ts".into())).unwrap(),
            "the plugin `serverless-webpack` makes the package, and `a.ts` is newer than `.serverless/a.zip`",
            take,
        ),
        (
            builder.not_fresh(package, &Freshness::OtherStage("dev".to_owned())).unwrap(),
            "the plugin `serverless-webpack` makes the package, and `.serverless/a.zip` is that of the stage `dev`",
            "run `serverless package` with `--stage` and `--param` as here, or use `--built` to take the package as it is",
        ),
        (
            builder.not_fresh(package, &Freshness::Unknown).unwrap(),
            "the plugin `serverless-webpack` makes the package, and there are too many files to tell whether `.serverless/a.zip` is up to date",
            take,
        ),
    ] {
        assert_eq!(finding.message, message);
        assert_eq!(finding.help.unwrap().render(|_| None).unwrap(), help);
    }
}
