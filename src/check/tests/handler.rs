//! Whether the file of a handler is in the image.

use super::{entry_point, help};
use crate::check::{Subject, check};
use crate::files::base_of;
use crate::finding::{Code, Finding};
use crate::plan::tests::fixture::{Fixture, in_image};
use crate::project::HandlerWrapper;

/// The content of files without one, which no language can parse: only that they exist matters.
const UNPARSED: &str = "(";

fn not_found(fixture: &Fixture) -> Vec<Finding> {
    let (function, contract, base, plan) =
        (&fixture.function, fixture.contract(), &fixture.run, &fixture.planned());
    let (trees, code_of) = (&fixture.trees, function.name.as_str());
    let found = check(&Subject { function, contract, base, base_size: 0, trees, plan, code_of }).unwrap();
    found.into_iter().filter(|finding| finding.code == Code::HandlerNotFound).collect()
}

fn of(runtime: &str, handler: &str, code: &[&str]) -> Fixture {
    let node =
        |node: &&str| if node.contains('=') { (*node).to_owned() } else { format!("{node}={UNPARSED}") };
    let nodes: Vec<_> = code.iter().map(node).collect();
    let mut fixture = Fixture::new(runtime).code(&nodes.iter().map(String::as_str).collect::<Vec<_>>());
    fixture.function.handler = Some(handler.to_owned());
    fixture
}

#[test]
fn handlers_are_found_where_their_language_looks() {
    for (runtime, handler, file) in [
        ("python3.12", "app.handler", "/var/task/app.py"),
        ("python3.12", "app.handler", "/var/task/app.pyc"),
        ("python3.12", "app.handler", "/var/task/app.cpython-312-x86_64-linux-gnu.so"),
        ("python3.12", "app.handler", "/var/task/app/__init__.py"),
        ("python3.12", "src.app.handler", "/var/task/src/app.py"),
        ("python3.12", "src/app.handler", "/var/task/src/app.py"),
        ("python3.12", "lib.handler", "/opt/python/lib.py"),
        ("python3.12", "lib.handler", "/opt/python/lib/python3.12/site-packages/lib/__init__.py"),
        ("nodejs22.x", "index.handler", "/var/task/index.js"),
        ("nodejs22.x", "src/index.handler", "/var/task/src/index.mjs"),
        ("nodejs22.x", "./src/index.handler", "/var/task/src/index.cjs"),
        ("nodejs22.x", "src/index.api.handler", "/var/task/src/index.js"),
        ("nodejs22.x", "src.handler", "/var/task/src/index.js"),
        ("nodejs22.x", "package.handler", "/var/task/node_modules/package/package.json"),
        (
            "nodejs22.x",
            "/opt/nodejs/node_modules/vendor/handler.handler",
            "/opt/nodejs/node_modules/vendor/handler.js",
        ),
        ("ruby3.3", "app.handler", "/var/task/app.rb"),
        ("ruby3.3", "src/app.App::Main.process", "/var/task/src/app.rb"),
        ("ruby3.3", "vendor.run", "/opt/ruby/gems/3.3.0/gems/vendor-1.0/lib/vendor.rb"),
        ("java21", "com.shop.Handler::handle", "/var/task/com/shop/Handler.class"),
        ("java21", "com.shop.Handler", "/var/task/com/shop/Handler.class"),
        ("java21", "com.shop.Handler::handle", "/var/task/lib/shop.jar"),
        ("java21", "com.shop.Handler::handle", "/opt/java/lib/shop.jar"),
        ("dotnet8", "Shop::Shop.Function::Handle", "/var/task/Shop.dll"),
        ("dotnet8", "Shop", "/var/task/Shop"),
        ("provided.al2023", "anything", "/var/task/bootstrap=#!/bin/sh\n"),
    ] {
        assert_eq!(not_found(&of(runtime, handler, &[file])), [], "{handler} {file}");
    }
}

