//! What limg prints about extensions that do not work in Lambda or in the emulator.

use serde_json::json;

use super::Project;
use crate::support::{EXTENSION, finish, succeed};

/// The function `facts` with one extension.
fn project(name: &str, script: &str) -> Project {
    let project = Project::python();
    project.workspace.write_program(name, script);
    let definition = std::fs::read_to_string(project.workspace.path("limg.yaml")).unwrap();
    let mut definition: serde_json::Value = serde_json::from_str(&definition).unwrap();
    definition["extensions"][name] = json!({ "path": name });
    definition["functions"]["facts"]["extensions"] = json!([name]);
    project.workspace.write("limg.yaml", definition.to_string());
    project
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_note_names_an_extension_that_subscribes_to_telemetry() {
    let subscribe = "curl -sS -X PUT -H \"Lambda-Extension-Identifier: $identifier\" -d '{}' \
        \"http://$AWS_LAMBDA_RUNTIME_API/2022-07-01/telemetry\"\nwhile event=";
    let project = project("shipper", &EXTENSION.replace("while event=", subscribe));
    let invoked = succeed(project.limg(&["facts"]).args(["-e", "1", "-e", "2"]));
    let note = "note: `/opt/extensions/shipper` seems to use the Telemetry API, which the emulator does not provide; it \
        works only in Lambda";
    assert_eq!(invoked.stderr.lines().filter(|line| *line == note).count(), 1, "{}", invoked.stderr);
    // Other extensions do not contain the path.
    let invoked = succeed(&mut project.limg(&["count"]));
    assert!(!invoked.stderr.contains("note:"), "{}", invoked.stderr);
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn help_for_an_extension_registered_under_a_wrong_name_has_both_names() {
    for events in ["\"INVOKE\", \"SHUTDOWN\"", "\"INVOKE\""] {
        let script = EXTENSION.replace("${0##*/}", "shipper").replace("\"INVOKE\", \"SHUTDOWN\"", events);
        let project = project("shipper.sh", &script);
        let finished = finish(&mut project.limg(&["facts"]));
        assert_eq!(finished.code, 1, "{}", finished.stderr);
        for words in ["the extension `shipper.sh` did not register", "`shipper` tried to"] {
            assert!(finished.stderr.contains(words), "{words:?} is not in\n{}", finished.stderr);
        }
        project.leaves_nothing();
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn help_for_an_extension_that_exits_is_to_request_events() {
    let project = project("brief", "#!/bin/bash\nexit 0\n");
    let finished = finish(&mut project.limg(&["facts"]));
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    for words in ["extension `brief`: exit code 0", "help: an extension must register, then request"] {
        assert!(finished.stderr.contains(words), "{words:?} is not in\n{}", finished.stderr);
    }
    project.leaves_nothing();
}
