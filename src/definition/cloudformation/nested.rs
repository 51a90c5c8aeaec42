//! The templates of a definition: the one that the user names, and those that it nests by a path on this machine or in S3.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::assets::Assets;
use super::intrinsics::{Expression, Given, PseudoParameters, StackId, Stacks, Unresolved};
use crate::definition::document::{Document, DocumentError};
use crate::definition::{Fetched, Unbuildable, WhyUnbuildable};
use crate::finding::{Code, Finding, Help, Place, RemoteValue, S3Object};
use crate::fs;
use crate::text::with_causes;

/// The types of nested stacks, and the property that names their template.
pub(super) const NESTED: [(&str, &str); 2] =
    [("AWS::Serverless::Application", "Location"), ("AWS::CloudFormation::Stack", "TemplateURL")];

/// How many stacks a definition may have, and how deep they may be nested: more than any has, and few enough that templates
/// which nest themselves end soon.
const STACKS_LIMIT: usize = 1000;
const DEPTH_LIMIT: usize = 16;

/// The templates of a definition.
pub(super) struct Templates {
    documents: Vec<Document>,
    parameters: BTreeMap<String, String>,
    pseudo: PseudoParameters,
    nested: Vec<Nested>,
    /// Where they are named.
    named: Vec<NestedTemplate>,
    /// Nested stacks that cannot be read.
    missing: Vec<Unbuildable>,
    assets: Rc<Assets>,
    fetched: Fetched,
}

/// Where a template names one that it nests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::definition) struct NestedTemplate {
    /// The value that names it, also if a function computes it.
    pub(in crate::definition) place: Place,
    /// The file that this value leads to.
    pub(in crate::definition) file: PathBuf,
}

/// A nested stack.
struct Nested {
    /// The position of its parent among all stacks.
    parent: usize,
    logical_id: String,
    /// The position of its template among the documents.
    document: usize,
    depth: usize,
}

/// A resource that nests a template.
struct Resource {
    parent: usize,
    logical_id: String,
    name: String,
    place: Place,
    location: Result<Location, Finding>,
}

/// Where a nested template is.
enum Location {
    /// On this machine.
    File(PathBuf),
    /// In S3.
    Remote(RemoteValue),
    /// In the AWS Serverless Application Repository, or another place that limg does not fetch from.
    Elsewhere,
}

impl Templates {
    /// The template that the user names.
    pub(super) fn new(
        document: Document,
        parameters: BTreeMap<String, String>,
        pseudo: PseudoParameters,
        assets: Rc<Assets>,
        fetched: Fetched,
    ) -> Self {
        let (nested, named, missing) = Default::default();
        Self { documents: vec![document], parameters, pseudo, nested, named, missing, assets, fetched }
    }