#[test]
fn a_handler_without_a_file_gives_a_warning_with_what_was_meant() {
    for (runtime, handler, files, advice) in [
        ("python3.12", "App.handler", &["/var/task/app.py"][..], "use `app.handler`"),
        ("python3.12", "app.handler", &["/var/task/src/app.py"], "use `src.app.handler`"),
        (
            "python3.12",
            "ap.handler",
            &["/var/task/app.py", "/var/task/x.txt"],
            "the nearest files are `app.py`",
        ),
        ("python3.12", "app.handler", &["/var/task/readme.txt"], "add its file to the code"),
        (
            "java21",
            "com.shop.Handler::handle",
            &["/var/task/tool.jar", "/var/task/libs/x.jar"],
            "add its file to the code",
        ),
        ("nodejs22.x", "index.handler", &["/var/task/index.ts"], "compile `index.ts` to JavaScript"),
        ("nodejs22.x", "index.handler", &["/var/task/dist/index.js"], "use `dist/index.handler`"),
        ("nodejs22.x", "src.app.handler", &["/var/task/src/app.js"], "use `src/app.handler`"),
        ("nodejs22.x", "app.handler", &["/var/task/node_modules/x/app.js"], "add its file to the code"),
        (
            "ruby3.3",
            "lambda_function.Shop.run",
            &["/var/task/lib/lambda_function.rb"],
            "use `lib/lambda_function.Shop.run`",
        ),
        (
            "java21",
            "com.shop.handler::run",
            &["/var/task/com/shop/Handler.class"],
            "use `com.shop.Handler::run`",
        ),
        ("dotnet8", "shop::Shop.F::Run", &["/var/task/Shop.dll"], "use `Shop::Shop.F::Run`"),
    ] {
        let found = not_found(&of(runtime, handler, files));
        assert_eq!(found.len(), 1, "{handler}");
        assert!(!found[0].is_error());
        assert!(help(&found[0]).contains(advice), "{handler}: {}", help(&found[0]));
    }
    let found = not_found(&of("python3.12", "app.handler", &["/var/task/x"]));
    let message = "the handler `app.handler` is in the module `app`, which is neither in the code nor in a layer or the base";
    assert_eq!(found[0].message, message);
}

#[test]
fn what_runs_a_script_or_calls_another_handler_is_taken_into_account() {
    let script = "/var/task/run.sh=#!/bin/sh\n";
    let mut fixture = of("python3.12", "run.sh", &[script]).layer("adapter", &["/opt/bootstrap=#!/bin/sh\n"]);
    assert_eq!(not_found(&fixture).len(), 1, "nothing runs it");
    fixture.function.wrapper = Some(in_image("/opt/bootstrap"));
    assert_eq!(not_found(&fixture), []);

    let mut fixture =
        of("python3.12", "app.handler", &["/var/task/app.py"]).layer("vendor", &["/opt/python/vendor.py"]);
    let wrapper =
        |handler: &str| Some(HandlerWrapper { handler: handler.to_owned(), variable: "V".to_owned() });
    fixture.function.handler_wrapper = wrapper("vendor.handler");
    assert_eq!(not_found(&fixture), []);
    fixture.function.handler_wrapper = wrapper("vendors.handler");
    assert!(not_found(&fixture)[0].message.contains("`vendors.handler`"));

    let mut fixture = of("python3.12", "app.handler", &[]).variable("PYTHONPATH", "/var/task/src");
    assert_eq!(not_found(&fixture).len(), 1);
    fixture = fixture.code(&["/var/task/src/app.py=def handler(): x"]);
    assert_eq!(not_found(&fixture), []);

    let mut fixture = of("python3.12", "app.handler", &[]);
    fixture.index = base_of(&[&["var/", "var/task/", "var/task/app.py"]]);
    assert_eq!(not_found(&fixture), [], "the base has it");
    let mut fixture = of("python3.12", "any thing", &[]);
    fixture.function.base.entrypoint = Some(entry_point(&["/var/task/start"]));
    assert_eq!(not_found(&fixture), [], "an entry point may do what it wants with it");
}

#[test]
fn archives_of_the_java_runtime_have_no_handlers() {
    let base = |archive: &'static str| {
        let mut fixture = of("java21", "com.shop.Handler::handle", &["/var/task/Handler.java"]);
        fixture.index = base_of(&[&[archive]]);
        not_found(&fixture).len()
    };
    assert_eq!(base("var/runtime/lib/aws-lambda-java-core-1.2.2.jar"), 1);
    assert_eq!(base("var/lang/lib/jrt-fs.jar"), 1);
    assert_eq!(base("app/shop.jar"), 0);
}

#[test]
fn a_handler_without_a_function_gives_a_warning() {
    for (runtime, handler, file) in [
        ("python3.12", "app", "/var/task/app.py"),
        ("python3.12", "app.", "/var/task/app.py"),
        ("nodejs22.x", "index", "/var/task/index.js"),
        ("ruby3.4", "app", "/var/task/app.rb"),
    ] {
        let found = not_found(&of(runtime, handler, &[file]));
        assert!(found[0].message.ends_with("but no function in it"), "{handler}: {}", found[0].message);
    }
    assert_eq!(not_found(&of("java21", "Hello", &["/var/task/Hello.class"])), [], "Java calls an interface");
}

