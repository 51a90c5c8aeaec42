//! The contract of the open bases, and limg's launcher on the one without a bootstrap: they treat the handler and
//! `AWS_LAMBDA_EXEC_WRAPPER` as AWS's base images do, including the exit codes.

use serde_json::{Map, json};

use crate::support::{Base, Docker, Finished, Workspace, base, compile_dotnet, compile_java, docker, finish};

/// A function on a base that prints a line and exits when it is started.
struct StartedFunction {
    base: Base,
    /// The function's name.
    name: &'static str,
    /// Its file, which is in the folder of that name, and the content.
    file: (&'static str, &'static str),
    handler: &'static str,
    /// The command line that the base runs, or passes to a wrapper.
    command: &'static str,
    /// The command line for a function with 500 MB of memory, if it differs.
    command_with_memory: Option<&'static str>,
}

const FUNCTIONS: [StartedFunction; 7] = [
    StartedFunction {
        base: Base::Python311,
        name: "python",
        file: (
            "app.py",
            "import os\nprint('handler', os.environ['_HANDLER'], 'in', os.getcwd())\nos._exit(7)\n",
        ),
        handler: "app.handler",
        command: "/var/lang/bin/python3.11 /var/runtime/bootstrap.py",
        command_with_memory: None,
    },
    StartedFunction {
        base: Base::Nodejs18,
        name: "node18",
        file: ("app.js", NODE),
        handler: "app.handler",
        command: "/var/lang/bin/node --expose-gc --max-http-header-size 81920 /var/runtime/index.mjs",
        command_with_memory: Some(NODE_WITH_MEMORY),
    },
    StartedFunction {
        base: Base::Nodejs22,
        name: "node22",
        file: ("app.js", NODE),
        handler: "app.handler",
        command: "/var/lang/bin/node --expose-gc --max-http-header-size 81920 /var/runtime/index.mjs",
        command_with_memory: Some(NODE_WITH_MEMORY),
    },
    StartedFunction {
        base: Base::Ruby31,
        name: "ruby",
        file: ("app.rb", "puts \"handler #{ENV['_HANDLER']} in #{Dir.pwd}\"\n$stdout.flush\nexit!(7)\n"),
        handler: "app.handler",
        command: "/var/lang/bin/ruby /var/runtime/bootstrap.rb",
        command_with_memory: None,
    },
    StartedFunction {
        base: Base::Java17,
        name: "java",
        file: ("App.java", JAVA),
        handler: "App::handler",
        command: "/var/lang/bin/java -XX:MaxRAMPercentage=80 -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
                  -XX:-UsePerfData -classpath /var/runtime/lib/runtime.jar limg.runtime.Main",
        command_with_memory: None,
    },
    StartedFunction {
        base: Base::DotnetCore31,
        name: "dotnet",
        file: ("App.cs", DOTNET),
        handler: "App::App::Handler",
        command: "/var/lang/bin/dotnet exec --runtimeconfig /var/task/App.runtimeconfig.json /var/runtime/runtime.dll",
        command_with_memory: None,
    },
    StartedFunction {
        base: Base::ProvidedAl2023,
        name: "custom",
        file: ("bootstrap", "#!/bin/sh\necho \"handler $_HANDLER in $PWD\"\nexit 7\n"),
        handler: "my.handler",
        command: "/var/task/bootstrap",
        command_with_memory: None,
    },
];

const NODE: &str = "\
    require('fs').writeSync(1, `handler ${process.env._HANDLER} in ${process.cwd()}\\n`);\n\
    process.exit(7);\n";
const NODE_WITH_MEMORY: &str = "/var/lang/bin/node --max-semi-space-size=25 --max-old-space-size=450 \
    --expose-gc --max-http-header-size 81920 /var/runtime/index.mjs";

const JAVA: &str = "\
    public class App {\n\
        static {\n\
            System.out.println(\"handler \" + System.getenv(\"_HANDLER\") + \" in \" + System.getProperty(\"user.dir\"));\n\
            System.exit(7);\n\
        }\n\
        public static void handler(Object event) {}\n\
    }\n";
const DOTNET: &str = "\
    using System;\n\
    public class App {\n\
        public App() {\n\
            var handler = Environment.GetEnvironmentVariable(\"_HANDLER\");\n\
            Console.WriteLine(\"handler \" + handler + \" in \" + Environment.CurrentDirectory);\n\
            Environment.Exit(7);\n\
        }\n\
        public void Handler() {}\n\
    }\n";