    /// Finds all nested templates, and passes all stacks to `read`.
    pub(super) fn read_all<T>(&mut self, read: impl FnOnce(&Stacks<'_>, &[StackId]) -> T) -> T {
        let mut looked_at = 0;
        loop {
            let (stacks, ids) = self.stacks();
            let found: Vec<Resource> =
                (looked_at..ids.len()).flat_map(|position| self.resources(&stacks, &ids, position)).collect();
            if found.is_empty() {
                return read(&stacks, &ids);
            }
            looked_at = ids.len();
            drop(stacks);
            for resource in found {
                self.add(resource);
            }
        }
    }

    /// The nested stacks whose templates cannot be read.
    pub(super) fn missing(&mut self) -> Vec<Unbuildable> {
        std::mem::take(&mut self.missing)
    }

    /// All templates, the one that the user names first, and where they name each other.
    pub(super) fn into_documents(self) -> (Vec<Document>, Vec<NestedTemplate>) {
        (self.documents, self.named)
    }

    /// The stacks of all templates, with their ids in the order of parents before children.
    fn stacks(&self) -> (Stacks<'_>, Vec<StackId>) {
        let mut stacks = Stacks::new(self.pseudo.clone()).with_fetched(self.fetched.clone());
        let given = self.parameters.iter().map(|(name, value)| (name.clone(), Given::Text(value.clone())));
        let mut ids = vec![stacks.add(&self.documents[0], given)];
        for Nested { parent, logical_id, document, .. } in &self.nested {
            let parent = ids[*parent];
            let given = parameters(&stacks, parent, logical_id);
            ids.push(stacks.nest(parent, logical_id, &self.documents[*document], given));
        }
        (stacks, ids)
    }

    fn add(&mut self, resource: Resource) {
        let Resource { parent, logical_id, name, place, location } = resource;
        let depth = parent.checked_sub(1).map_or(1, |parent| self.nested[parent].depth + 1);
        let document = match location {
            Ok(Location::File(path)) => self.document(&path, &place, depth),
            Ok(Location::Remote(value)) => {
                let why = WhyUnbuildable::Remote(value);
                return self.missing.push(Unbuildable { name, place, runtime: None, why });
            }
            Ok(Location::Elsewhere) => {
                let why = WhyUnbuildable::LeftAlone("its template is not on this machine".to_owned());
                return self.missing.push(Unbuildable { name, place, runtime: None, why });
            }
            Err(finding) => Err(finding),
        };
        match document {
            Ok(document) => {
                let file = self.documents[document].file().to_owned();
                self.named.push(NestedTemplate { place, file });
                self.nested.push(Nested { parent, logical_id, document, depth });
            }
            Err(finding) => {
                let why = WhyUnbuildable::Errors(vec![finding]);
                self.missing.push(Unbuildable { name, place, runtime: None, why });
            }
        }
    }

    /// The position of a template among the documents, which is read once.
    fn document(&mut self, path: &Path, place: &Place, depth: usize) -> Result<usize, Finding> {
        if depth > DEPTH_LIMIT || self.nested.len() >= STACKS_LIMIT {
            let message = format!(
                "more than {STACKS_LIMIT} stacks, or stacks nested more than {DEPTH_LIMIT} levels deep"
            );
            let finding = Finding::error(Code::NestedTemplate, place.clone(), message);
            return Err(finding.help("check whether a template nests itself"));
        }
        // Two templates may spell the path of a third one differently.
        let is_same = |document: &Document| {
            document.file() == path
                || (fs::normal(document.file()) == fs::normal(path)
                    && document.file().canonicalize().ok() == path.canonicalize().ok())
        };
        if let Some(known) = self.documents.iter().position(is_same) {
            return Ok(known);
        }
        match Document::read(path) {
            Ok(document) => {
                self.documents.push(document);
                Ok(self.documents.len() - 1)
            }
            Err(DocumentError::Syntax { language, syntax, .. }) => {
                Err(syntax.located(path, language).finding)
            }
            Err(error) => {
                let message = match &error {
                    DocumentError::Fs(error) if error.source.kind() == ErrorKind::NotFound => {
                        format!("the nested template `{}` does not exist", fs::normal(path).display())
                    }
                    _ => format!("the nested template cannot be read: {}", with_causes(&error)),
                };
                let help = Help::from("correct the path").or("build the template first");
                Err(Finding::error(Code::NestedTemplate, place.clone(), message)
                    .help(help.or("name the functions to build")))
            }
        }
    }

    /// The resources of a stack that nest templates.
    fn resources(&self, stacks: &Stacks<'_>, ids: &[StackId], position: usize) -> Vec<Resource> {
        let stack = ids[position];
        let mut found = Vec::new();
        for (logical_id, resource) in stacks.resources(stack).iter() {
            let text = |key: &str| match stacks.get(resource, key) {
                Ok(Some(value)) => stacks.text(&value).ok().flatten().map(|text| text.text),
                _ => None,
            };
            let kind = text("Type");
            let Some((_, key)) = NESTED.iter().find(|(own, _)| kind.as_deref() == Some(own)) else {
                continue;
            };
            let location = self.location(stacks, resource, key);
            let place = match stacks.get(resource, "Properties") {
                Ok(Some(properties)) => properties.place().key(key),
                _ => resource.place().clone(),
            };
            found.push(Resource {
                parent: position,
                logical_id: logical_id.clone(),
                name: stacks.full_name(stack, logical_id),
                place,
                location: location.map_err(|unresolved| unresolved.finding()),
            });
        }
        found
    }

    /// Where a nested template is.
    fn location<'t>(
        &self,
        stacks: &Stacks<'t>,
        resource: &Expression<'t>,
        key: &str,
    ) -> Result<Location, Unresolved> {
        if let Some(asset) = Assets::of_resource(stacks, resource, key) {
            return Ok(Location::File(asset.path));
        }
        let Some(properties) = stacks.get(resource, "Properties")? else { return Ok(Location::Elsewhere) };
        let Some(location) = stacks.get(&properties, key)? else { return Ok(Location::Elsewhere) };
        let text = match stacks.text(&location) {
            Ok(Some(text)) => text.text,
            Ok(None) => return Ok(Location::Elsewhere),
            // `ApplicationId` and `SemanticVersion` of a published application.
            Err(_) if stacks.map(&location).is_ok() => return Ok(Location::Elsewhere),
            Err(unresolved) => {
                return unresolved.remote().cloned().map(Location::Remote).ok_or(unresolved);
            }
        };
        if text.contains("://") {
            if let Some(asset) = self.assets.in_s3(&text, location.place()) {
                return Ok(Location::File(asset.path));
            }
            let Some(object) = S3Object::of_url(&text) else { return Ok(Location::Elsewhere) };
            return Ok(match self.fetched.object(&object) {
                Some(path) => Location::File(path.to_owned()),
                None => Location::Remote(RemoteValue::Object(object)),
            });
        }
        // A path in a template from S3 means nothing.
        if self.fetched.object_in(location.place().file()).is_some() {
            return Ok(Location::Elsewhere);
        }
        let folder = fs::folder_of(location.place().file());
        Ok(Location::File(folder.join(text).components().collect()))
    }
}

/// The values that a resource gives to the parameters of its nested stack.
fn parameters<'t>(stacks: &Stacks<'t>, stack: StackId, logical_id: &str) -> Vec<(String, Given<'t>)> {
    let read = || {
        let resource = stacks.resource(stack, logical_id)?;
        let properties = stacks.get(&resource, "Properties").ok()??;
        let parameters = stacks.get(&properties, "Parameters").ok()??;
        stacks.map(&parameters).ok()?
    };
    let parameters = read().unwrap_or_default();
    parameters.into_iter().map(|(name, value)| (name, Given::Expression(value))).collect()
}
