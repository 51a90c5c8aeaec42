//! What a language, the linker and the search path find below `/opt`.

use std::fs;

use serde_json::json;

use super::made;
use super::{Project, Runtime, cells};

cells! {
    library_in_opt_python: python311;
    library_in_site_packages: python311;
    program_in_opt_bin: python311 script binary;
    shared_library_in_opt_lib: python311 script;
}

/// A library is found in a folder of a layer, in the language's own way.
fn found_in(runtime: Runtime, folder: &str) {
    let mut project = Project::new(runtime);
    runtime.write_library(&project.workspace, &format!("layer/{folder}"), folder);
    project.layer("library", "layer");
    assert_eq!(project.ask(json!([["library", "greetings"]])), [folder]);
}

fn library_in_opt_python(runtime: Runtime) {
    found_in(runtime, "python");
}

fn library_in_site_packages(runtime: Runtime) {
    found_in(runtime, "python/lib/python3.11/site-packages");
}

fn program_in_opt_bin(runtime: Runtime) {
    let mut project = Project::new(runtime);
    // Linked statically, since `scratch` has no shell.
    let program = fs::read(made::static_program()).unwrap();
    project.workspace.write_program("layer/bin/answer", program);
    project.layer("program", "layer");
    assert_eq!(project.ask(json!([["run", "answer"]])), ["the answer of a shared library"]);
}

fn shared_library_in_opt_lib(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let made = made::shared_library();
    for (file, place) in [("libanswer.so", "layer/lib/libanswer.so"), ("answer", "layer/bin/answer")] {
        project.workspace.write_program(place, fs::read(made.join(file)).unwrap());
    }
    project.layer("native", "layer");
    assert_eq!(project.ask(json!([["run", "answer"]])), ["the answer of a shared library"]);
}
