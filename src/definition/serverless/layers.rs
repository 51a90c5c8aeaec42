//! The layers of functions: ARNs of layer versions, and layers of the service itself.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::artifacts::{Artifacts, Package};
use super::builders::{Builder, COMMAND};
use super::code::{Files, Wanted};
use super::intrinsics::{Evaluated, Region};
use super::package::{Filter, Packaging, ServicePackage};
use super::values::{get, text};
use super::variables::{Resolver, Value, recorded_entries};
use crate::definition::fields::{Findings, layer_version, source};
use crate::finding::{Code, Finding, Help, Place};
use crate::project::{Layer, LayerSource};

/// What to write as a layer.
const FORMS: &str =
    "use the ARN of a layer version, or `{ Ref: NameLambdaLayer }` for a layer of this service";

/// Finds the layers of functions, each layer of the service once.
pub(super) struct Layers<'r, 'a> {
    pub(super) resolver: &'r Resolver<'a>,
    pub(super) region: &'r Region,
    pub(super) package: &'r ServicePackage,
    pub(super) artifacts: &'r Artifacts,
    pub(super) files: &'r Files<'a>,
    /// The layers of the service by name, with what is wrong with them.
    known: RefCell<BTreeMap<String, Result<Layer, Vec<Finding>>>>,
}

impl<'r, 'a> Layers<'r, 'a> {
    pub(super) fn new(
        resolver: &'r Resolver<'a>,
        region: &'r Region,
        package: &'r ServicePackage,
        artifacts: &'r Artifacts,
        files: &'r Files<'a>,
    ) -> Self {
        Self { resolver, region, package, artifacts, files, known: RefCell::default() }
    }

    /// The layers that a list names, in its order.
    pub(super) fn of_list(&self, list: &Value<'a>, findings: &mut Findings) -> Vec<Layer> {
        let Some(items) = list.items() else {
            let message = "`layers` must be a list";
            findings.add(Finding::error(Code::WrongType, list.place().clone(), message).help(FORMS));
            return Vec::new();
        };
        let mut layers: Vec<Layer> = Vec::new();
        let mut versions = BTreeMap::new();
        for item in items {
            let Some(layer) = self.layer(&item, findings) else { continue };
            layer_version::check_versions(&layer, &mut versions, item.place(), findings);
            if layers.iter().all(|other| other.source != layer.source) {
                layers.push(layer);
            }
        }
        layers
    }

    fn layer(&self, item: &Value<'a>, findings: &mut Findings) -> Option<Layer> {
        let place = item.place();
        if let Err(unresolved) = self.resolver.resolve(item) {
            findings.add(unresolved.finding());
            return None;
        }
        match self.region.evaluate(self.resolver, item) {
            Evaluated::Text(text) => {
                let arn = self.region.substitute(&text).unwrap_or(text);
                layer_version::read(&arn, place, FORMS, findings)
            }
            Evaluated::Resource(id) => self.of_service(&id, place, findings),
            Evaluated::Deployed => {
                let message = "only the deployed stack knows this layer";
                let finding = Finding::error(Code::UnresolvedValue, place.clone(), message);
                findings.add(finding.help("use the ARN of a layer version"));
                None
            }
        }
    }

