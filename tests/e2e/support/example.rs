//! The projects of `examples/`. Each test has its own copy.

use std::fs;
use std::process::Command;

use super::bases::{Base, base, build_static_binary, layout_of};
use super::command::{succeed, tool};
use super::docker::Docker;
use super::{Workspace, repository};

/// A copy of an example. Its images have unique names and ids, since the engine is shared.
pub(crate) struct Example {
    pub(crate) docker: Docker,
    pub(crate) workspace: Workspace,
}

impl Example {
    /// Copies an example and builds its base or its programs.
    pub(crate) fn new(name: &str) -> Self {
        match name {
            "python-layers" => drop(base(Base::Python311)),
            "custom-runtime" => drop(base(Base::ProvidedAl2023)),
            "static-binary" => build_static_binary(),
            other => panic!("unknown example {other}"),
        }
        let (docker, workspace) = (Docker::new(name), Workspace::new());
        let source = repository().join("examples").join(name).join(".");
        // With the files' times, which must not matter to limg.
        succeed(tool("cp").arg("-a").arg(source).arg(workspace.path(".")));
        let _absent = fs::remove_dir_all(workspace.path(".limg"));
        // The modes of a checkout with the usual umask, which Docker's COPY keeps.
        succeed(tool("chmod").args(["-R", "u=rwX,go=rX"]).arg(workspace.path("")));
        let definition = workspace.path("limg.yaml");
        let text = fs::read_to_string(&definition).unwrap();
        let bases = layout_of(Base::Python311).parent().unwrap().display().to_string();
        let text = replace(&text, &format!("project: {name}\n"), &format!("project: {}\n", docker.prefix));
        let text = if name == "static-binary" { text } else { replace(&text, "../../target/bases", &bases) };
        let mark = format!("\ndefaults: {{ environment: {{ LIMG_E2E: {} }} }}\n", docker.prefix);
        fs::write(&definition, text + &mark).unwrap();
        Self { docker, workspace }
    }

    /// `limg invoke`.
    pub(crate) fn invoke(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.limg(&["invoke"]);
        command.args(arguments);
        command
    }
}

fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the definition has no {from:?}:\n{text}");
    text.replace(from, to)
}
