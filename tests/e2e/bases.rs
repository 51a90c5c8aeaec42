//! The contract of the open bases, and limg's launcher on the one that has no bootstrap: what AWS's base images do with the
//! handler and with `AWS_LAMBDA_EXEC_WRAPPER`, down to the exit codes.

use crate::support::{Base, Docker, Finished, Workspace, base, docker, finish};

/// Two functions that only start: one on each base.
struct Started {
    docker: Docker,
    _workspace: Workspace,
}

impl Started {
    fn new() -> Self {
        let (docker, workspace) = (Docker::new("contract"), Workspace::new());
        let bases = [Base::Python311, Base::ProvidedAl2023].map(|of| base(of).display().to_string());
        workspace.write("python/app.py", "import sys\nprint('argv', sys.orig_argv)\nraise SystemExit(7)\n");
        workspace
            .write_program("custom/bootstrap", "#!/bin/sh\necho \"handler $_HANDLER in $PWD\"\nexit 8\n");
        workspace.write_program("wrap/wrap", "#!/bin/sh\necho \"wrapped $*\"\nexec \"$@\"\n");
        workspace.write("wrap/text", "#!/bin/sh\n");
        workspace.write(
            "limg.yaml",
            format!(
                "project: {prefix}\n\
                 bases:\n  \
                   python3.11: {{ image: 'oci:{python}' }}\n  \
                   provided.al2023: {{ image: 'oci:{provided}' }}\n\
                 layers: {{ wrap: {{ path: wrap }} }}\n\
                 functions:\n  \
                   python: {{ runtime: python3.11, handler: app.handler, code: python, layers: [wrap] }}\n  \
                   custom: {{ runtime: provided.al2023, handler: my.handler, code: custom, layers: [wrap] }}\n",
                prefix = docker.prefix,
                python = bases[0],
                provided = bases[1],
            ),
        );
        workspace.build(&["-o", "docker-daemon:"]);
        Self { docker, _workspace: workspace }
    }

    /// Starts a function as Lambda would, with the Runtime API somewhere else, so that no emulator is involved.
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
fn the_handler_is_the_one_argument() {
    let started = Started::new();
    let custom = started.run("custom", &[], &[]);
    assert_eq!(
        (custom.code, custom.text().trim()),
        (8, "handler my.handler in /var/task"),
        "{}",
        custom.stderr
    );
    for function in ["python", "custom"] {
        let two = started.run(function, &[], &["one", "two"]);
        assert_eq!(two.code, 142, "{}", two.stderr);
        assert!(
            two.stderr.contains("entrypoint requires the handler name to be the first argument"),
            "{}",
            two.stderr
        );
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_wrapper_is_started_or_refused_with_awss_exit_codes() {
    let started = Started::new();
    let runtimes =
        [("python", "/var/lang/bin/python3.11 /var/runtime/bootstrap.py"), ("custom", "/var/task/bootstrap")];
    for (function, command) in runtimes {
        let wrapped = started.run(function, &["AWS_LAMBDA_EXEC_WRAPPER=/opt/wrap"], &[]);
        assert!(
            wrapped.text().contains(&format!("wrapped {command}\n")),
            "{}\n{}",
            wrapped.text(),
            wrapped.stderr
        );
        for (wrapper, code, why) in [
            ("/opt/missing", 127, "does not exist"),
            ("/opt/text", 126, "is not an executable"),
            ("/opt", 127, "does not exist"),
        ] {
            let refused = started.run(function, &[&format!("AWS_LAMBDA_EXEC_WRAPPER={wrapper}")], &[]);
            assert_eq!(refused.code, code, "{function} {wrapper}: {}", refused.stderr);
            assert!(refused.stderr.contains(&format!("{wrapper}: {why}")), "{function}: {}", refused.stderr);
        }
    }
}
