//! How the image runs: variables, wrappers, entry point, command and labels.

use super::*;

#[test]
fn lists_are_appended_to_and_other_variables_replaced() {
    let mut bench = Bench::new("nodejs22.x")
        .extension("a", &[], &[("NODE_OPTIONS", "--require /opt/a.js"), ("MODE", "a")], None)
        .extension("b", &[], &[("NODE_OPTIONS", "--require /opt/b.js"), ("MODE", "b")], None)
        .variable("NODE_OPTIONS", "--trace-warnings")
        .variable("DOTNET_STARTUP_HOOKS", "/opt/hook.dll");
    bench.run.environment.push(("DOTNET_STARTUP_HOOKS".to_owned(), "/base.dll".to_owned()));
    let plan = bench.planned();
    assert_eq!(
        plan.variable("NODE_OPTIONS"),
        Some("--require /opt/a.js --require /opt/b.js --trace-warnings")
    );
    assert_eq!(plan.variable("MODE"), Some("b"));
    assert_eq!(plan.variable("DOTNET_STARTUP_HOOKS"), Some("/base.dll:/opt/hook.dll"));
}

#[test]
fn a_search_path_keeps_the_runtimes_own_entries() {
    let plan = Bench::new("python3.12").variable("PYTHONPATH", "/opt/mine").planned();
    let expected = "/opt/python/lib/python3.12/site-packages:/opt/python:/var/runtime:/opt/mine";
    assert_eq!(plan.variable("PYTHONPATH"), Some(expected));
    assert_eq!(
        Bench::new("python3.12").planned().variable("PYTHONPATH"),
        None,
        "the runtime sets it by itself"
    );
}

#[test]
fn a_base_like_awss_gets_no_variable_that_it_has() {
    let plan = Bench::new("python3.12").planned();
    assert_eq!(plan.variable("PATH"), Some("/var/lang/bin:/bin:/opt/bin"));
    assert_eq!(plan.variable("LD_LIBRARY_PATH"), Some("/lib64:/opt/lib"));
}

#[test]
fn another_base_is_completed() {
    let mut bench = Bench::new("python3.12");
    bench.run = RunConfig {
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        entrypoint: Some(vec!["/usr/bin/python3".to_owned(), "-m".to_owned(), "awslambdaric".to_owned()]),
        command: Some(vec!["bash".to_owned()]),
        working_directory: Some("/root".to_owned()),
        ..RunConfig::default()
    };
    let plan = bench.planned();
    assert_eq!(plan.variable("PATH"), Some("/usr/bin:/bin:/opt/bin"));
    assert!(plan.variable("LD_LIBRARY_PATH").unwrap().ends_with("/opt/lib"));
    assert_eq!(plan.variable("LAMBDA_TASK_ROOT"), Some("/var/task"));
    assert!(plan.variable("PYTHONPATH").unwrap().contains("/opt/python:"));
    let entrypoint = [LIMG_ENTRYPOINT, "/usr/bin/python3", "-m", "awslambdaric"];
    assert_eq!(plan.run.entrypoint.as_deref().unwrap(), entrypoint);
    assert_eq!(plan.run.command, Some(vec!["app.handler".to_owned()]));
    assert_eq!(plan.run.working_directory.as_deref(), Some("/var/task"), "clients look for modules there");
}

