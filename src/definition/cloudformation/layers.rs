//! The layers of a function: ARNs of layer versions, and layers that the template itself has.

use std::collections::BTreeMap;

use super::assets::Assets;
use super::build_command;
use super::build_graph::Wanted;
use super::build_results::Found;
use super::code::{self, InS3, Location};
use super::context::Context;
use super::intrinsics::{Expression, Reference, Stacks, Unresolved, Value};
use super::local_build::Sources;
use super::properties::Properties;
use crate::definition::fields::{self, Findings, layer_version, source};
use crate::finding::{Code, Finding, Place};
use crate::fs;
use crate::project::{Layer, LayerSource};

/// Finds the layers of functions, each layer of the template once.
pub(super) struct Layers<'s, 't> {
    stacks: &'s Stacks<'t>,
    context: &'s Context<'s>,
    /// The layers of the template by stack and logical id, with what is wrong with them.
    known: BTreeMap<Reference, Result<Layer, Vec<Finding>>>,
}

impl<'s, 't> Layers<'s, 't> {
    pub(super) fn new(stacks: &'s Stacks<'t>, context: &'s Context<'s>) -> Self {
        Self { stacks, context, known: BTreeMap::new() }
    }

    /// The layers that the values of a function's `Layers` name, in their order.
    pub(super) fn of_function<'e>(
        &mut self,
        lists: impl Iterator<Item = &'e Expression<'t>>,
        findings: &mut Findings,
    ) -> Vec<Layer>
    where
        't: 'e,
    {
        let mut layers = Vec::new();
        let mut versions = BTreeMap::new();
        for list in lists {
            let items = match self.stacks.list(list) {
                Ok(items) => items.unwrap_or_default(),
                Err(unresolved) => {
                    findings.add(self.not_a_list(list).unwrap_or_else(|| unresolved.finding()));
                    continue;
                }
            };
            for item in &items {
                let Some(layer) = self.layer(item, findings) else { continue };
                layer_version::check_versions(&layer, &mut versions, item.place(), findings);
                // A template may repeat a layer that `Globals` has.
                if layers.iter().all(|other: &Layer| other.source != layer.source) {
                    layers.push(layer);
                }
            }
        }
        layers
    }

    /// The finding about one layer where a list of layers must be.
    fn not_a_list(&self, value: &Expression<'t>) -> Option<Finding> {
        let found = self.stacks.evaluate(value).ok()?;
        if !matches!(found, Value::Text(_) | Value::Reference(_)) {
            return None;
        }
        let message = "expected a list of layers, found one layer";
        let finding = Finding::error(Code::WrongType, value.place().clone(), message);
        Some(finding.help("write it as the item of a list"))
    }

    fn layer(&mut self, item: &Expression<'t>, findings: &mut Findings) -> Option<Layer> {
        let place = item.place();
        match self.stacks.evaluate(item) {
            Ok(Value::Text(text)) => {
                let help = "use the ARN of a layer version, or a layer of the template";
                layer_version::read(&text.text, place, help, findings)
            }
            Ok(Value::Reference(Reference { stack, logical_id, .. })) => {
                let reference = Reference { stack, logical_id, attribute: None };
                let (stacks, context) = (self.stacks, self.context);
                let layer = self.known.entry(reference.clone());
                let layer = layer.or_insert_with(|| of_template(stacks, context, &reference, place));
                match layer {
                    Ok(layer) => Some(layer.clone()),
                    Err(errors) => {
                        for error in errors.iter() {
                            findings.add(error.clone());
                        }
                        None
                    }
                }
            }
            Ok(_) => {
                let message = "a layer must be an ARN or a layer of the template";
                findings.add(Finding::error(Code::UnknownLayer, place.clone(), message));
                None
            }
            Err(unresolved) => {
                findings.add(unresolved.finding());
                None
            }
        }
    }
}

/// A layer of the template.
fn of_template(
    stacks: &Stacks<'_>,
    context: &Context<'_>,
    reference: &Reference,
    at: &Place,
) -> Result<Layer, Vec<Finding>> {
    let Reference { stack, logical_id, .. } = reference;
    let Some(resource) = stacks.resource(*stack, logical_id) else {
        let finding = Finding::error(Code::UnknownLayer, at.clone(), format!("unknown layer `{logical_id}`"));
        return Err(vec![finding]);
    };
    let mut findings = Findings::new(resource.place().clone());
    let layer = read(stacks, context, reference, (&resource, at), &mut findings);
    layer.filter(|_| !findings.has_errors()).ok_or(findings.all)
}