/// The images of all functions, in the engine.
struct Images {
    docker: Docker,
    _workspace: Workspace,
}

impl Images {
    fn new() -> Self {
        let (docker, workspace) = (Docker::new("contract"), Workspace::new());
        let (mut bases, mut functions) = (Map::new(), Map::new());
        for StartedFunction { base: of, name, file: (file, content), handler, .. } in FUNCTIONS {
            // The mode does not matter for a file that is not a program.
            workspace.write_program(format!("{name}/{file}"), content);
            let (folder, source) = (workspace.path(name), workspace.path(format!("{name}/{file}")));
            match of {
                Base::Java17 => compile_java(&source, &folder),
                Base::DotnetCore31 => compile_dotnet(&source, &folder, "App"),
                _ => {}
            }
            let image = format!("oci:{}", base(of).display());
            bases.insert(of.name().to_owned(), json!({ "image": image, "contract": of.contract() }));
            functions.insert(
                name.to_owned(),
                json!({ "runtime": of.name(), "handler": handler, "code": name, "layers": ["wrap"] }),
            );
        }
        workspace.write_program("wrap/wrap", "#!/bin/sh\necho \"wrapped $*\"\nexec \"$@\"\n");
        workspace.write("wrap/text", "#!/bin/sh\n");
        let project = json!({
            "project": docker.prefix,
            // Images of this test's own, which no other test removes.
            "defaults": { "environment": { "LIMG_E2E": docker.prefix } },
            "bases": bases,
            "layers": { "wrap": { "path": "wrap" } },
            "functions": functions,
        });
        workspace.write("limg.yaml", project.to_string());
        workspace.build(&["-o", "docker-daemon:"]);
        Self { docker, _workspace: workspace }
    }

    /// Starts a function as Lambda would. Since the Runtime API has an address, the base does not start the emulator.
    fn run(&self, function: &str, variables: &[&str], command: &[&str]) -> Finished {
        let mut run = docker();
        run.args(["run", "--rm", "--network", "none", "--env", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"]);
        for variable in variables {
            run.args(["--env", variable]);
        }
        finish(run.arg(self.docker.name(function)).args(command))
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_handler_is_the_only_argument() {
    let images = Images::new();
    for StartedFunction { name, handler, .. } in FUNCTIONS {
        let alone = images.run(name, &[], &[]);
        assert_eq!(
            (alone.code, alone.text().trim()),
            (7, format!("handler {handler} in /var/task").as_str()),
            "{name}: {}",
            alone.stderr
        );
        let two = images.run(name, &[], &["one", "two"]);
        assert_eq!(two.code, 142, "{name}: {}", two.stderr);
        assert!(
            two.stderr.contains("entrypoint requires the handler name to be the first argument"),
            "{name}: {}",
            two.stderr
        );
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_wrapper_runs_or_fails_with_awss_exit_codes() {
    let images = Images::new();
    for StartedFunction { name, command, command_with_memory, .. } in FUNCTIONS {
        for (memory, expected) in [("", command), ("500", command_with_memory.unwrap_or(command))] {
            let memory = format!("AWS_LAMBDA_FUNCTION_MEMORY_SIZE={memory}");
            let wrapped = images.run(name, &["AWS_LAMBDA_EXEC_WRAPPER=/opt/wrap", &memory], &[]);
            let (code, text) = (wrapped.code, wrapped.text());
            assert_eq!(
                (code, text.lines().next()),
                (7, Some(format!("wrapped {expected}").as_str())),
                "{name}: {text}\n{}",
                wrapped.stderr
            );
        }
        for (wrapper, code, why) in [
            ("/opt/missing", 127, "does not exist"),
            ("/opt/text", 126, "is not an executable"),
            ("/opt", 127, "does not exist"),
        ] {
            let refused = images.run(name, &[&format!("AWS_LAMBDA_EXEC_WRAPPER={wrapper}")], &[]);
            assert_eq!(refused.code, code, "{name} {wrapper}: {}", refused.stderr);
            assert!(refused.stderr.contains(&format!("{wrapper}: {why}")), "{name}: {}", refused.stderr);
        }
    }
}
