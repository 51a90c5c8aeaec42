//! What limg builds itself with `--install` and `--run-makefiles`.

use super::*;

fn options(install: bool, run_makefiles: bool) -> Options {
    Options { install, run_makefiles, ..Options::of_tests() }
}

fn typescript() -> Folder {
    let folder = Folder::new();
    folder.write("web/src/app.ts", b"export {}");
    folder.write("web/package.json", b"{}");
    folder.write("web/package-lock.json", b"{}");
    folder
}

const BUNDLE: &str = "
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: web, Handler: src/app.handler, Runtime: nodejs22.x }
    Metadata: { BuildMethod: esbuild, BuildProperties: PROPERTIES }
";

fn bundled(properties: &str) -> String {
    report(&typescript(), &BUNDLE.replace("PROPERTIES", properties), &options(true, false))
}

#[test]
fn esbuild_bundles_the_module_of_the_handler() {
    let packages = "with packages of web/package-lock.json [] in A";
    for (properties, expected) in [
        ("{}", "A nodejs22.x app.handler x86_64 web/ by esbuild src/app  "),
        ("!Ref AWS::NoValue", "A nodejs22.x app.handler x86_64 web/ by esbuild src/app  "),
        (
            "{ UseNpmCi: true, Bundle: true, Platform: node }",
            "A nodejs22.x app.handler x86_64 web/ by esbuild src/app  ",
        ),
        (
            "{ Minify: false, Target: es2022, EntryPoints: [src/app.ts, index.ts], External: [sharp], MainFields: 'module,main' }",
            "A nodejs22.x src/app.handler x86_64 web/ by esbuild src/app.ts+index.ts minify=Flag(false) \
             target=Text(\"es2022\") external=List([\"sharp\"]) main-fields=Text(\"module,main\") ",
        ),
    ] {
        assert_eq!(bundled(properties), format!("{expected}{packages}"), "{properties}");
    }
}

#[test]
fn properties_that_esbuild_does_not_have_are_named_with_the_nearest() {
    for (properties, expected) in [
        (
            "{ Minfy: true, Watch: true }",
            "A:\n  6: [unknown-key] unknown property `Minfy`\n    help: did you mean `Minify`?\n  6: [unknown-key] unknown \
             property `Watch`\n    help: remove it: it is not an option of esbuild for bundles",
        ),
        (
            "{ Loader: ['.png'], Minify: often }",
            "A:\n  6: [wrong-type] esbuild takes items such as `KEY=VALUE` as `loader`\n  6: [wrong-type] esbuild takes \
             `true` or `false` as `minify`",
        ),
        (
            "{ EntryPoints: [../app.ts] }",
            "A:\n  5: [missing-path] the entry point `../app.ts` is not in the folder of the code\n    help: name a folder of \
             code that contains it",
        ),
    ] {
        assert_eq!(bundled(properties), expected, "{properties}");
    }
    let unknown = bundled("{ Target: !GetAtt Table.Arn }");
    assert!(unknown.starts_with("A:\n  6: [") && unknown.contains("Table"), "{unknown}");
}

#[test]
fn source_maps_are_read_where_there_are_some() {
    let read = |properties: &str, environment: &str| {
        let text = BUNDLE.replace("PROPERTIES", properties).replace(
            "Runtime: nodejs22.x",
            &format!("Runtime: nodejs22.x, Environment: {{ Variables: {environment} }}"),
        );
        let loaded = loaded(&typescript(), &text, &options(true, false));
        let function = &loaded.project.functions[0];
        let crate::project::FunctionCode::Built(build) = &function.code else {
            panic!("{:?}", function.code)
        };
        let crate::project::BuildMethod::Esbuild(bundle) = &build.method else { panic!("{build:?}") };
        (function.environment.get("NODE_OPTIONS").cloned(), bundle.option("sourcemap").is_some())
    };
    let on = Some("--enable-source-maps".to_owned());
    assert_eq!(read("{ Sourcemap: true }", "{}"), (on.clone(), true));
    assert_eq!(read("{ Sourcemap: inline }", "{}"), (on, true));
    assert_eq!(read("{ Sourcemap: false }", "{}"), (None, true));
    assert_eq!(read("{}", "{}"), (None, false));
    // The function's own value counts.
    assert_eq!(read("{}", "{ NODE_OPTIONS: '--trace-warnings --enable-source-maps' }"), (None, true));
    assert_eq!(read("{}", "{ NODE_OPTIONS: '--trace-warnings' }"), (None, false));
}

