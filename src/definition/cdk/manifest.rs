//! What a manifest lists (`@aws-cdk/cloud-assembly-schema`, `cloud-assembly.schema.json`). Artifacts of other kinds, and what
//! newer versions of the schema add, are left aside.

use std::collections::BTreeMap;

use crate::definition::document::{Document, Node};
use crate::finding::Place;

/// Something that a manifest lists.
pub(super) enum Artifact {
    Stack(StackArtifact),
    /// The folder of another assembly, which CDK writes for each stage of an app.
    Assembly {
        folder: String,
        place: Place,
    },
}

/// A stack of a manifest.
pub(super) struct StackArtifact {
    /// The path of its construct, or in old versions its id.
    pub(super) name: String,
    /// The name of the stack in CloudFormation.
    pub(super) stack_name: String,
    /// The file of its template.
    pub(super) template: String,
    /// Where the manifest names the template.
    pub(super) place: Place,
    /// The Region and account of its environment, unless the stack may be deployed to any.
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    /// The values of parameters.
    pub(super) parameters: BTreeMap<String, String>,
}

/// What a manifest lists, in its order.
pub(super) fn artifacts(manifest: &Document) -> Vec<Artifact> {
    let Some(artifacts) = manifest.root().entry("artifacts") else { return Vec::new() };
    let of_entry = |(id, artifact)| self::artifact(id, artifact, &manifest.place().keys(&["artifacts", id]));
    artifacts.entries().iter().map(|entry| (entry.key.as_str(), &entry.value)).filter_map(of_entry).collect()
}

fn artifact(id: &str, artifact: &Node, place: &Place) -> Option<Artifact> {
    let properties = artifact.entry("properties");
    let property = |key: &str| properties.and_then(|properties| properties.entry(key)).and_then(Node::text);
    let place_of = |key: &str| place.keys(&["properties", key]);
    match artifact.entry("type").and_then(Node::text)? {
        "aws:cloudformation:stack" => {
            let name = artifact.entry("displayName").and_then(Node::text).unwrap_or(id);
            // Older versions write `PATH (STACK)` where the name of the stack is not that of its path.
            let name = name.split(" (").next().unwrap_or(name);
            let parameters = properties.and_then(|properties| properties.entry("parameters"));
            let parameters = parameters.map(Node::entries).unwrap_or_default().iter();
            let (account, region) =
                artifact.entry("environment").and_then(Node::text).map(environment).unwrap_or_default();
            Some(Artifact::Stack(StackArtifact {
                name: name.to_owned(),
                stack_name: property("stackName").unwrap_or(id).to_owned(),
                template: property("templateFile")?.to_owned(),
                place: place_of("templateFile"),
                region,
                account,
                parameters: parameters
                    .filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned())))
                    .collect(),
            }))
        }
        "cdk:cloud-assembly" => {
            let folder = property("directoryName")?.to_owned();
            Some(Artifact::Assembly { folder, place: place_of("directoryName") })
        }
        _ => None,
    }
}

/// Account and Region of `aws://ACCOUNT/REGION`, as far as the app sets them (aws-cdk-lib, `EnvironmentUtils`).
fn environment(text: &str) -> (Option<String>, Option<String>) {
    let Some((account, region)) = text.strip_prefix("aws://").and_then(|text| text.split_once('/')) else {
        return (None, None);
    };
    let known = |part: &str| (!part.is_empty() && !part.starts_with("unknown-")).then(|| part.to_owned());
    (known(account), known(region))
}
