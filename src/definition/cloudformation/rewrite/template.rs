//! The functions of a template's document, and those that became images.

use super::ImageFunction;
use crate::definition::cloudformation::intrinsics::LOOP_PREFIX;
use crate::definition::document::{Document, Entry, Node};
use crate::finding::{Code, Finding, Place};

/// A function of SAM.
pub(super) const SERVERLESS_FUNCTION: &str = "AWS::Serverless::Function";
/// A function of CloudFormation.
pub(super) const LAMBDA_FUNCTION: &str = "AWS::Lambda::Function";

/// The document of a template.
pub(super) struct Template<'d> {
    pub(super) document: &'d Document,
    /// The resources that no loop makes.
    pub(super) resources: Vec<Resource<'d>>,
    /// What loops make resources of, each once, with the identifiers of loops in their ids and values.
    pub(super) looped: Vec<Resource<'d>>,
}

/// A resource.
#[derive(Clone)]
pub(super) struct Resource<'d> {
    pub(super) id: &'d str,
    pub(super) place: Place,
    pub(super) node: &'d Node,
    pub(super) kind: &'d str,
}

/// A function that becomes an image function.
pub(super) struct Converted<'d> {
    pub(super) resource: Resource<'d>,
    pub(super) image: &'d ImageFunction,
}

impl<'d> Resource<'d> {
    fn new(entry: &'d Entry, section: &Place) -> Self {
        let kind = match entry.value.entry("Type") {
            Some(Node::Scalar(kind)) => kind.text.as_str(),
            _ => "",
        };
        Self { id: &entry.key, place: section.key(&entry.key), node: &entry.value, kind }
    }

    /// The value of a property.
    pub(super) fn property(&self, key: &str) -> Option<&'d Node> {
        self.node.entry("Properties")?.entry(key)
    }

    /// The place of its properties.
    pub(super) fn properties(&self) -> Place {
        self.place.key("Properties")
    }

    pub(super) fn is_serverless(&self) -> bool {
        self.kind == SERVERLESS_FUNCTION
    }

    /// Whether it is an image function in this document.
    pub(super) fn is_image(&self) -> bool {
        matches!(self.property("PackageType"), Some(Node::Scalar(kind)) if kind.text == "Image")
    }
}

impl<'d> Template<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        let section = document.place().key("Resources");
        let mut template = Self { document, resources: Vec::new(), looped: Vec::new() };
        for entry in document.root().entry("Resources").map_or(&[][..], Node::entries) {
            let place = section.key(&entry.key);
            if entry.key.starts_with(LOOP_PREFIX) {
                template.add_looped(&place, &entry.value);
            } else {
                template.resources.push(Resource::new(entry, &section));
            }
        }
        template
    }

    /// Adds what a loop, or one inside of it, makes resources of.
    fn add_looped(&mut self, place: &Place, value: &'d Node) {
        let Node::List(parts) = value else { return };
        let Some(fragment) = parts.get(2) else { return };
        let fragment_place = place.index(2);
        for entry in fragment.entries() {
            if entry.key.starts_with(LOOP_PREFIX) {
                self.add_looped(&fragment_place.key(&entry.key), &entry.value);
            } else {
                self.looped.push(Resource::new(entry, &fragment_place));
            }
        }
    }

    /// The resource with a logical id, if no loop makes it; the last one of several.
    pub(super) fn resource(&self, id: &str) -> Option<&Resource<'d>> {
        self.resources.iter().rfind(|resource| resource.id == id)
    }

    /// The properties that SAM gives to all functions, with their place.
    pub(super) fn globals(&self) -> Option<(Place, &'d [Entry])> {
        let function = self.document.root().entry("Globals")?.entry("Function")?;
        Some((self.document.place().keys(&["Globals", "Function"]), function.entries()))
    }

    /// The functions that became images, in the order of the document. Those that loops make are noted and left.
    pub(super) fn converted(
        &self,
        images: &'d [ImageFunction],
        notes: &mut Vec<Finding>,
    ) -> Result<Vec<Converted<'d>>, Vec<Finding>> {
        let mut errors = Vec::new();
        for image in images {
            let id = &image.logical_id;
            match self.resource(id) {
                Some(resource) if [SERVERLESS_FUNCTION, LAMBDA_FUNCTION].contains(&resource.kind) => {
                    if !matches!(resource.node.entry("Properties"), None | Some(Node::Mapping(_)))
                        && resource.node.entry("Properties").is_some_and(|properties| !properties.is_null())
                    {
                        let message = format!("the properties of the function `{id}` are not a mapping");
                        errors.push(Finding::error(Code::WrongType, resource.properties(), message));
                    }
                }
                Some(resource) => {
                    let message = format!("`{id}` is not a function");
                    errors.push(Finding::error(Code::UnknownValue, resource.place.clone(), message));
                }
                None => notes.push(self.looped_note(id)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let converted = self.resources.iter().filter_map(|resource| {
            let image = images.iter().find(|image| image.logical_id == resource.id)?;
            Some(Converted { resource: resource.clone(), image })
        });
        Ok(converted.collect())
    }

    fn looped_note(&self, id: &str) -> Finding {
        let section = self.document.place().key("Resources");
        let looped = self.document.root().entry("Resources").map_or(&[][..], Node::entries);
        let place = match looped.iter().find(|entry| entry.key.starts_with(LOOP_PREFIX)) {
            Some(entry) => section.key(&entry.key).on_key(),
            None => section,
        };
        let message = format!(
            "the loop that makes the function `{id}` is left as it is, so `{id}` stays a zip function"
        );
        Finding::warning(Code::LoopFunction, place, message)
            .help(format!("write `{id}` as a resource of its own to deploy its image"))
    }
}
