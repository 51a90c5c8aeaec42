//! Results of `sam build`: used while they are newer than their sources.

use std::time::{Duration, SystemTime};

use super::*;
use crate::definition::BuildResults;

const TEMPLATE: &str = "
Resources:
  A:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: makefile }
    Properties: { Runtime: python3.12, Handler: app.handler, CodeUri: src, Layers: [!Ref L] }
  L:
    Type: AWS::Serverless::LayerVersion
    Metadata: { BuildMethod: python3.12 }
    Properties: { ContentUri: layer }
  App: { Type: AWS::Serverless::Application, Properties: { Location: app/template.yaml } }
";
const APP: &str = "
Resources:
  B: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.12, Handler: app.handler, CodeUri: . } }
";

fn set_age(folder: &Folder, path: &str, age: u64) {
    let time = SystemTime::now() - Duration::from_secs(age);
    std::fs::File::options().write(true).open(folder.path(path)).unwrap().set_modified(time).unwrap();
}

/// A project and the results of `sam build`, a minute younger than the sources.
fn project() -> Folder {
    let folder = Folder::new();
    for path in ["src/app.py", "layer/requirements.txt", "app/app.py"] {
        folder.write(path, b"x");
        set_age(&folder, path, 120);
    }
    folder.write("app/template.yaml", APP.as_bytes());
    set_age(&folder, "app/template.yaml", 120);
    for path in ["A/app.py", "A/dependency.py", "L/python/dependency.py", "App/B/app.py"] {
        folder.write(&format!(".aws-sam/build/{path}"), b"x");
    }
    let built = TEMPLATE
        .replace("BuildMethod:", "SamResourceId: x, BuildMethod:")
        .replace("CodeUri: src", "CodeUri: A")
        .replace("ContentUri: layer", "ContentUri: L")
        .replace("app/template.yaml", "App/template.yaml");
    folder.write(".aws-sam/build/template.yaml", built.as_bytes());
    folder.write(".aws-sam/build/App/template.yaml", APP.replace("CodeUri: .", "CodeUri: B").as_bytes());
    for path in [".aws-sam/build/template.yaml", ".aws-sam/build/App/template.yaml"] {
        set_age(&folder, path, 60);
    }
    folder
}

#[test]
fn fresh_results_stand_for_their_sources() {
    let folder = project();
    let text = report(&folder, TEMPLATE, &Options::of_tests());
    assert_eq!(
        text,
        "A python3.12 app.handler x86_64 .aws-sam/build/A/ [L=.aws-sam/build/L] in A\n\
         App/B python3.12 app.handler x86_64 .aws-sam/build/App/B/ [] in App-B"
    );
    let never = Options { build_results: BuildResults::Never, ..Options::of_tests() };
    let text = report(&folder, TEMPLATE, &never);
    assert!(text.starts_with("A python3.12 app.handler x86_64 src/ [L=layer] in A"), "{text}");
}

#[test]
fn stale_results_are_named_with_the_command() {
    let folder = project();
    set_age(&folder, "src/app.py", 1);
    let text = report(&folder, TEMPLATE, &Options::of_tests());
    assert!(text.contains("`makefile`; the last build is older than its sources"), "{text}");
    assert!(text.contains("help: run `sam build`, use `--run-makefiles` to build it with limg, use `--built` to take the last build, or use"), "{text}");
    let always = Options { build_results: BuildResults::Always, ..Options::of_tests() };
    let text = report(&folder, TEMPLATE, &always);
    assert!(text.starts_with("A python3.12 app.handler x86_64 .aws-sam/build/A/"), "{text}");
}

#[test]
fn a_result_for_another_runtime_is_named() {
    let folder = project();
    folder.write(
        ".aws-sam/build.toml",
        b"[function_build_definitions.1]\nruntime = 'python3.11'\narchitecture = 'x86_64'\nfunctions = ['A', 'App/B']\n",
    );
    let text = report(&folder, TEMPLATE, &Options::of_tests());
    assert!(text.starts_with("App/B python3.12 app.handler x86_64 app/"), "{text}");
    assert!(text.contains("`makefile`; the last build is for python3.11"), "{text}");
}

#[test]
fn a_bundle_has_the_handler_and_the_source_maps_that_sam_has_set() {
    let template = "
Resources:
  A:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: esbuild }
    Properties: { Runtime: nodejs22.x, Handler: src/app.handler, CodeUri: fn }
";
    let built = template.replace(
        "src/app.handler, CodeUri: fn",
        "app.handler, CodeUri: A, Environment: { Variables: { X: x } }",
    );
    let folder = Folder::new();
    folder.write("fn/src/app.ts", b"x");
    set_age(&folder, "fn/src/app.ts", 120);
    folder.write(".aws-sam/build/A/app.js", b"x");
    let read = |built: &str, template: &str| {
        folder.write(".aws-sam/build/template.yaml", built.as_bytes());
        let loaded = loaded(&folder, template, &Options::of_tests());
        let function = loaded.project.functions.into_iter().next().unwrap();
        (function.handler.unwrap(), function.environment.into_values().collect::<String>())
    };
    assert_eq!(read(&built, template), ("app.handler".to_owned(), String::new()));
    let with_maps = built.replace("X: x", "NODE_OPTIONS: ' --enable-source-maps'");
    assert_eq!(read(&with_maps, template), ("app.handler".to_owned(), "--enable-source-maps".to_owned()));
    let own =
        template.replace("CodeUri: fn", "CodeUri: fn, Environment: { Variables: { NODE_OPTIONS: -a } }");
    assert_eq!(read(&with_maps, &own), ("app.handler".to_owned(), String::new()));
    let without_esbuild = with_maps.replace("esbuild", "nodejs22.x");
    assert_eq!(read(&without_esbuild, template), ("src/app.handler".to_owned(), String::new()));
}

