//! What a planned image violates.

mod binaries;
mod contents;
mod editable_installs;
mod followed_packages;
mod handler;
mod links;
mod missing_packages;
mod secret_files;
mod split_packages;

use std::path::Path;

use super::{Subject, check};
use crate::files::{base_of, base_of_entries, parsed};
use crate::finding::{Code, Finding};
use crate::plan::ImagePlan;
use crate::plan::tests::fixture::{Fixture, SCRIPT, files, in_image, loaded, place};
use crate::project::{EntryPoint, Wrapper, WrapperScript};
use crate::runtime::{AWS_ENTRYPOINT, LIMG_ENTRYPOINT};

impl Fixture {
    /// As [`Fixture::new`], with this code.
    fn with_code(runtime: &str, code: &[&str]) -> Self {
        Self::new(runtime).code(code)
    }

    fn checked_with(&self, plan: &ImagePlan<'_>) -> Vec<Finding> {
        let (function, contract, base) = (&self.function, self.contract(), &self.run);
        let code_of = function.name.as_str();
        let trees = &self.trees;
        let found = check(&Subject { function, contract, base, base_size: 0, trees, plan, code_of }).unwrap();
        // Hardly any of the fixtures has the file of its handler.
        found.into_iter().filter(|finding| finding.code != Code::HandlerNotFound).collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let findings = self.checked_with(&self.planned());
        assert!(findings.iter().all(|finding| finding.help.is_some()), "{findings:?}");
        findings
    }

    /// The plan and its warnings, without errors.
    fn checked(&self) -> (ImagePlan<'_>, Vec<Finding>) {
        let plan = self.planned();
        let findings = self.checked_with(&plan);
        assert!(!findings.iter().any(Finding::is_error), "{findings:?}");
        (plan, findings)
    }

    fn checked_without_warnings(&self) {
        assert_eq!(self.checked().1, []);
    }

    fn warnings(&self) -> Vec<Code> {
        self.checked().1.iter().map(|warning| warning.code).collect()
    }

    /// The message and the help of the only warning.
    fn warning(&self, code: Code) -> String {
        let (_, findings) = self.checked();
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!(finding.code, code);
        format!("{}; {}", finding.message, help(finding))
    }

    fn errors(&self) -> Vec<String> {
        let findings = self.findings();
        let errors = findings.iter().filter(|finding| finding.is_error());
        errors.map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
    }
}

/// The help in the words of `limg.yaml`.
fn help(finding: &Finding) -> String {
    finding.help.as_ref().unwrap().render(crate::definition::words).unwrap()
}

fn entry_point(command: &[&str]) -> EntryPoint {
    let place = place(&["bases", "python3.11", "entrypoint"]);
    EntryPoint { command: words(command), place }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_file_and_a_directory_at_one_place_are_an_error() {
    let both_ways = [(["/opt/a"], ["/opt/a/b"]), (["/opt/a/b"], ["/opt/a"])];
    for (lower, upper) in both_ways {
        let errors = Fixture::new("python3.12").layer("one", &lower).layer("two", &upper).errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("file-over-directory: layer two has a "), "{errors:?}");
    }
    let link = Fixture::new("python3.12")
        .layer("one", &["/opt/lib -> lib64"])
        .layer("two", &["/opt/lib/x.so"])
        .errors();
    assert!(link[0].contains("a directory at `/opt/lib` where layer one has a symbolic link"), "{link:?}");
}

#[test]
fn what_the_base_has_is_not_replaced_by_another_kind() {
    let mut fixture = Fixture::new("python3.12").layer("a", &["/opt/lib/x", "/opt/lib/y"]);
    fixture.index = base_of(&[&["bin/", "bin/sh", "opt/", "opt/lib -> ../usr/lib"]]);
    let errors = fixture.errors();
    assert_eq!(errors.len(), 1, "one path, one error: {errors:?}");
    assert!(errors[0].contains("where the base image has a symbolic link"), "{errors:?}");
}

