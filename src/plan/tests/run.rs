//! How the image runs: variables, wrappers, entry point, command and labels.

use super::fixture::in_image;
use super::*;
use crate::files::{base_of, base_of_entries, parsed};
use crate::project::HandlerWrapper;
use crate::runtime::{LAUNCHER_SCRIPT, LIMG_ENTRYPOINT, LIMG_ENTRYPOINT_SCRIPT};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn lists_are_appended_to_and_other_variables_replaced() {
    let mut fixture = Fixture::new("nodejs22.x")
        .extension("a", &[], &[("NODE_OPTIONS", "--require /opt/a.js"), ("MODE", "a")], None)
        .extension("b", &[], &[("NODE_OPTIONS", "--require /opt/b.js"), ("MODE", "b")], None)
        .variable("NODE_OPTIONS", "--trace-warnings")
        .variable("DOTNET_STARTUP_HOOKS", "/opt/hook.dll");
    fixture.run.environment.push(("DOTNET_STARTUP_HOOKS".to_owned(), "/base.dll".to_owned()));
    let plan = fixture.planned();
    assert_eq!(
        plan.variable("NODE_OPTIONS"),
        Some("--require /opt/a.js --require /opt/b.js --trace-warnings")
    );
    assert_eq!(plan.variable("MODE"), Some("b"));
    assert_eq!(plan.variable("DOTNET_STARTUP_HOOKS"), Some("/base.dll:/opt/hook.dll"));
}

#[test]
fn a_search_path_keeps_the_runtimes_own_entries() {
    let fixture = Fixture::new("python3.12").variable("PYTHONPATH", "/opt/mine");
    let plan = fixture.planned();
    let expected = "/opt/python/lib/python3.12/site-packages:/opt/python:/var/runtime:/opt/mine";
    assert_eq!(plan.variable("PYTHONPATH"), Some(expected));
    assert_eq!(
        Fixture::new("python3.12").planned().variable("PYTHONPATH"),
        None,
        "the runtime sets it by itself"
    );
}

#[test]
fn the_search_paths_of_ruby_keep_the_runtimes_own_entries() {
    let fixture = Fixture::new("ruby3.3").variable("GEM_PATH", "/opt/mine").variable("RUBYLIB", "/opt/lib");
    let plan = fixture.planned();
    let gems = "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/var/runtime:/var/runtime/ruby/3.3.0:/opt/mine";
    assert_eq!(plan.variable("GEM_PATH"), Some(gems));
    assert_eq!(plan.variable("RUBYLIB"), Some("/var/task:/var/runtime/lib:/opt/ruby/lib:/opt/lib"));
    let fixture = Fixture::on_debian("ruby3.3")
        .extension("a", &[], &[("GEM_PATH", "/opt/a")], None)
        .variable("GEM_PATH", "/b");
    let plan = fixture.planned();
    let gems = "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/opt/a:/b:";
    assert_eq!(plan.variable("GEM_PATH"), Some(gems), "RubyGems reads an empty entry only at the end");
}

#[test]
fn a_base_like_awss_gets_no_variable_that_it_has() {
    let fixture = Fixture::new("python3.12");
    let plan = fixture.planned();
    assert_eq!(plan.variable("PATH"), Some("/var/lang/bin:/bin:/opt/bin"));
    assert_eq!(plan.variable("LD_LIBRARY_PATH"), Some("/lib64:/opt/lib"));
}