#[test]
fn sources_that_were_not_built_are_no_results() {
    let folder = project();
    let built = TEMPLATE.replace("BuildMethod:", "SamResourceId: x, BuildMethod:");
    let built = built
        .replace("CodeUri: src", "CodeUri: ../../src")
        .replace("ContentUri: layer", "ContentUri: ../../layer");
    folder.write(".aws-sam/build/template.yaml", built.as_bytes());
    let text = report(&folder, TEMPLATE, &Options::of_tests());
    assert!(
        text.contains("the code of `A` must be built first, since its `BuildMethod` is `makefile`\n"),
        "{text}"
    );
}

#[test]
fn functions_with_copies_of_one_result_share_an_image() {
    let template = "
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.12, Handler: app.a, CodeUri: src } }
  B: { Type: AWS::Serverless::Function, Properties: { Runtime: python3.12, Handler: app.b, CodeUri: src } }
";
    let folder = Folder::new();
    folder.write("src/app.py", b"x");
    set_age(&folder, "src/app.py", 120);
    folder.write(".aws-sam/build/A/app.py", b"x");
    folder.write(".aws-sam/build/B/app.py", b"x");
    let built = template
        .replace("app.a, CodeUri: src", "app.a, CodeUri: A")
        .replace("app.b, CodeUri: src", "app.b, CodeUri: B");
    folder.write(".aws-sam/build/template.yaml", built.as_bytes());
    let text = report(&folder, template, &Options::of_tests());
    assert!(text.contains("B python3.12 app.b x86_64 .aws-sam/build/B/ [] in B"), "{text}");
    folder.write(".aws-sam/build.toml", b"[function_build_definitions.1]\nfunctions = ['A', 'B']\n");
    let text = report(&folder, template, &Options::of_tests());
    assert!(text.contains("B python3.12 app.b x86_64 .aws-sam/build/A/ [] in A"), "{text}");
}

#[test]
fn results_of_loops_are_in_folders_with_the_names_of_functions() {
    let template = "
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Resources:
  Fn::ForEach::Functions:
    - Name
    - [A, B]
    - ${Name}Function:
        Type: AWS::Serverless::Function
        Metadata: { BuildMethod: makefile }
        Properties: { Runtime: python3.12, Handler: app.handler, CodeUri: !Sub 'src/${Name}' }
";
    let folder = Folder::new();
    for path in ["src/A/app.py", "src/B/app.py"] {
        folder.write(path, b"x");
        set_age(&folder, path, 120);
    }
    let text = report(&folder, template, &Options::of_tests());
    assert!(
        text.contains(
            "help: run `sam build --language-extensions`, use `--run-makefiles` to build it with limg, or use"
        ),
        "{text}"
    );
    folder.write(".aws-sam/build/AFunction/app.py", b"x");
    folder.write(".aws-sam/build/template.yaml", template.as_bytes());
    folder.write(
        ".aws-sam/build.toml",
        b"[function_build_definitions.1]\nfunctions = ['AFunction', 'BFunction']\n\
                  [function_build_definitions.1.metadata]\nBuildMethod = 'makefile'\n",
    );
    let text = report(&folder, template, &Options::of_tests());
    assert!(text.starts_with("AFunction python3.12 app.handler x86_64 .aws-sam/build/AFunction/"), "{text}");
    assert!(text.contains("the code of `BFunction` must be built first"), "{text}");
}

#[test]
fn results_may_be_where_the_build_of_another_folders_template_was_run() {
    let folder = project();
    for path in ["src/app.py", "layer/requirements.txt", "app/template.yaml", "app/app.py"] {
        folder.write(&format!("infra/{path}"), &std::fs::read(folder.path(path)).unwrap());
        set_age(&folder, &format!("infra/{path}"), 120);
    }
    folder.write("infra/template.yaml", TEMPLATE.as_bytes());
    let read = || described(&folder, load(&folder.path("infra/template.yaml"), &Options::of_tests()));
    assert!(read().starts_with("A python3.12 app.handler x86_64 .aws-sam/build/A/"), "{}", read());
    folder.write("template.yaml", TEMPLATE.as_bytes());
    assert!(read().contains("the code of `A` must be built first"), "{}", read());
}

#[test]
fn a_built_template_is_a_template() {
    let folder = project();
    let loaded = load(&folder.path(".aws-sam/build/template.yaml"), &Options::of_tests()).unwrap();
    let paths = loaded.project.functions.iter().map(|function| function.code.files().unwrap().path.clone());
    let expected = [".aws-sam/build/A", ".aws-sam/build/App/B"].map(|path| folder.path(path));
    assert_eq!(paths.collect::<Vec<_>>(), expected);
}