const MADE: &str = "
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: rust/app, Handler: bootstrap, Runtime: provided.al2023, Layers: [!Ref L] }
    METADATA
  L:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: layer }
    Metadata: { BuildMethod: makefile }
";

#[test]
fn makefiles_run_only_with_consent() {
    let folder = Folder::new();
    folder.write("rust/app/Makefile", b"build-A:\n\tcargo build\n");
    folder.write("rust/app/Cargo.toml", b"");
    folder.write("rust/Makefile", b"");
    folder.write("layer/Makefile", b"build-L:\n");
    let layer = "[l=layer/ by make build-L of layer/Makefile in ``] in A";
    for (metadata, expected) in [
        ("Metadata: { BuildMethod: makefile }", "rust/app/ by make build-A of rust/app/Makefile in ``"),
        // The runtime alone decides.
        ("", "rust/app/ by make build-A of rust/app/Makefile in ``"),
        (
            "Metadata: { BuildMethod: makefile, ProjectRootDirectory: rust, ContextPath: rust/app, WorkingDirectory: ./rust/app }",
            "rust/ by make build-A of rust/app/Makefile in `app`",
        ),
    ] {
        let text = MADE.replace("METADATA", metadata);
        let found = report(&folder, &text, &options(false, true));
        assert_eq!(
            found.to_lowercase(),
            format!("A provided.al2023 bootstrap x86_64 {expected} {layer}").to_lowercase()
        );
        let refused = report(&folder, &text, &options(true, false));
        assert!(
            refused.contains("help: run `sam build`, use `--run-makefiles` to build it with limg"),
            "{refused}"
        );
    }
    let outside = MADE.replace("METADATA", "Metadata: { BuildMethod: makefile, WorkingDirectory: rust }");
    let found = report(&folder, &outside, &options(false, true));
    assert!(found.contains("[missing-build] make cannot run in `rust`"), "{found}");
}

#[test]
fn layers_of_packages_may_have_sources_and_functions_that_skip_the_build_get_none() {
    let folder = Folder::new();
    folder.write("deps/requirements.txt", b"six\n");
    folder.write("common/requirements.txt", b"six\n");
    folder.write("common/shop/words.py", b"");
    folder.write("node/package.json", b"{}");
    folder.write("node/index.js", b"");
    folder.write("functions/orders/requirements.txt", b"six\n");
    let text = "
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: functions/orders, Handler: a.b, Runtime: python3.12, Layers: [!Ref L, !Ref M] }
    Metadata: { BuildMethod: python3.12 }
  B:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: functions/orders, Handler: a.b, Runtime: python3.12, Architectures: [arm64], Layers: [!Ref N] }
    Metadata: { SkipBuild: true }
  L: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: deps }, Metadata: { BuildMethod: python3.12 } }
  M:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: common }
    Metadata: { BuildMethod: python3.12, BuildArchitecture: arm64 }
  N: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: node }, Metadata: { BuildMethod: nodejs22.x } }
  O: { Type: AWS::Serverless::LayerVersion, Properties: { ContentUri: common }, Metadata: { SkipBuild: true } }
";
    let expected = "
A python3.12 a.b x86_64 functions/orders/ [l=packages of deps/requirements.txt m=common/ by Python with packages of \
        common/requirements.txt] in A
B python3.12 a.b arm64 functions/orders/ [n=node/ by Node.js with packages of node/package.json] in B";
    assert_eq!(report(&folder, text, &options(true, false)).to_lowercase(), expected.trim().to_lowercase());
    let loaded = loaded(&folder, text, &options(true, false));
    let installed: Vec<bool> = loaded.project.functions.iter().map(|it| it.install.is_some()).collect();
    assert_eq!(installed, [true, false], "the code of B is as it should be");
}
