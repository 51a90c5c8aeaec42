//! Layers by the ARNs of their versions, as formats have them that name a layer where a function uses it.

use std::collections::BTreeMap;

use super::Findings;
use crate::finding::{Code, Finding, Place};
use crate::project::{Layer, LayerSource, LayerVersionArn, LayerVersionArnError, VersionSource};

/// The layer of an ARN. `help` says what else the format accepts.
pub(in crate::definition) fn read(
    text: &str,
    place: &Place,
    help: &str,
    findings: &mut Findings,
) -> Option<Layer> {
    let arn: LayerVersionArn = match text.parse() {
        Ok(arn) => arn,
        Err(error) => {
            let finding =
                Finding::error(Code::BadArn, place.clone(), LayerVersionArnError::to_string(&error));
            findings.add(finding.help(help));
            return None;
        }
    };
    Some(Layer {
        name: format!("{}-{}", arn.name(), arn.version()),
        place: place.clone(),
        // These formats have no word for it, and Lambda itself does not check the compatibility.
        source: LayerSource::Version(VersionSource { arn, ignore_compatibility: true }),
        source_place: place.clone(),
        bytecode: None,
    })
}

/// Reports a layer of which a function has another version already. Lambda rejects such a function (the response of
/// `CreateFunction`: "Two different versions of the same layer are not allowed to be referenced in the same function").
pub(in crate::definition) fn check_versions(
    layer: &Layer,
    versions: &mut BTreeMap<String, LayerVersionArn>,
    place: &Place,
    findings: &mut Findings,
) {
    let LayerSource::Version(VersionSource { arn, .. }) = &layer.source else { return };
    let other = versions.entry(arn.layer()).or_insert_with(|| arn.clone());
    if other != arn {
        let (one, two) = (other.version(), arn.version());
        let message = format!("versions {one} and {two} of the layer `{}`", arn.layer());
        let finding = Finding::error(Code::TwoVersions, place.clone(), message);
        findings
            .add(finding.help("remove one of them: Lambda rejects a function with two versions of a layer"));
    }
}
