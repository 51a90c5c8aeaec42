//! Where the code of a function comes from.

use super::{ZIP, age, code, functions, left_alone, messages, outcome, project, with_results};
use crate::definition::{BuildResults, Options};

const PLAIN: &str = "service: shop
provider: { name: aws, runtime: nodejs22.x }
functions:
  a: { handler: src/a.handler }
";

const PLUGIN: &str = "service: shop
provider: { name: aws, runtime: nodejs22.x }
plugins: [serverless-webpack]
functions:
  a: { handler: src/a.handler }
";

/// The code of each function, or what is wrong.
fn codes(definition: &str, files: &[(&str, &str)], results: BuildResults) -> Vec<String> {
    let folder = project(definition, files);
    let outcome = outcome(folder.path(), &with_results(results));
    match messages(&outcome) {
        wrong if wrong.is_empty() => {
            assert_eq!(left_alone(&outcome), [""; 0]);
            outcome.project.unwrap().functions.iter().map(|function| code(function, folder.path())).collect()
        }
        wrong => wrong,
    }
}

#[test]
fn a_fresh_package_is_used_and_otherwise_the_sources() {
    use BuildResults::{Always, Fresh, Never};
    let source = ("src/a.js", "");
    let zip = (".serverless/shop.zip", ZIP);
    for (results, files, expected) in [
        (Fresh, &[source, zip][..], ".serverless/shop.zip"),
        (Fresh, &[source], "/"),
        (Always, &[source, zip], ".serverless/shop.zip"),
        (Always, &[source], "/"),
        (Never, &[source, zip], "/"),
    ] {
        assert_eq!(codes(PLAIN, files, results), [expected], "{results:?} {files:?}");
    }
}

#[test]
fn a_stale_package_is_not_used_unless_the_user_decides_so() {
    for (definition, expected) in [
        (PLAIN, "/"),
        (
            PLUGIN,
            "3: the plugin `serverless-webpack` makes the package, and `src/a.js` is newer than \
             `.serverless/shop.zip`; run `serverless package`, or use `--built` to take the package as it is",
        ),
    ] {
        let folder = project(definition, &[("src/a.js", ""), (".serverless/shop.zip", ZIP)]);
        age(&folder.path().join("src/a.js"), -120);
        let read = |results| {
            let outcome = outcome(folder.path(), &with_results(results));
            let wrong = messages(&outcome);
            match outcome.project {
                Some(project) if wrong.is_empty() => code(&project.functions[0], folder.path()),
                _ => wrong.join("\n"),
            }
        };
        assert_eq!(read(BuildResults::Fresh), expected);
        assert_eq!(read(BuildResults::Always), ".serverless/shop.zip");
        assert_eq!(read(BuildResults::Never), "/");
    }
}

#[test]
fn what_a_plugin_makes_must_be_there() {
    let expected = "3: the plugin `serverless-webpack` makes the package, and `.serverless/shop.zip` does not exist; \
                    run `serverless package`";
    for results in [BuildResults::Fresh, BuildResults::Always] {
        assert_eq!(codes(PLUGIN, &[("src/a.js", "")], results), [expected]);
    }
    assert_eq!(codes(PLUGIN, &[("src/a.js", "")], BuildResults::Never), ["/"]);
    let esbuild = codes(PLAIN, &[("src/a.ts", "")], BuildResults::Fresh);
    assert_eq!(
        esbuild,
        ["4: esbuild makes the package, and `.serverless/shop.zip` does not exist; run `serverless package`"]
    );
}

#[test]
fn functions_have_their_own_packages_or_share_that_of_the_service() {
    let text = "service: shop
provider: { name: aws, runtime: python3.12 }
package: { individually: true }
functions:
  a: { handler: a.handler }
  b: { handler: b.handler, package: { artifact: dist/b.zip } }
";
    let files = [(".serverless/a.zip", ZIP), ("dist/b.zip", ZIP)];
    assert_eq!(codes(text, &files, BuildResults::Fresh), [".serverless/a.zip", "dist/b.zip"]);
    assert_eq!(codes(text, &files, BuildResults::Never), ["/", "dist/b.zip"]);
}