#[test]
fn node_modules_at_the_root_of_a_layer_are_found_and_give_a_warning() {
    let fixture = Fixture::new("nodejs22.x").layer("old", &["/opt/node_modules/foo/index.js"]);
    let (plan, warnings) = fixture.checked();
    let expected = "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:\
                    /var/task:/opt/node_modules";
    assert_eq!(plan.variable("NODE_PATH"), Some(expected));
    assert_eq!(warnings[0].code, Code::MisplacedNodeModules);
    assert!(help(&warnings[0]).contains("`nodejs/node_modules`"));
    let fixture = Fixture::new("python3.12").layer("old", &["/opt/node_modules/foo/index.js"]);
    let (plan, warnings) = fixture.checked();
    assert_eq!((plan.variable("NODE_PATH"), warnings.len()), (None, 0));
}

#[test]
fn a_folder_named_extension_gives_a_warning() {
    let fixture = Fixture::new("python3.12").layer("old", &["/opt/extension/log"]);
    assert_eq!(fixture.warnings(), [Code::MisplacedExtension]);
}

#[test]
fn only_programs_may_be_in_the_folder_of_extensions() {
    let script = format!("/opt/extensions/script={SCRIPT}");
    let good = [script.as_str(), "/opt/extensions/support/readme", "/opt/extensions/link -> script"];
    Fixture::new("python3.12").layer("good", &good).checked();
    for (node, why) in [
        ("/opt/extensions/readme.md", "is not a program"),
        ("/opt/extensions/windows=#!/bin/sh\r\necho", "carriage return"),
        ("/opt/extensions/windows=#!/usr/bin/env bash\r\necho", "carriage return"),
        ("/opt/extensions/macintosh=#!/bin/sh\recho", "carriage return"),
        ("/opt/extensions/mark=\u{feff}#!/bin/sh\n", "a byte order mark before `#!`"),
        ("/opt/extensions/wide=#\0!\0/\0", "UTF-16"),
        ("/opt/extensions/empty=", "is not a program"),
        ("/opt/extensions/link -> nowhere", "a file that does not exist"),
        ("/opt/extensions/link -> ../python", "link to a directory"),
    ] {
        let errors = Fixture::new("python3.12").layer("bad", &[node, "/opt/python/x"]).errors();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].starts_with("not-a-program: ") && errors[0].contains(why), "{errors:?}");
    }
    let many: Vec<_> = (0..11).map(|number| format!("/opt/extensions/e{number}={SCRIPT}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(Fixture::new("python3.12").layer("many", &many).errors()[0].starts_with("too-many-extensions"));
}

#[test]
fn all_errors_are_found_at_once() {
    let mut fixture = Fixture::new("provided.al2023")
        .layer("a", &["/opt/x", "/opt/extensions/t"])
        .layer("b", &["/opt/x/y"]);
    fixture.function.wrapper = Some(in_image("/opt/missing"));
    let codes: Vec<_> =
        fixture.errors().iter().map(|problem| problem.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(codes, ["file-over-directory", "not-a-program", "no-bootstrap", "missing-wrapper"]);
}

#[test]
fn an_extension_that_starts_nothing_gives_a_warning() {
    let new = || Fixture::new("python3.12");
    let script = format!("/opt/extensions/e={SCRIPT}");
    assert_eq!(new().extension("e", &["/opt/prog"], &[], None).warnings(), [Code::IdleExtension]);
    assert_eq!(new().extension("e", &[&script], &[], None).warnings(), []);
    assert_eq!(new().extension("e", &["/opt/hook.js"], &[("MODE", "x")], None).warnings(), []);
    let switched_off = new().layer("l", &["/opt/disable-extensions-jwigqn8j"]);
    assert_eq!(switched_off.warnings(), [Code::ExtensionsSwitchedOff]);
}

#[test]
fn a_wrapper_that_would_not_start_is_an_error() {
    let mut fixture = Fixture::new("python3.12").layer("w", &["/opt/text"]);
    fixture.function.wrapper = Some(in_image("/opt/missing"));
    assert_eq!(fixture.errors(), ["missing-wrapper: the wrapper `/opt/missing` is not in the image"]);
    fixture.function.wrapper = Some(in_image("/opt/text"));
    assert!(fixture.errors()[0].starts_with("not-a-program: the wrapper `/opt/text` is not a program"));
    let windows = fixture.layer("windows", &["/opt/text=#!/bin/sh\r\n"]).errors();
    assert!(windows[0].contains("carriage return"), "{windows:?}");
}

#[test]
fn scripts_that_something_runs_by_name_must_be_startable() {
    let mut fixture = Fixture::new("python3.12").layer(
        "tools",
        &["/opt/bin/tool=#!/bin/sh\r\n", "/opt/bin/good=#!/bin/sh\n", "/opt/doc/tool=#!/bin/sh\r\n"],
    );
    let (_, warnings) = fixture.checked();
    let message = "the script `/opt/bin/tool` of layer tools has a first line with a carriage return, so its interpreter \
                   would not be found";
    assert_eq!((warnings[0].code, warnings[0].message.as_str()), (Code::NotAProgram, message));
    assert!(help(&warnings[0]).contains("`dos2unix`"));
    assert_eq!(warnings.len(), 1);

    fixture =
        fixture.layer("adapter", &["/opt/bootstrap=#!/bin/sh\n"]).code(&["/var/task/run.sh=#!/bin/sh\r\n"]);
    fixture.function.handler = Some("run.sh".to_owned());
    fixture.function.wrapper = Some(in_image("/opt/bootstrap"));
    let errors = fixture.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("not-a-program: the handler `/var/task/run.sh`, a script, has a first line")
    );
}

#[test]
fn wrappers_of_one_name_do_not_replace_each_other() {
    let local = |folder: &str| {
        let script = WrapperScript::Local(Path::new(folder).join("wrapper"));
        Some(Wrapper { script, place: place(&[folder, "wrapper"]), is_configured: false })
    };
    let placed = format!("/opt/wrappers/wrapper={SCRIPT}");
    let mut fixture = Fixture::new("python3.12").extension("e", &[&placed], &[], None);
    fixture.trees.wrapper = Some(files(&[&placed]));
    fixture.function.wrapper = local("function");
    fixture.function.extensions[0].wrapper = local("extension");
    assert_eq!(fixture.errors(), ["wrapper-collision: two wrappers would be at `/opt/wrappers/wrapper`"]);
    fixture.function.extensions[0].wrapper = fixture.function.wrapper.clone();
    fixture.checked();
}

#[test]
fn the_working_directory_must_be_one_that_lambda_can_enter() {
    let mut fixture = Fixture::new("python3.12").code(&["/var/task/app.py"]);
    fixture.run.working_directory = Some("app".to_owned());
    let (_, warnings) = fixture.checked();
    assert_eq!(
        warnings[0].message,
        "Lambda would not start the function in the working directory `app` of the base `python3.12`: the image \
         has no directory `/app`; limg uses `/var/task`"
    );
    assert_eq!(warnings[0].code, Code::UnusableWorkdir);
    fixture.index =
        base_of_entries(&[vec![parsed("var/").mode(0o700), parsed("lambda-entrypoint.sh").mode(0o755)]]);
    let expected = "unusable-workdir: Lambda cannot start the function in `/var/task`: only its owner and group can enter \
                    `/var` (mode 0700)";
    assert!(fixture.errors().contains(&expected.to_owned()), "{:?}", fixture.errors());
}

#[test]
fn a_custom_runtime_must_be_there_and_be_a_program() {
    let missing = Fixture::new("provided.al2023").code(&["/var/task/main"]).errors();
    assert_eq!(missing, ["no-bootstrap: there is neither `/var/task/bootstrap` nor `/opt/bootstrap` to run"]);
    let text = Fixture::new("provided.al2023").code(&["/var/task/bootstrap"]).errors();
    assert!(
        text[0].starts_with("not-a-program: the custom runtime `/var/task/bootstrap` is not a program"),
        "{text:?}"
    );
}

#[test]
fn projects_that_a_tool_compiles_are_named_with_its_command() {
    let findings = |runtime: &str, files: &[&str]| {
        let fixture = Fixture::new(runtime).code(files);
        let findings = fixture.findings().into_iter().filter(Finding::is_error);
        let line = |finding: Finding| format!("{}: {}", finding.message, help(&finding));
        findings.map(line).collect::<Vec<_>>().join("\n")
    };
    for (runtime, files, command) in [
        (
            "provided.al2023",
            &["/var/task/go.mod", "/var/task/main.go"][..],
            "GOARCH=amd64 go build -o bootstrap",
        ),
        ("provided.al2023", &["/var/task/Cargo.toml"], "cargo lambda build --release"),
        ("java21", &["/var/task/pom.xml", "/var/task/src/A.java"], "run `mvn package`"),
        ("java21", &["/var/task/build.gradle.kts"], "run `gradle build`"),
        (
            "dotnet8",
            &["/var/task/Shop.csproj", "/var/task/A.cs"],
            "run `dotnet publish -c Release -o publish`",
        ),
    ] {
        let found = findings(runtime, files);
        assert!(found.contains(command), "{found}");
    }
    for (runtime, files) in [
        ("java21", &["/var/task/pom.xml", "/var/task/com/A.class"][..]),
        ("java21", &["/var/task/build.gradle", "/var/task/lib/a.jar"]),
        ("java21", &["/var/task/module/pom.xml"]),
        ("dotnet8", &["/var/task/Shop.csproj", "/var/task/Shop.dll"]),
        ("python3.12", &["/var/task/pom.xml"]),
    ] {
        assert_eq!(findings(runtime, files), "", "{files:?}");
    }
}

#[test]
fn a_base_with_its_own_runtime_keeps_it() {
    let mut fixture = Fixture::new("provided.al2023");
    fixture.index = base_of(&[&["bin/", "bin/sh", "var/", "var/runtime/", "var/runtime/bootstrap"]]);
    assert_eq!(fixture.checked().0.names(), ["code of orders"]);
    fixture.function.wrapper = Some(in_image("/bin/sh"));
    assert!(fixture.errors()[0].starts_with("wrapper-ignored: "), "its bootstrap may not run wrappers");
}

#[test]
fn the_entry_point_must_not_be_a_link() {
    let fixture = Fixture::on_scratch("provided.al2023")
        .code(&["/var/task/bootstrap -> bin/real", "/var/task/bin/real=#!elf"]);
    assert!(fixture.errors()[0].starts_with("entry-point-link: "));
    Fixture::new("provided.al2023")
        .code(&["/var/task/bootstrap -> bin/real", "/var/task/bin/real=#!sh"])
        .checked();
}

#[test]
fn an_entry_script_needs_a_handler_and_a_client_an_entry_point() {
    let mut fixture = Fixture::new("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    fixture.function.handler = None;
    assert!(fixture.errors()[0].starts_with("no-handler: "));
    assert!(Fixture::on_scratch("python3.12").errors()[0].starts_with("no-entrypoint: "));
}

#[test]
fn without_the_program_that_starts_a_client_there_is_no_entry_point() {
    let message = |fixture: Fixture| fixture.errors().remove(0);
    assert!(
        message(Fixture::on_debian("dotnet8"))
            .starts_with("no-entrypoint: the base `dotnet8` has no entry point, so")
    );
    let mut bare = Fixture::on_debian("python3.11");
    bare.index = base_of(&[&["bin/", "bin/sh"]]);
    assert!(message(bare).contains("does not contain `/usr/bin/env`"));
}

#[test]
fn a_given_entry_point_replaces_the_bases_own() {
    for runtime in ["python3.11", "provided.al2023"] {
        let mut fixture = Fixture::on_debian(runtime).code(&["/var/task/start=#!/bin/sh\n"]);
        fixture.run.entrypoint = Some(words(&["/init"]));
        fixture.function.base.entrypoint = Some(entry_point(&["/var/task/start", "--now"]));
        let (plan, _) = fixture.checked();
        assert_eq!(plan.run.entrypoint, Some(words(&[LIMG_ENTRYPOINT, "/var/task/start", "--now"])));
        fixture.function.handler = None;
        assert_eq!(
            fixture.checked().0.run.command,
            None,
            "the base's command belongs to its own entry point"
        );
        fixture.function.base.entrypoint = Some(entry_point(&["/nowhere"]));
        assert_eq!(fixture.errors(), ["missing-entrypoint: the entry point `/nowhere` is not in the image"]);
        fixture.function.base.entrypoint = Some(entry_point(&["/var/task/text"]));
        let text = fixture.code(&["/var/task/text"]).errors();
        assert!(text[0].starts_with("not-a-program: the entry point `/var/task/text`"), "{text:?}");
    }
}

#[test]
fn an_entry_point_that_only_runs_its_arguments_starts_no_handler() {
    let codes = |runtime: &str, entry: &[&str]| {
        let mut fixture = Fixture::on_debian(runtime);
        fixture.run.entrypoint = Some(words(entry));
        let own = fixture.findings();
        fixture.function.base.entrypoint = Some(entry_point(entry));
        fixture.index = base_of(&[&["bin/", "bin/sh", entry[0].trim_start_matches('/')]]);
        let given = fixture.findings();
        assert!(given.iter().all(|finding| finding.place == place(&["bases", "python3.11", "entrypoint"])));
        assert_eq!(own.len(), given.len(), "{entry:?}: {own:?} {given:?}");
        own.into_iter().map(|finding| (finding.code, finding.is_error())).collect::<Vec<_>>()
    };
    for entry in [
        &["/sbin/tini", "--"][..],
        &["/usr/bin/dumb-init"],
        &["/usr/bin/env"],
        &["/usr/bin/env", "A=b"],
        &["/usr/local/bin/gosu", "app"],
        &["/usr/bin/tini", "-g", "--", "/usr/bin/python3.11", "-u"],
        &["/bin/sh", "-c"],
        &["/usr/bin/java", "-Xmx1g", "-jar"],
        &["/nodejs/bin/node"],
    ] {
        assert_eq!(codes("python3.11", entry), [(Code::ForeignEntrypoint, true)], "{entry:?}");
    }
    for entry in [&["/docker-entrypoint.sh"][..], &["/sbin/tini", "--", "/docker-entrypoint.sh"]] {
        assert_eq!(codes("nodejs22.x", entry), [(Code::ForeignEntrypoint, false)], "{entry:?}");
    }
    for entry in [
        &["/sbin/tini", "--", AWS_ENTRYPOINT][..],
        &["/docker-entrypoint.sh", "/start"],
        &["/usr/bin/python3", "-m", "mine"],
        &["/usr/bin/python3", "/start.py"],
        &["/usr/bin/java", "-cp", "/x", "Main"],
        &["/start"],
    ] {
        assert_eq!(codes("python3.11", entry), [], "{entry:?}");
    }
    let mut script = Fixture::on_debian("python3.11").code(&["/var/task/run.sh=#!/bin/sh\n"]);
    script.run.entrypoint = Some(words(&["/sbin/tini", "--"]));
    script.function.handler = Some("run.sh".to_owned());
    script.checked();
    let mut custom = Fixture::on_debian("provided.al2023");
    custom.run.entrypoint = Some(words(&["/sbin/tini", "--"]));
    custom.checked();
}

#[test]
fn a_client_that_would_start_the_handler_must_be_in_the_image() {
    let message = "neither the base `python3.11`, a layer nor the code contains `awslambdaric`, the runtime interface \
                   client that would start the handler";
    let mut fixture = Fixture::on_debian("python3.11");
    fixture.index = base_of(&[&["bin/", "bin/sh", "usr/", "usr/bin/", "usr/bin/env"]]);
    assert_eq!(fixture.errors(), [format!("missing-client: {message}")]);
    fixture.run.entrypoint = Some(words(&["/usr/bin/python3", "-m", "awslambdaric"]));
    assert_eq!(fixture.errors(), [format!("missing-client: {message}")]);
    fixture.layer("client", &["/opt/python/awslambdaric/__main__.py"]).checked();
    for (runtime, client) in [
        ("python3.11", "usr/lib/python3/dist-packages/awslambdaric/__main__.py"),
        ("nodejs22.x", "usr/lib/node_modules/aws-lambda-ric/bin/index.mjs"),
        ("ruby3.3", "usr/bin/aws_lambda_ric"),
        ("java21", "client.jar"),
    ] {
        let mut fixture = Fixture::on_debian(runtime);
        fixture.index = base_of(&[&["bin/", "bin/sh", "usr/", "usr/bin/", "usr/bin/env", client]]);
        fixture.checked();
    }
}

#[test]
fn wrappers_on_a_foreign_base_are_named_by_the_variable_where_there_is_a_shell() {
    let wrapper = format!("/opt/w={SCRIPT}");
    let mut fixture = Fixture::on_debian("python3.11").layer("w", &[&wrapper]);
    fixture.function.wrapper = Some(in_image("/opt/w"));
    let (plan, warnings) = fixture.checked();
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
    assert_eq!(plan.run.entrypoint.as_deref().unwrap()[0], LIMG_ENTRYPOINT);
    assert_eq!(warnings[0].code, Code::WrapperArguments);

    fixture.run.entrypoint = Some(words(&["/usr/bin/env", "start"]));
    fixture.index = base_of(&[&["usr/", "usr/bin/", "usr/bin/env"]]);
    let (plan, _) = fixture.checked();
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), None);
    assert_eq!(plan.run.entrypoint, Some(words(&["/opt/w", "/usr/bin/env", "start"])));
}