#[test]
fn what_a_base_sets_does_not_hide_the_layers() {
    let mut bench = Bench::new("python3.12").variable("PYTHONPATH", "/mine");
    bench.run.environment =
        [("PYTHONPATH", "/app:/opt/python"), ("LD_LIBRARY_PATH", ""), ("NODE_PATH", "/x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let plan = bench.planned();
    let expected = "/opt/python/lib/python3.12/site-packages:/var/runtime:/app:/opt/python:/mine";
    assert_eq!(plan.variable("PYTHONPATH"), Some(expected));
    assert_eq!(
        plan.variable("LD_LIBRARY_PATH"),
        Some("/opt/lib"),
        "an empty entry would be the working directory"
    );
    assert_eq!(plan.variable("NODE_PATH"), Some("/x"), "no Node.js, no concern");
}

#[test]
fn one_wrapper_is_named_by_the_variable() {
    let mut bench = Bench::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/w")));
    assert_eq!(bench.planned().variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn several_wrappers_chain_in_their_order() {
    let script = |name: &str| format!("/opt/{name}={SCRIPT}");
    let mut bench = Bench::new("python3.12")
        .extension("one", &[&script("one")], &[], Some("/opt/one"))
        .extension("two", &[&script("it's two")], &[("AWS_LAMBDA_EXEC_WRAPPER", "/opt/it's two")], None)
        .layer("w", &[&script("three")])
        .variable("AWS_LAMBDA_EXEC_WRAPPER", "/opt/three");
    bench.run.environment.push(("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), "/bin/sh".to_owned()));
    let plan = bench.planned();
    let chain = plan.variable("AWS_LAMBDA_EXEC_WRAPPER").unwrap();
    let expected = "#!/bin/sh\nexec '/bin/sh' '/opt/one' '/opt/it'\\''s two' '/opt/three' \"$@\"\n";
    assert_eq!(plan.file(chain), expected);
}

#[test]
fn a_wrapper_variable_that_is_no_path_is_an_error() {
    for value in ["/opt//wrapper", "opt/wrapper", "./wrapper", "/opt/w/"] {
        let problems = Bench::new("python3.12").variable("AWS_LAMBDA_EXEC_WRAPPER", value).problems();
        assert!(problems[0].starts_with("bad-wrapper: "), "{problems:?}");
    }
    let unset = Bench::new("python3.12").variable("AWS_LAMBDA_EXEC_WRAPPER", "").planned();
    assert_eq!(unset.variable("AWS_LAMBDA_EXEC_WRAPPER"), None);
}

#[test]
fn a_wrapper_that_would_not_start_is_an_error() {
    let mut bench = Bench::new("python3.12").layer("w", &["/opt/text"]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/missing")));
    assert_eq!(bench.problems(), ["missing-wrapper: the wrapper `/opt/missing` is not in the image"]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/text")));
    assert!(bench.problems()[0].starts_with("not-a-program: the wrapper `/opt/text` is no program"));
    let windows = bench.layer("windows", &["/opt/text=#!/bin/sh\r\n"]).problems();
    assert!(windows[0].contains("carriage return"), "{windows:?}");
}

#[test]
fn wrappers_of_one_name_do_not_take_each_others_place() {
    let folder = tempfile::tempdir().unwrap();
    let wrapper = |folder_name: &str| {
        let file = folder.path().join(folder_name).join("wrapper");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, SCRIPT).unwrap();
        Wrapper::Local(file)
    };
    let mut bench = Bench::new("python3.12").extension("e", &[], &[], None);
    bench.function.wrapper = Some(wrapper("function"));
    bench.function.extensions[0].source = None;
    bench.function.extensions[0].wrapper = Some(wrapper("extension"));
    bench.parts.extensions = vec![extension_tree(&bench.function.extensions[0]).unwrap()];
    assert_eq!(bench.problems(), ["wrapper-collision: two wrappers would stand at `/opt/wrappers/wrapper`"]);
    bench.function.extensions[0].wrapper = bench.function.wrapper.clone();
    bench.planned();
}

#[test]
fn a_custom_runtime_is_started_by_the_launcher() {
    let bench = Bench::new("provided.al2023").layer("runtime", &[&format!("/opt/bootstrap={SCRIPT}")]);
    let plan = bench.planned();
    assert_eq!(plan.names(), ["launcher", "layer runtime", "code of orders"]);
    assert_eq!(plan.file("/var/runtime/bootstrap"), LAUNCHER_SCRIPT);
    assert_eq!(plan.run.entrypoint, Some(vec![AWS_ENTRYPOINT.to_owned()]));
}

#[test]
fn without_an_entry_script_the_launcher_is_the_entry_point() {
    let mut bench = Bench::on_scratch("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    bench.index = base_of(&[&["bin/", "bin/sh"]]);
    let plan = bench.planned();
    assert_eq!(plan.run.entrypoint, Some(vec!["/var/runtime/bootstrap".to_owned()]));
    assert_eq!(plan.names(), ["launcher", "code of orders"]);
}

#[test]
fn without_a_shell_the_program_is_the_entry_point_and_wrappers_stand_in_front() {
    let mut bench = Bench::on_scratch("provided.al2023")
        .code(&["/var/task/bootstrap=#!elf", "/var/task/wrap=#!elf"])
        .extension("e", &["/opt/e=#!elf"], &[], Some("/opt/e"));
    bench.function.wrapper = Some(Wrapper::InImage(path("/var/task/wrap")));
    bench.function.handler = None;
    let plan = bench.planned();
    let entrypoint = ["/opt/e", "/var/task/wrap", "/var/task/bootstrap"].map(str::to_owned).to_vec();
    assert_eq!((plan.run.entrypoint.clone(), plan.run.command.clone()), (Some(entrypoint), None));
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), None);
}

#[test]
fn a_custom_runtime_must_be_there_and_be_a_program() {
    let missing = Bench::new("provided.al2023").code(&["/var/task/main"]).problems();
    assert_eq!(missing, ["no-bootstrap: there is neither `/var/task/bootstrap` nor `/opt/bootstrap` to run"]);
    let text = Bench::new("provided.al2023").code(&["/var/task/bootstrap"]).problems();
    assert!(
        text[0].starts_with("not-a-program: the custom runtime `/var/task/bootstrap` is no program"),
        "{text:?}"
    );
}

#[test]
fn a_base_that_brings_its_runtime_keeps_it() {
    let mut bench = Bench::new("provided.al2023");
    bench.index = base_of(&[&["bin/", "bin/sh", "var/", "var/runtime/", "var/runtime/bootstrap"]]);
    assert_eq!(bench.planned().names(), ["code of orders"]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/bin/sh")));
    assert!(bench.problems()[0].starts_with("wrapper-ignored: "), "its bootstrap may not know of wrappers");
}

#[test]
fn an_entry_point_of_the_bases_own_keeps_its_command() {
    let mut bench = Bench::new("provided.al2023");
    bench.run.entrypoint = Some(vec!["/app".to_owned()]);
    bench.run.command = Some(["serve", "--port"].map(str::to_owned).to_vec());
    assert_eq!(bench.planned().run.command, Some(vec!["app.handler".to_owned()]));
    bench.function.handler = None;
    assert_eq!(bench.planned().run.command, bench.run.command);
}

#[test]
fn the_entry_point_is_no_link() {
    let bench = Bench::on_scratch("provided.al2023")
        .code(&["/var/task/bootstrap -> bin/real", "/var/task/bin/real=#!elf"]);
    assert!(bench.problems()[0].starts_with("entry-point-link: "));
    Bench::new("provided.al2023")
        .code(&["/var/task/bootstrap -> bin/real", "/var/task/bin/real=#!sh"])
        .planned();
}

#[test]
fn an_entry_script_needs_a_handler_and_a_client_an_entry_point() {
    let mut bench = Bench::new("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    bench.function.handler = None;
    assert!(bench.problems()[0].starts_with("no-handler: "));
    assert!(Bench::on_scratch("python3.12").problems()[0].starts_with("no-entrypoint: "));
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_language_on_a_foreign_base_is_started_by_its_client() {
    let java = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda";
    for (runtime, client) in [
        ("python3.11", &["python3", "-m", "awslambdaric"][..]),
        ("nodejs22.x", &["npx", "aws-lambda-ric"]),
        ("java21", &["java", java]),
        ("ruby3.3", &["aws_lambda_ric"]),
    ] {
        let plan = Bench::on_debian(runtime).planned();
        let entrypoint = [&[LIMG_ENTRYPOINT, "/usr/bin/env"], client].concat();
        assert_eq!(plan.run.entrypoint, Some(words(&entrypoint)), "{runtime}");
        assert_eq!(plan.run.command, Some(words(&["app.handler"])), "{runtime}");
        assert_eq!(plan.run.working_directory.as_deref(), Some("/var/task"), "{runtime}");
        assert_eq!(plan.names()[0], "entry script", "{runtime}");
        assert_eq!(plan.file(LIMG_ENTRYPOINT), LIMG_ENTRYPOINT_SCRIPT, "{runtime}");
        assert_eq!(plan.variable("NPM_CONFIG_CACHE"), (runtime == "nodejs22.x").then_some("/tmp/.npm"));
    }
}

#[test]
fn without_what_starts_a_client_there_is_no_entry_point() {
    let message = |bench: Bench| bench.problems().remove(0);
    assert!(
        message(Bench::on_debian("dotnet8"))
            .starts_with("no-entrypoint: the base `dotnet8` has no entry point, so")
    );
    let mut bare = Bench::on_debian("python3.11");
    bare.index = base_of(&[&["bin/", "bin/sh"]]);
    assert!(message(bare).contains("no `/usr/bin/env`"));
}

#[test]
fn a_foreign_base_has_what_lambdas_own_set() {
    let languages = [
        ("python3.11", "PYTHONPATH", "/opt/python/lib/python3.11/site-packages:/opt/python:/var/runtime"),
        (
            "nodejs22.x",
            "NODE_PATH",
            "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task",
        ),
        ("java21", "CLASSPATH", "/var/runtime/lib/*:/var/task:/var/task/*:/var/task/lib/*:/opt/java/lib/*"),
        ("ruby3.3", "GEM_PATH", "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:"),
        ("ruby3.3", "RUBYLIB", "/var/task:/opt/ruby/lib"),
    ];
    for (runtime, name, value) in languages {
        let plan = Bench::on_debian(runtime).planned();
        assert_eq!(plan.variable(name), Some(value), "{runtime}");
        assert_eq!(Bench::new(runtime).planned().variable(name), None, "{runtime}: its bootstrap sets it");
        for (name, value) in [
            ("PATH", "/usr/bin:/bin:/opt/bin"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":/etc/localtime"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ] {
            assert_eq!(plan.variable(name), Some(value), "{runtime}");
        }
        assert!(plan.variable("LD_LIBRARY_PATH").unwrap().ends_with(":/opt/lib"), "{runtime}");
    }
    let mut own = Bench::on_debian("ruby3.3");
    own.run.environment.push(("GEM_PATH".to_owned(), "/gems".to_owned()));
    let gems = "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/gems";
    assert_eq!(own.planned().variable("GEM_PATH"), Some(gems), "an entry that is empty is the base's affair");
    let user = Bench::new("java21").variable("CLASSPATH", "/opt/x.jar").planned();
    assert_eq!(user.variable("CLASSPATH"), Some("/opt/x.jar"));
}

#[test]
fn a_given_entry_point_takes_the_place_of_the_bases_own() {
    for runtime in ["python3.11", "provided.al2023"] {
        let mut bench = Bench::on_debian(runtime).code(&["/var/task/start=#!/bin/sh\n"]);
        bench.run.entrypoint = Some(words(&["/init"]));
        bench.function.base.entrypoint = Some(words(&["/var/task/start", "--now"]));
        let plan = bench.planned();
        assert_eq!(plan.run.entrypoint, Some(words(&[LIMG_ENTRYPOINT, "/var/task/start", "--now"])));
        bench.function.handler = None;
        assert_eq!(bench.planned().run.command, None, "the base's command belongs to its own entry point");
        bench.function.base.entrypoint = Some(words(&["/nowhere"]));
        assert_eq!(bench.problems(), ["missing-entrypoint: the entry point `/nowhere` is not in the image"]);
        bench.function.base.entrypoint = Some(words(&["/var/task/text"]));
        let text = bench.code(&["/var/task/text"]).problems();
        assert!(text[0].starts_with("not-a-program: the entry point `/var/task/text`"), "{text:?}");
    }
}

#[test]
fn wrappers_on_a_foreign_base_are_named_by_the_variable_where_there_is_a_shell() {
    let wrapper = format!("/opt/w={SCRIPT}");
    let mut bench = Bench::on_debian("python3.11").layer("w", &[&wrapper]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/w")));
    let plan = bench.planned();
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
    assert_eq!(plan.run.entrypoint.as_deref().unwrap()[0], LIMG_ENTRYPOINT);
    let [Event::Warning(warning)] = &plan.notes[..] else { panic!("{:?}", plan.notes) };
    assert_eq!(warning.code, "wrapper-arguments");

    bench.run.entrypoint = Some(words(&["/usr/bin/env", "python"]));
    bench.index = base_of(&[&["usr/", "usr/bin/", "usr/bin/env"]]);
    let plan = bench.planned();
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), None);
    assert_eq!(plan.run.entrypoint, Some(words(&["/opt/w", "/usr/bin/env", "python"])));
}

#[test]
fn an_entry_point_that_comes_to_lambdas_own_script_runs_no_wrapper_twice() {
    let mut bench = Bench::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/w")));
    bench.run.entrypoint = Some(words(&["/sbin/tini", "--", AWS_ENTRYPOINT]));
    let plan = bench.planned();
    assert_eq!(plan.run.entrypoint, Some(words(&["/sbin/tini", "--", AWS_ENTRYPOINT])));
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn a_wrapper_that_is_named_twice_runs_once() {
    let mut bench = Bench::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    bench = bench.extension("a", &[], &[("AWS_LAMBDA_EXEC_WRAPPER", "/opt/w")], None);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/w")));
    assert_eq!(bench.planned().variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn an_entry_point_that_a_base_only_happens_to_have_gives_way_to_a_custom_runtime() {
    let mut bench = Bench::on_debian("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    bench.run.entrypoint = Some(words(&["/init"]));
    assert_eq!(bench.planned().run.entrypoint, Some(words(&["/var/runtime/bootstrap"])));
}

#[test]
fn handlers_are_handed_on_from_the_first_wrapper_to_the_function() {
    let wrapper = |handler: &str, variable: &str| {
        Some(HandlerWrapper { handler: handler.to_owned(), variable: variable.to_owned() })
    };
    let mut bench = Bench::new("python3.12").extension("a", &[], &[], None).extension("b", &[], &[], None);
    bench.function.extensions[0].handler_wrapper = wrapper("a.handler", "A_HANDLER");
    bench.function.handler_wrapper = wrapper("own.handler", "OWN_HANDLER");
    let plan = bench.planned();
    assert_eq!(plan.run.command, Some(words(&["a.handler"])));
    assert_eq!(plan.variable("A_HANDLER"), Some("own.handler"));
    assert_eq!(plan.variable("OWN_HANDLER"), Some("app.handler"));
}

#[test]
fn snapstart_is_a_label() {
    let mut bench = Bench::new("nodejs22.x");
    assert!(bench.planned().run.labels.is_empty());
    bench.function.snapstart = true;
    let label = ("com.amazonaws.lambda.feature.snapstart".to_owned(), "Allow".to_owned());
    assert_eq!(bench.planned().run.labels, [label].into());
}
