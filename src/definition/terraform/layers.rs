//! The layers of functions: ARNs that the plan knows, and layers that it will make, whose ARNs only the apply will know.

use std::collections::BTreeMap;
use std::path::Path;

use super::files;
use super::plan::{self, Plan, Resource};
use super::references::{self, LAYER, Named};
use crate::definition::fields::{self, Findings, layer_version, source};
use crate::finding::{Code, Finding, Place};
use crate::project::{Layer, LayerSource};
use crate::text::first_of;

/// What to write as a layer.
const FORMS: &str = "use the ARN of a layer version, or `aws_lambda_layer_version.NAME.arn`";

/// How many layers a message lists.
const LISTED: usize = 5;

/// The layers of a function, in its order.
pub(super) fn of_function(
    plan: &Plan<'_>,
    function: &Resource<'_>,
    root: &Path,
    findings: &mut Findings,
) -> Vec<Layer> {
    let place = function.place_of("layers");
    let Some(named) = named(plan, function, findings) else { return Vec::new() };
    let (mut layers, mut versions) = (Vec::<Layer>::new(), BTreeMap::new());
    for named in named {
        let layer = match named {
            Named::Resource(layer) => read(plan, layer, root, findings),
            Named::Arn(arn) => match plan.of_kind(LAYER).find(|layer| layer.text("arn") == Some(arn)) {
                // Its files are here, and the plan changes nothing about them.
                Some(layer) => read(plan, layer, root, findings),
                None => layer_version::read(arn, &place, FORMS, findings),
            },
        };
        let Some(layer) = layer else { continue };
        layer_version::check_versions(&layer, &mut versions, &place, findings);
        if layers.iter().all(|other| other.source != layer.source) {
            layers.push(layer);
        }
    }
    layers
}

/// What the layers of a function are; nothing if the plan does not say it, which is reported.
fn named<'p, 'd>(
    plan: &'p Plan<'d>,
    function: &'p Resource<'d>,
    findings: &mut Findings,
) -> Option<Vec<Named<'p, 'd>>> {
    let items = plan::items(function.value("layers"));
    let is_unknown = function.unknown("layers").is_some_and(plan::is_true);
    if !is_unknown && items.iter().all(|item| !item.is_null()) {
        return Some(items.iter().filter_map(plan::text).map(Named::Arn).collect());
    }
    let expression = plan.expressions(&function.address).and_then(|expressions| expressions.entry("layers"));
    let found = expression.map(|expression| references::layers(plan, &function.address, expression));
    let Some(found) = found.filter(|found| found.local.is_none() && !found.named.is_empty()) else {
        findings.add(not_known(function));
        return None;
    };
    if is_unknown {
        findings.add(may_lack_arns(function, &found.named));
        return Some(found.named);
    }
    // The items that are null stand for layers whose ARNs are not known.
    let mut made = found.named.into_iter().filter(|named| match named {
        Named::Resource(layer) => layer.value("arn").is_none(),
        Named::Arn(_) => false,
    });
    let named: Option<Vec<_>> =
        items.iter().map(|item| plan::text(item).map(Named::Arn).or_else(|| made.next())).collect();
    let named = named.filter(|_| made.next().is_none());
    if named.is_none() {
        findings.add(not_known(function));
    }
    named
}

fn not_known(function: &Resource<'_>) -> Finding {
    let message = format!("the plan does not contain which layers `{}` has", function.written);
    Finding::error(Code::UnresolvedValue, function.place_of("layers"), message)
        .help("name them without local values: `layers = [aws_lambda_layer_version.NAME.arn]`")
}

/// Terraform leaves out the whole list if one of its ARNs is not known, and so the ARNs in it that are written as text.
fn may_lack_arns(function: &Resource<'_>, layers: &[Named<'_, '_>]) -> Finding {
    let names = layers.iter().map(|layer| match layer {
        Named::Resource(layer) => layer.address.name(),
        Named::Arn(arn) => (*arn).to_owned(),
    });
    let names: Vec<_> = names.collect();
    let message = format!(
        "the plan does not contain the layers of `{}`, so limg uses those that its configuration refers to: {}",
        function.written,
        first_of(LISTED, names.iter()),
    );
    Finding::warning(Code::UnresolvedValue, function.place_of("layers"), message)
        .help("if the list has ARNs as text, move them to variables")
}

fn read(plan: &Plan<'_>, layer: &Resource<'_>, root: &Path, findings: &mut Findings) -> Option<Layer> {
    let name = layer.address.name();
    let place: Place = layer.place_of("filename");
    let what = format!("the content of the layer `{name}`");
    let source = files::of_resource(plan, layer, &what, root, findings)?;
    source::is_tree(&source, &place, findings).then(|| Layer {
        name: fields::name::of_image(&name),
        place: layer.place.clone(),
        source: LayerSource::Files(source),
        source_place: place,
        bytecode: None,
    })
}