    /// The layer of the service that becomes the resource with a logical id.
    fn of_service(&self, id: &str, place: &Place, findings: &mut Findings) -> Option<Layer> {
        let layers = get(self.resolver, &self.resolver.root(), "layers", findings);
        let written = layers.as_ref().and_then(Value::entries).into_iter().flatten();
        let written = written.map(|(name, _)| name.to_owned());
        // Plugins add layers that are not in the definition.
        let recorded = recorded_entries(self.resolver.documents(), "layers").into_iter();
        let names: Vec<String> = written.chain(recorded.map(str::to_owned)).collect();
        let Some(name) = names.iter().find(|name| logical_id(name) == id) else {
            let message = format!("no layer of this service becomes `{id}`");
            let known =
                names.iter().map(|name| format!("`{}`", logical_id(name))).collect::<Vec<_>>().join(", ");
            let help = if known.is_empty() { FORMS.to_owned() } else { format!("use one of {known}") };
            let help = Help::from(help).or(format!("run `{COMMAND}` if a plugin makes the layer"));
            findings.add(Finding::error(Code::UnknownLayer, place.clone(), message).help(help));
            return None;
        };
        if !self.known.borrow().contains_key(name) {
            let mut own = Findings::new(place.clone());
            let layer = self.read(name, layers.as_ref(), place, &mut own);
            let layer = layer.filter(|_| !own.has_errors());
            // Warnings are those of the function that names the layer first.
            own.all.iter().filter(|finding| !finding.is_error()).for_each(|it| findings.add(it.clone()));
            self.known.borrow_mut().insert(name.clone(), layer.ok_or(own.all));
        }
        match self.known.borrow().get(name)? {
            Ok(layer) => Some(layer.clone()),
            Err(errors) => {
                for error in errors {
                    findings.add(error.clone());
                }
                None
            }
        }
    }

    fn read(
        &self,
        name: &str,
        layers: Option<&Value<'a>>,
        used_at: &Place,
        findings: &mut Findings,
    ) -> Option<Layer> {
        let Some(layer) = layers.and_then(|layers| get(self.resolver, layers, name, findings)) else {
            return self.of_plugin(name, used_at, findings);
        };
        let packaging = Packaging::read(self.resolver, &layer, findings);
        let path = text(self.resolver, &layer, "path", findings);
        let place = path.as_ref().map_or_else(|| layer.place().clone(), |path| path.place.clone());
        let package = self.artifacts.of_layer(name, &packaging);
        let mut of_filter = Findings::new(place.clone());
        let wanted = Wanted {
            what: format!("the layer `{name}`"),
            place: place.clone(),
            runtime: String::new(),
            builder: None,
            folder: path.as_ref().map(|path| path.text.as_str()),
            filter: self.package.filter_of_layer(&packaging, &mut of_filter),
            of_filter: of_filter.all,
        };
        if let (Package::Absent(path), None) = (&package, &path) {
            let message =
                format!("the layer `{name}` has no `path`, and `{}` does not exist", path.display());
            let finding = Finding::error(Code::MissingKey, place, message);
            findings
                .add(finding.help(Help::from("add `path:` with a folder").or(format!("run `{COMMAND}`"))));
            return None;
        }
        let found = self.files.find(package, &wanted, findings)?;
        source::is_tree(&found.source, &place, findings).then(|| Layer {
            name: name.to_owned(),
            place: layer.place().clone(),
            source: LayerSource::Files(found.source),
            source_place: place,
            bytecode: None,
        })
    }

    /// A layer that a plugin has added to the service, used at a place.
    fn of_plugin(&self, name: &str, used_at: &Place, findings: &mut Findings) -> Option<Layer> {
        let builder = Builder { name: "a plugin".to_owned(), place: used_at.clone() };
        let wanted = Wanted {
            what: format!("the layer `{name}`"),
            place: used_at.clone(),
            runtime: String::new(),
            builder: Some(&builder),
            folder: None,
            filter: Filter { exclude: Vec::new() },
            of_filter: Vec::new(),
        };
        let found =
            self.files.find(self.artifacts.of_layer(name, &Packaging::default()), &wanted, findings)?;
        Some(Layer {
            name: name.to_owned(),
            place: used_at.clone(),
            source: LayerSource::Files(found.source),
            source_place: used_at.clone(),
            bytecode: None,
        })
    }
}

/// The logical id of a layer (`naming.js`, `getLambdaLayerLogicalId`).
pub(super) fn logical_id(name: &str) -> String {
    let name = name.replace('-', "Dash").replace('_', "Underscore");
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}LambdaLayer", letters.as_str())
}
