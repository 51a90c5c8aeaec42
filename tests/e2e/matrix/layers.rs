//! Layers: file trees that are merged into `/opt`.

use serde_json::json;

use super::{Project, Runtime, cells};

cells! {
    layer_from_a_directory: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    layer_from_a_zip: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    two_layers_with_one_file_in_both: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
}

fn layer_from_a_directory(runtime: Runtime) {
    let mut project = Project::new(runtime);
    project.workspace.write("layer/data/words.txt", "in a layer\n");
    project.layer("words", "layer");
    assert_eq!(project.results(&json!([["read", "/opt/data/words.txt"]])), ["in a layer\n"]);
    project.assert_unquestioned();
}

fn layer_from_a_zip(runtime: Runtime) {
    let mut project = Project::new(runtime);
    project.workspace.write("layer/data/words.txt", "in a zip\n");
    let archive = project.zip("layer");
    project.layer("words", &archive);
    assert_eq!(project.results(&json!([["read", "/opt/data/words.txt"]])), ["in a zip\n"]);
}

fn two_layers_with_one_file_in_both(runtime: Runtime) {
    let mut project = Project::new(runtime);
    for (layer, own) in [("first", "a"), ("second", "b")] {
        project.workspace.write(format!("{layer}/data/words.txt"), format!("in the {layer}\n"));
        project.workspace.write(format!("{layer}/data/{own}.txt"), own);
        project.layer(layer, layer);
    }
    let words = project.results(&json!([
        ["read", "/opt/data/words.txt"],
        ["read", "/opt/data/a.txt"],
        ["read", "/opt/data/b.txt"]
    ]));
    assert_eq!(words, ["in the second\n", "a", "b"]);
}
