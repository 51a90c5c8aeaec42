//! What a function may do in its container: by default, with `--as-lambda` and with `--relaxed`.

use serde_json::json;

use super::Project;
use crate::support::{fails, finish, succeed, tool};

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_function_finds_the_environment_of_lambda() {
    let project = Project::python();
    let invoked = succeed(&mut project.limg(&["facts"]));
    let mut expected = json!({
        "user": [0, 0],
        "capabilities": invoked.json()["capabilities"],
        "no_new_privileges": "0",
        "root": "Read-only file system",
        "tmp": true,
        "shared_memory": false,
        "executable_tmp": true,
        "name": "facts",
        "memory": "256",
        "within_timeout": true,
        "style": project.docker.prefix,
        "limit": 256,
        "sandbox": ["127.0.0.1", "127.0.0.1"],
        "port_8080": true,
    });
    assert_eq!(invoked.json(), expected);
    for line in ["a line of output", "a line of errors", "listener saw SHUTDOWN"] {
        assert!(invoked.stderr.lines().any(|seen| seen == line), "{line:?} is not in\n{}", invoked.stderr);
    }

    expected["user"] = json!([993, 990]);
    expected["capabilities"] = json!("0000000000000000");
    expected["no_new_privileges"] = json!("1");
    assert_eq!(succeed(&mut project.limg(&["facts", "--as-lambda"])).json(), expected);

    let relaxed = succeed(&mut project.limg(&["facts", "--relaxed"])).json();
    assert_eq!(
        (&relaxed["user"], &relaxed["root"], &relaxed["tmp"], &relaxed["limit"]),
        (&json!([0, 0]), &json!(true), &json!(true), &json!(null))
    );
    assert_eq!(relaxed["shared_memory"], true);
    assert_eq!((&relaxed["port_8080"], &relaxed["sandbox"]), (&json!(true), &expected["sandbox"]));
    fails(2, &mut project.limg(&["facts", "--relaxed", "--as-lambda"]));
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_function_that_exceeds_its_memory_is_stopped() {
    let project = Project::python();
    for arguments in [&["fill"][..], &["fill", "--as-lambda"]] {
        let (error, finished) = project.error(arguments);
        assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
        let words = "ran out of memory; increase its `memory` of 256 MB";
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
    // Files in /tmp are not memory.
    assert_eq!(succeed(&mut project.limg(&["spool"])).json(), 400 << 20);
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn help_for_a_write_outside_tmp_names_tmp() {
    let project = Project::python();
    for arguments in [&["outside"][..], &["outside", "--as-lambda"]] {
        let (error, finished) = project.error(arguments);
        assert_eq!(error["errorMessage"], "[Errno 30] Read-only file system: '/var/task/cache'");
        let help = finished.stderr.lines().last().unwrap();
        assert!(help.starts_with("help: ") && help.contains("/tmp"), "{}", finished.stderr);
    }
    succeed(&mut project.limg(&["outside", "--relaxed"]));
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn an_emulator_at_any_usual_place_of_the_image_is_found() {
    let project = Project::script("#!/nothing\n");
    let emulator = crate::support::emulator();
    for place in [
        "var/rapid/aws-lambda-rie",
        "usr/bin/aws-lambda-rie",
        "aws-lambda-rie",
        "aws-lambda/aws-lambda-rie",
        "tools/aws-lambda-rie-x86_64",
    ] {
        let folder = project.workspace.path("root");
        let file = folder.join(place);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::copy(&emulator, &file).unwrap();
        // A file that is not a program is not the emulator.
        let other = folder.join("usr/local/bin/aws-lambda-rie");
        std::fs::create_dir_all(other.parent().unwrap()).unwrap();
        std::fs::write(other, "").unwrap();
        let archive = project.workspace.path("root.tar");
        succeed(tool("tar").arg("-C").arg(&folder).arg("-cf").arg(&archive).arg("."));
        let base = project.docker.name("base");
        succeed(tool("docker").args(["import", "--change", "ENV PATH=/bin:/tools"]).arg(&archive).arg(&base));
        std::fs::remove_dir_all(folder).unwrap();
        let definition = json!({
            "project": project.docker.prefix,
            "bases": { "own": { "image": format!("docker-daemon:{base}"), "contract": "provided.al2023" } },
            "functions": { "f": { "runtime": "own", "code": "code", "handler": "f", "timeout": 3 } },
        });
        project.workspace.write("limg.yaml", definition.to_string());
        // The emulator starts, and reports that the function cannot.
        let failed = finish(&mut project.limg(&["f"]));
        assert_eq!(failed.code, 1, "{place}: {}", failed.stderr);
        assert!(
            failed.stderr.contains("function error `Runtime.InvalidEntrypoint`"),
            "{place}: {}",
            failed.stderr
        );
        project.leaves_nothing();
    }
}