fn read<'t>(
    stacks: &Stacks<'t>,
    context: &Context<'_>,
    reference: &Reference,
    (resource, at): (&Expression<'t>, &Place),
    findings: &mut Findings,
) -> Option<Layer> {
    let Reference { stack, logical_id, .. } = reference;
    let (results, assets) = (context.results, context.assets);
    let full_name = stacks.full_name(*stack, logical_id);
    let name = context.names.name(stacks, *stack, logical_id, resource);
    let mut unresolved = |error: &Unresolved| findings.add(error.finding());
    let kind = stacks.get(resource, "Type").and_then(|kind| kind.map_or(Ok(None), |kind| stacks.text(&kind)));
    let kind = kind.map_err(|error| unresolved(&error)).ok()?.map(|kind| kind.text).unwrap_or_default();
    let (section, key) = match kind.as_str() {
        "AWS::Serverless::LayerVersion" => (Some("LayerVersion"), "ContentUri"),
        "AWS::Lambda::LayerVersion" => (None, "Content"),
        "AWS::Serverless::Application" | "AWS::CloudFormation::Stack" => {
            let message = format!("only the deployed application `{logical_id}` knows its outputs");
            let finding = Finding::error(Code::UnresolvedValue, at.clone(), message);
            findings
                .add(finding.help("use a parameter for the ARN, and pass `--parameter-overrides NAME=ARN`"));
            return None;
        }
        _ => {
            let message = format!("`{logical_id}` is not a layer, but has the type `{kind}`");
            let finding = Finding::error(Code::UnknownLayer, resource.place().clone().on_key(), message);
            findings.add(finding.help("name a layer version of the template, or an ARN"));
            return None;
        }
    };
    let properties = Properties::of(stacks, resource, section).map_err(|error| unresolved(&error)).ok()?;
    let place = properties.place(key);
    let location = if let Some(asset) = Assets::of_resource(stacks, resource, key) {
        Some(Location::Asset(asset))
    } else {
        let location = properties.find(key).map(|value| Location::of_value(stacks, value)).transpose();
        location.map_err(|error| unresolved(&error)).ok()?.flatten()
    };
    let what = format!("the content of the layer `{name}`");
    let source = match location {
        Some(Location::Path { place, .. })
            if !code::may_be_on_this_machine(&what, &place, &context.options.fetched, findings) =>
        {
            return None;
        }
        Some(Location::Path { path, place }) => {
            let need = build_command::needed_by_layer(stacks, resource);
            let wanted = Wanted {
                runtime: None,
                architecture: None,
                sources: fs::folder_of(place.file()).join(&path),
                metadata: build_command::written_metadata(stacks, resource),
            };
            let sources = Sources { stacks, context, resource, logical_id, path: &path, place: &place };
            match (results.find(&full_name, &place, &wanted), need) {
                (Found::Fresh(source, _), _) => source,
                _ if let Some(built) = sources.of_layer(findings) => {
                    return built.ok().map(|source| Layer {
                        name: fields::name::of_image(&name),
                        place: resource.place().clone(),
                        source,
                        source_place: place.clone(),
                        bytecode: None,
                    });
                }
                (found, Some(need)) if results.are_used() => {
                    let command = context.build_command(resource);
                    findings.add(build_command::needed(&what, &need, found.why_stale(), &command, &place));
                    return None;
                }
                _ => code::files(&path, &place, "", findings)?,
            }
        }
        Some(Location::Asset(asset)) => assets.files(asset, findings)?,
        Some(Location::S3 { object, place }) => {
            if let Some(asset) = assets.in_s3(&object.key, &place) {
                assets.files(asset, findings)?
            } else {
                let object = InS3 { what: &what, object: &object, place: &place, property: key };
                object.files(&context.options.fetched, findings)?
            }
        }
        Some(Location::ToBeFilled { place }) => {
            findings.add(code::to_be_filled(&what, "", &place, key));
            return None;
        }
        Some(Location::Inline { .. } | Location::Image) | None => {
            let message = format!("the layer `{name}` has no `{key}` that limg can read");
            let finding = Finding::error(Code::MissingKey, place, message);
            findings.add(finding.help(format!("add `{key}:` with a directory or a .zip")));
            return None;
        }
    };
    source::is_tree(&source, &place, findings).then(|| Layer {
        name: fields::name::of_image(&name),
        place: resource.place().clone(),
        source: LayerSource::Files(source),
        source_place: place,
        bytecode: None,
    })
}