#[test]
fn an_artifact_of_another_tool_must_exist() {
    let text = |artifact: &str| {
        format!(
            "service: shop\nprovider: {{ name: aws, runtime: java21 }}\npackage: {{ artifact: {artifact} }}\n\
             functions: {{ a: {{ handler: example.Handler }} }}\n"
        )
    };
    assert_eq!(
        codes(&text("target/app.jar"), &[("target/app.jar", ZIP)], BuildResults::Fresh),
        ["target/app.jar"]
    );
    assert_eq!(
        codes(&text("target/app.jar"), &[], BuildResults::Fresh),
        ["3: `target/app.jar` does not exist; run `mvn package`"]
    );
    let missing = codes(&text("made/app.jar"), &[], BuildResults::Fresh);
    assert!(missing[0].starts_with("3: `made/app.jar` does not exist; check the path"), "{missing:?}");
    assert_eq!(
        codes(&text("s3://bucket/app.jar"), &[], BuildResults::Fresh),
        [
            "3: the code of `a` is in S3: s3://bucket/app.jar; download it, and name the file as `package.artifact`"
        ]
    );
}

#[test]
fn the_patterns_of_the_service_decide_about_its_files() {
    let folder = project(
        "service: shop
provider: { name: aws, runtime: nodejs22.x }
package: { patterns: ['!docs/**'] }
layers: { l: { path: layer } }
functions:
  a: { handler: a.handler, package: { individually: true, patterns: ['!b.js'] } }
  b: { handler: b.handler, package: { patterns: ['!a.js'] } }
",
        &[
            ("layer/x", ""),
            (
                "node_modules/.package-lock.json",
                "{\"packages\": {\"node_modules/dev\": {\"dev\": true}, \"node_modules/prod\": {}}}",
            ),
        ],
    );
    let functions = functions(folder.path(), &Options::of_tests());
    let excluded = |function: usize| {
        let mut builder = ignore::gitignore::GitignoreBuilder::new("");
        for pattern in &functions[function].code.files().unwrap().exclude {
            builder.add_line(None, pattern).unwrap();
        }
        let patterns = builder.build().unwrap();
        let all = [
            "a.js",
            "b.js",
            "docs/x",
            "layer/x",
            "serverless.yml",
            "serverless.lock",
            ".serverless/shop.zip",
            "node_modules/dev/x",
            "node_modules/prod/x",
        ];
        let is_excluded = |path: &&str| patterns.matched_path_or_any_parents(path, false).is_ignore();
        all.into_iter().filter(is_excluded).collect::<Vec<_>>()
    };
    let always = [
        "docs/x",
        "layer/x",
        "serverless.yml",
        "serverless.lock",
        ".serverless/shop.zip",
        "node_modules/dev/x",
    ];
    assert_eq!(excluded(0), [&["b.js"], &always[..]].concat());
    assert_eq!(excluded(1), always);
    let source = functions[0].code.files().unwrap();
    assert!(source.follow && !source.default_excludes);
}

#[test]
fn patterns_outside_of_the_service_need_a_package() {
    let text = "service: shop
provider: { name: aws, runtime: nodejs22.x }
package:
  patterns: ['../shared/**', '!+(a|b)']
functions:
  a: { handler: src/a.handler }
";
    let files = [("src/a.js", ""), (".serverless/shop.zip", ZIP)];
    let outside = "4: `../shared/**` adds files from outside of the folder, which limg does not; copy or link the files \
                   into the folder, or run `serverless package` and use `--built`";
    let inexact = "4: gitignore syntax cannot express `!+(a|b)`: the image may contain more files than the package; use \
                   only `*`, `**`, `?`, `[…]`, `{…,…}` and `!` at the start";
    assert_eq!(codes(text, &files, BuildResults::Always), [".serverless/shop.zip"]);
    assert_eq!(codes(text, &files, BuildResults::Fresh), [outside]);
    assert_eq!(codes(text, &files, BuildResults::Never), [outside, inexact]);
}