#[test]
fn a_base_that_names_a_bad_wrapper_is_an_error() {
    for value in ["/opt//wrapper", "opt/wrapper", "./wrapper", "/opt/w/"] {
        let mut fixture = Fixture::new("python3.12");
        fixture.run.environment.push(("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), value.to_owned()));
        assert!(fixture.errors()[0].starts_with("bad-wrapper: "), "{value}");
    }
}

#[test]
fn an_image_that_is_too_large_is_an_error() {
    let fixture = Fixture::with_code("python3.12", &["/var/task/app.py=def handler(event, context): pass"]);
    let plan = fixture.planned();
    let errors = |base_size| {
        let (function, contract, base) = (&fixture.function, fixture.contract(), &fixture.run);
        let (trees, code_of) = (&fixture.trees, function.name.as_str());
        check(&Subject { function, contract, base, base_size, trees, plan: &plan, code_of }).unwrap()
    };
    let own: u64 = plan.layers.iter().map(|layer| layer.size).sum();
    assert_eq!(errors(crate::tree::IMAGE_SIZE_LIMIT - own), []);
    let error = errors(crate::tree::IMAGE_SIZE_LIMIT - own + 1).remove(0);
    assert_eq!(error.code, Code::ImageTooLarge);
    assert!(error.message.ends_with("Lambda allows 10 GiB"), "{error:?}");
}

#[test]
fn a_pattern_without_a_match_gives_a_warning() {
    let mut fixture = Fixture::new("python3.12");
    fixture.function.dependencies = crate::project::Dependencies::Matching(vec!["vendor/".to_owned()]);
    assert_eq!(fixture.warnings(), [Code::IdlePattern]);
}
