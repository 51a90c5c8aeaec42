//! What a language, the linker and the search path find below `/opt`.

use serde_json::json;

use super::programs;
use super::runtime::read;
use super::{Project, Runtime, cells};

cells! {
    library_in_opt_python: python311;
    library_in_site_packages: python311;
    library_in_node_modules: nodejs18 nodejs22;
    library_in_node_modules_of_the_version: nodejs18 nodejs22;
    library_in_java_lib: java17;
    library_in_ruby_lib: ruby31;
    library_in_ruby_gems: ruby31;
    program_in_opt_bin: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    shared_library_in_opt_lib: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
}

/// The language finds a library in this folder of a layer.
fn check(runtime: Runtime, folder: &str) {
    let mut project = Project::new(runtime);
    runtime.write_library(&project.workspace, &format!("layer/{folder}"), folder);
    project.layer("library", "layer");
    assert_eq!(project.results(&json!([["library", "greetings"]])), [folder]);
}

fn library_in_opt_python(runtime: Runtime) {
    check(runtime, "python");
}

fn library_in_site_packages(runtime: Runtime) {
    check(runtime, "python/lib/python3.11/site-packages");
}

fn library_in_node_modules(runtime: Runtime) {
    check(runtime, "nodejs/node_modules");
}

fn library_in_node_modules_of_the_version(runtime: Runtime) {
    let version = if runtime == Runtime::Nodejs18 { "18" } else { "22" };
    check(runtime, &format!("nodejs/node{version}/node_modules"));
}

fn library_in_java_lib(runtime: Runtime) {
    check(runtime, "java/lib");
}

fn library_in_ruby_lib(runtime: Runtime) {
    check(runtime, "ruby/lib");
}

/// An installed gem: its files, and the specification by which Ruby finds it.
fn library_in_ruby_gems(runtime: Runtime) {
    const SPECIFICATION: &str = "\
Gem::Specification.new do |gem|
  gem.name = 'greetings'
  gem.version = '1.0.0'
  gem.summary = 'A greeting'
  gem.authors = ['limg']
  gem.require_paths = ['lib']
end
";
    let mut project = Project::new(runtime);
    runtime.write_library(&project.workspace, "layer/ruby/gems/3.1.0/gems/greetings-1.0.0/lib", "of a gem");
    project.workspace.write("layer/ruby/gems/3.1.0/specifications/greetings-1.0.0.gemspec", SPECIFICATION);
    project.layer("library", "layer");
    assert_eq!(project.results(&json!([["library", "greetings"]])), ["of a gem"]);
}

fn program_in_opt_bin(runtime: Runtime) {
    let mut project = Project::new(runtime);
    // Linked statically, since `scratch` has no shell.
    let program = read(&programs::static_program());
    project.workspace.write_program("layer/bin/answer", program);
    project.layer("program", "layer");
    assert_eq!(project.results(&json!([["run", "answer"]])), ["the answer of a shared library"]);
}

fn shared_library_in_opt_lib(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let built = programs::shared_library();
    for (file, place) in [("libanswer.so", "layer/lib/libanswer.so"), ("answer", "layer/bin/answer")] {
        project.workspace.write_program(place, read(&built.join(file)));
    }
    project.layer("native", "layer");
    assert_eq!(project.results(&json!([["run", "answer"]])), ["the answer of a shared library"]);
}
