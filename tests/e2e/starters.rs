//! What `limg init` writes runs in Docker without changes, on the open base of each language.

use serde_json::json;

use crate::support::{Base, Docker, Workspace, base, compile_dotnet, finish, succeed, tool};

/// Creates a project for the contract of an open base, compiles it as `limg init` says, and invokes its function.
fn starter_responds(open: Base) {
    let (docker, workspace) = (Docker::new("starter"), Workspace::new());
    let folder = docker.prefix.as_str();
    let image = format!("oci:{}", base(open).display());
    let written =
        succeed(&mut workspace.limg(&["init", folder, "--runtime", open.contract(), "--base", &image]));
    let compile = written
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("compile the function before you build it: "));
    match (open, compile) {
        // There is no SDK here, only a compiler for its language.
        (Base::DotnetCore31, Some(command)) => {
            assert!(command.starts_with("dotnet publish "), "{command}");
            let publish = workspace.path(folder).join("functions/hello/publish");
            std::fs::create_dir_all(&publish).unwrap();
            compile_dotnet(&workspace.path(folder).join("functions/hello/Function.cs"), &publish, "Hello");
        }
        (_, Some(command)) => {
            succeed(tool("sh").args(["-ec", command]).current_dir(workspace.path(folder)));
        }
        (_, None) => {}
    }
    let greeting = |event: &str| {
        let mut invoke = workspace.limg(&["invoke", "-e", event]);
        let invoked = finish(invoke.current_dir(workspace.path(folder)));
        assert_eq!(invoked.code, 0, "{open:?}: {}\n{}", invoked.text(), invoked.stderr);
        invoked.json()
    };
    assert_eq!(greeting("{}"), json!({ "message": "hello, world" }), "{open:?}");
    // The custom runtime is a shell script, which reads no JSON.
    if !matches!(open, Base::ProvidedAl2023) {
        assert_eq!(greeting("{\"name\": \"Ada\"}"), json!({ "message": "hello, Ada" }), "{open:?}");
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_starter_of_every_language_responds() {
    for open in [
        Base::Python311,
        Base::Nodejs22,
        Base::Ruby31,
        Base::Java17,
        Base::DotnetCore31,
        Base::ProvidedAl2023,
    ] {
        starter_responds(open);
    }
}