#[test]
fn a_function_that_the_module_does_not_have_gives_a_warning() {
    let module = r#"/var/task/package.json={"type": "module"}"#;
    for (runtime, handler, files, message, advice) in [
        (
            "nodejs22.x",
            "app.lambdaHandler",
            &["/var/task/app.js=exports.handler = exports.other = 1"][..],
            "the handler `app.lambdaHandler` names the function `lambdaHandler`, but `app.js` exports no such function",
            "did you mean `app.handler`?",
        ),
        (
            "nodejs22.x",
            "a.b.c",
            &["/var/task/a.mjs=export const c = 1, d = 2, e = 3, f = 4"],
            "the handler `a.b.c` names the function `b`, but `a.mjs` exports no such function",
            "name one of the file's functions: `c`, `d`, `e` and 1 more",
        ),
        (
            "nodejs22.x",
            "src/app.handler",
            &["/var/task/src/app.js=exports.handler = 1", module],
            "the handler `src/app.handler` names the function `handler`, but `src/app.js` exports no such function",
            "correct the handler, or add the function to the file",
        ),
        (
            "python3.12",
            "src/app.main",
            &["/var/task/src/app.py=def lambda_handler(): x"],
            "the handler `src/app.main` names the function `main`, but `src/app.py` exports no such function",
            "did you mean `src/app.lambda_handler`?",
        ),
        (
            "python3.12",
            "app.handler",
            &["/var/task/app.py=import x", "/var/task/app/__init__.py=def run(): x"],
            "the handler `app.handler` names the function `handler`, but `app.py` exports no such function",
            "name one of the file's functions: `run`",
        ),
        (
            "ruby3.3",
            "app.handlr",
            &["/var/task/app.rb=def handler(**); end"],
            "the handler `app.handlr` names the function `handlr`, but `app.rb` defines no such function",
            "did you mean `app.handler`?",
        ),
        (
            "ruby3.3",
            "app.Api::Shop.run",
            &["/var/task/app.rb=module Api\nclass Shop\ndef run; end\ndef self.runs; end\nend\nend"],
            "the handler `app.Api::Shop.run` names the function `Api::Shop.run`, but `app.rb` defines no such function",
            "did you mean `app.Api::Shop.runs`?",
        ),
    ] {
        let found = not_found(&of(runtime, handler, files));
        assert_eq!(found.len(), 1, "{handler}");
        assert!(!found[0].is_error());
        assert_eq!((found[0].message.as_str(), help(&found[0])), (message, advice.to_owned()), "{handler}");
    }
}

#[test]
fn a_function_that_the_module_may_have_gives_no_warning() {
    let long = format!("/var/task/app.js=exports.a = 1; //{}", "x".repeat(256 * 1024));
    let module = r#"/var/task/package.json={"type": "module"}"#;
    for (runtime, handler, files) in [
        ("nodejs22.x", "app.handler", &["/var/task/app.js=exports.handler = 1"][..]),
        ("nodejs22.x", "app.handler", &["/var/task/app.js=export const handler = 1", module]),
        ("nodejs22.x", "app.handler", &["/var/task/app.js=export const other = 1"]),
        ("nodejs22.x", "app.handler", &["/var/task/app.js=x = 1", "/var/task/app.mjs=export { handler }"]),
        ("nodejs22.x", "app.handler", &["/var/task/app.js=module.exports = lib"]),
        ("nodejs22.x", "app.handler", &["/var/task/app.js=x = 1", "/var/task/package.json={"]),
        ("nodejs22.x", "app.handler", &[long.as_str()]),
        ("nodejs22.x", "app.api.handler", &["/var/task/app.js=exports.api = { handler }"]),
        ("python3.12", "app.handler", &["/var/task/app.py=from lib import *"]),
        ("python3.12", "app.handler", &["/var/task/app.py=handler = Mangum(app)"]),
        ("python3.12", "app.handler", &["/var/task/app/__init__.py=x = 1", "/var/task/app.pyc"]),
        ("python3.12", "app.handler", &["/var/task/app.py=x = 1", "/var/task/app.cpython-312.so"]),
        ("ruby3.3", "app.run", &["/var/task/app.rb=require_relative 'lib'"]),
        ("ruby3.3", "app.Shop.run", &["/var/task/app.rb=class Shop < Base\nend"]),
    ] {
        assert_eq!(not_found(&of(runtime, handler, files)), [], "{files:?}");
    }
    let mut fixture = of("python3.12", "app.handler", &["/var/task/app.py=x = 1"]);
    assert_eq!(not_found(&fixture).len(), 1);
    fixture.function.wrapper = Some(in_image("/bin/sh"));
    assert_eq!(not_found(&fixture), [], "a wrapper may call something else");
    let mut fixture = of("python3.12", "app.handler", &["/var/task/app.py=x = 1"]);
    fixture = fixture.layer("vendor", &["/opt/python/app.py=def handler(): x"]);
    assert_eq!(not_found(&fixture), [], "a layer has the module too");
}

#[test]
fn a_file_of_ruby_may_be_above_the_code() {
    let found = not_found(&of("ruby3.3", "../../lib/app.handler", &["/var/task/x.rb"]));
    assert!(found[0].message.contains("is in the file `../../lib/app`, which"), "{}", found[0].message);
}