#[test]
fn another_base_is_completed() {
    let mut fixture = Fixture::new("python3.12");
    fixture.run = RunConfig {
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        entrypoint: Some(vec!["/usr/bin/python3".to_owned(), "-m".to_owned(), "awslambdaric".to_owned()]),
        command: Some(vec!["bash".to_owned()]),
        working_directory: Some("/root".to_owned()),
        ..RunConfig::default()
    };
    let plan = fixture.planned();
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
fn the_working_directory_of_the_base_is_kept_if_lambda_can_enter_it() {
    let open =
        ["var/", "var/task/", "srv/app/", "lambda-entrypoint.sh", "file", "linked -> srv/app", "home/me/"];
    let entries = open.map(|text| parsed(text).mode(0o755)).into_iter();
    let entries = entries.chain([parsed("root/").mode(0o700), parsed("root/app/").mode(0o755)]);
    let index = base_of_entries(&[entries.collect()]);
    for (given, used, why) in [
        (None, "/var/task", None),
        (Some("/var/task"), "/var/task", None),
        (Some("/srv/app"), "/srv/app", None),
        (Some("/srv"), "/srv", None),
        (Some("/srv/app/"), "/srv/app", None),
        (Some("/"), "/", None),
        (Some("/linked"), "/linked", None),
        (Some("/opt"), "/opt", None),
        (Some("srv/app"), "/srv/app", Some("it is relative")),
        (Some("./srv/x/../app"), "/srv/app", Some("it is relative")),
        (Some("app"), "/var/task", Some("the image has no directory `/app`")),
        (Some("/nowhere"), "/var/task", Some("the image has no directory `/nowhere`")),
        (Some("/file"), "/var/task", Some("the image has no directory `/file`")),
        (Some("/root"), "/var/task", Some("only its owner and group can enter `/root` (mode 0700)")),
        (Some("/root/app"), "/var/task", Some("only its owner and group can enter `/root` (mode 0700)")),
    ] {
        let mut fixture = Fixture::new("python3.12").layer("l", &["/opt/x"]).code(&["/var/task/app.py"]);
        fixture.index = index.clone();
        fixture.run.working_directory = given.map(str::to_owned);
        let plan = fixture.planned();
        assert_eq!(plan.run.working_directory.as_deref(), Some(used), "{given:?}");
        assert_eq!(plan.directory.replaced.as_deref(), why, "{given:?}");
        assert_eq!(plan.directory.obstacle, None);
        // Of what is not known, nothing is said; but a path can be judged.
        fixture.index = Shared::new(FileIndex::guaranteed(&["/lambda-entrypoint.sh"]).unwrap());
        let plan = fixture.planned();
        let is_relative = given.is_some_and(|given| !given.starts_with('/'));
        assert_eq!(plan.directory.replaced.is_some(), is_relative, "{given:?}");
    }
}

#[test]
fn a_task_root_that_lambda_cannot_enter_is_an_obstacle() {
    let mut fixture = Fixture::new("python3.12").code(&["/var/task/app.py"]);
    let entries = vec![parsed("var/").mode(0o750), parsed("lambda-entrypoint.sh").mode(0o755)];
    fixture.index = base_of_entries(&[entries]);
    let obstacle = fixture.planned().directory.obstacle;
    assert_eq!(obstacle.as_deref(), Some("only its owner and group can enter `/var` (mode 0750)"));
}

#[test]
fn what_a_base_sets_does_not_hide_the_layers() {
    let mut fixture = Fixture::new("python3.12").variable("PYTHONPATH", "/mine");
    fixture.run.environment =
        [("PYTHONPATH", "/app:/opt/python"), ("LD_LIBRARY_PATH", ""), ("NODE_PATH", "/x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let plan = fixture.planned();
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
    let mut fixture = Fixture::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    fixture.function.wrapper = Some(in_image("/opt/w"));
    assert_eq!(fixture.planned().variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn several_wrappers_chain_in_their_order() {
    let script = |name: &str| format!("/opt/{name}={SCRIPT}");
    let mut fixture = Fixture::new("python3.12")
        .extension("one", &[&script("one")], &[], Some("/opt/one"))
        .extension("two", &[&script("it's two")], &[], Some("/opt/it's two"))
        .layer("w", &[&script("three")]);
    fixture.function.wrapper = Some(in_image("/opt/three"));
    fixture.run.environment.push(("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), "/bin/sh".to_owned()));
    let plan = fixture.planned();
    let chain = plan.variable("AWS_LAMBDA_EXEC_WRAPPER").unwrap();
    let expected = "#!/bin/sh\nexec '/bin/sh' '/opt/one' '/opt/it'\\''s two' '/opt/three' \"$@\"\n";
    assert_eq!(plan.file(chain), expected);
}

#[test]
fn a_custom_runtime_is_started_by_the_launcher() {
    let fixture = Fixture::new("provided.al2023").layer("runtime", &[&format!("/opt/bootstrap={SCRIPT}")]);
    let plan = fixture.planned();
    assert_eq!(plan.names(), ["launcher", "layer runtime", "code of orders"]);
    assert_eq!(plan.file("/var/runtime/bootstrap"), LAUNCHER_SCRIPT);
    assert_eq!(plan.run.entrypoint, Some(vec![AWS_ENTRYPOINT.to_owned()]));
}

#[test]
fn without_an_entry_script_the_launcher_is_the_entry_point() {
    let mut fixture =
        Fixture::on_scratch("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    fixture.index = base_of(&[&["bin/", "bin/sh"]]);
    let plan = fixture.planned();
    assert_eq!(plan.run.entrypoint, Some(vec!["/var/runtime/bootstrap".to_owned()]));
    assert_eq!(plan.names(), ["launcher", "code of orders"]);
}

#[test]
fn without_a_shell_the_program_is_the_entry_point_and_wrappers_stand_in_front() {
    let mut fixture = Fixture::on_scratch("provided.al2023")
        .code(&["/var/task/bootstrap=#!elf", "/var/task/wrap=#!elf"])
        .extension("e", &["/opt/e=#!elf"], &[], Some("/opt/e"));
    fixture.function.wrapper = Some(in_image("/var/task/wrap"));
    fixture.function.handler = None;
    let plan = fixture.planned();
    let entrypoint = ["/opt/e", "/var/task/wrap", "/var/task/bootstrap"].map(str::to_owned).to_vec();
    assert_eq!((plan.run.entrypoint.clone(), plan.run.command.clone()), (Some(entrypoint), None));
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), None);
}

#[test]
fn an_entry_point_of_the_bases_own_keeps_its_command() {
    let mut fixture = Fixture::new("provided.al2023");
    fixture.run.entrypoint = Some(vec!["/app".to_owned()]);
    fixture.run.command = Some(["serve", "--port"].map(str::to_owned).to_vec());
    assert_eq!(fixture.planned().run.command, Some(vec!["app.handler".to_owned()]));
    fixture.function.handler = None;
    assert_eq!(fixture.planned().run.command, fixture.run.command);
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
        let fixture = Fixture::on_debian(runtime);
        let plan = fixture.planned();
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
fn npm_gets_a_writable_cache_on_a_foreign_base() {
    let cache = |fixture: &Fixture| fixture.planned().variable("NPM_CONFIG_CACHE").map(str::to_owned);
    let mut fixture = Fixture::on_debian("nodejs22.x");
    fixture.run.entrypoint = Some(words(&["/start"]));
    assert_eq!(cache(&fixture).as_deref(), Some("/tmp/.npm"), "an entry point of the base");
    let command = words(&["/usr/bin/env", "npx", "aws-lambda-ric"]);
    let place = super::fixture::place(&["bases", "node", "entrypoint"]);
    fixture.function.base.entrypoint = Some(crate::project::EntryPoint { command, place });
    assert_eq!(cache(&fixture).as_deref(), Some("/tmp/.npm"), "an entry point of the definition");
    let fixture = fixture.variable("NPM_CONFIG_CACHE", "/tmp/mine");
    assert_eq!(cache(&fixture).as_deref(), Some("/tmp/mine"));
    assert_eq!(cache(&Fixture::new("nodejs22.x")), None, "Lambda's own bases start no npm");
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
        let fixture = Fixture::on_debian(runtime);
        let plan = fixture.planned();
        assert_eq!(plan.variable(name), Some(value), "{runtime}");
        assert_eq!(Fixture::new(runtime).planned().variable(name), None, "{runtime}: its bootstrap sets it");
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
    let mut own = Fixture::on_debian("ruby3.3");
    own.run.environment.push(("GEM_PATH".to_owned(), "/gems".to_owned()));
    let gems = "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/gems";
    assert_eq!(own.planned().variable("GEM_PATH"), Some(gems), "an entry that is empty is the base's affair");
    let user = Fixture::new("java21").variable("CLASSPATH", "/opt/x.jar");
    assert_eq!(user.planned().variable("CLASSPATH"), Some("/opt/x.jar"));
}

#[test]
fn an_entry_point_that_comes_to_lambdas_own_script_runs_no_wrapper_twice() {
    let mut fixture = Fixture::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    fixture.function.wrapper = Some(in_image("/opt/w"));
    fixture.run.entrypoint = Some(words(&["/sbin/tini", "--", AWS_ENTRYPOINT]));
    let plan = fixture.planned();
    assert_eq!(plan.run.entrypoint, Some(words(&["/sbin/tini", "--", AWS_ENTRYPOINT])));
    assert_eq!(plan.variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn a_wrapper_that_is_named_twice_runs_once() {
    let mut fixture = Fixture::new("python3.12").layer("w", &[&format!("/opt/w={SCRIPT}")]);
    fixture = fixture.extension("a", &[], &[], Some("/opt/w"));
    fixture.function.wrapper = Some(in_image("/opt/w"));
    assert_eq!(fixture.planned().variable("AWS_LAMBDA_EXEC_WRAPPER"), Some("/opt/w"));
}

#[test]
fn an_entry_point_that_a_base_only_happens_to_have_gives_way_to_a_custom_runtime() {
    let mut fixture = Fixture::on_debian("provided.al2023").code(&[&format!("/var/task/bootstrap={SCRIPT}")]);
    fixture.run.entrypoint = Some(words(&["/init"]));
    assert_eq!(fixture.planned().run.entrypoint, Some(words(&["/var/runtime/bootstrap"])));
}

#[test]
fn handlers_are_handed_on_from_the_first_wrapper_to_the_function() {
    let wrapper = |handler: &str, variable: &str| {
        Some(HandlerWrapper { handler: handler.to_owned(), variable: variable.to_owned() })
    };
    let mut fixture =
        Fixture::new("python3.12").extension("a", &[], &[], None).extension("b", &[], &[], None);
    fixture.function.extensions[0].handler_wrapper = wrapper("a.handler", "A_HANDLER");
    fixture.function.handler_wrapper = wrapper("own.handler", "OWN_HANDLER");
    let plan = fixture.planned();
    assert_eq!(plan.run.command, Some(words(&["a.handler"])));
    assert_eq!(plan.variable("A_HANDLER"), Some("own.handler"));
    assert_eq!(plan.variable("OWN_HANDLER"), Some("app.handler"));
}

#[test]
fn snapstart_is_a_label() {
    let mut fixture = Fixture::new("nodejs22.x");
    assert!(fixture.planned().run.labels.is_empty());
    fixture.function.snapstart = true;
    let label = ("com.amazonaws.lambda.feature.snapstart".to_owned(), "Allow".to_owned());
    assert_eq!(fixture.planned().run.labels, [label].into());
}
