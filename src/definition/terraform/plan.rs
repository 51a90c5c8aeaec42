//! The JSON of a plan, as `terraform show -json PLAN` prints it (developer.hashicorp.com/terraform/internals/json-format).

use std::collections::HashMap;

use super::address::{Address, Part};
use crate::definition::document::{Document, Node, Scalar, ScalarKind};
use crate::finding::Place;

/// A plan.
pub(super) struct Plan<'d> {
    root: &'d Node,
    /// The resources that the configuration will have, in the order of the plan.
    pub(super) resources: Vec<Resource<'d>>,
    /// The data sources, as far as they have been read.
    pub(super) data: Vec<Resource<'d>>,
}

/// A resource or data source.
pub(super) struct Resource<'d> {
    pub(super) address: Address,
    /// The address as it is written.
    pub(super) written: &'d str,
    pub(super) place: Place,
    values: &'d Node,
    /// Which values only the apply will know, in the structure of the values.
    unknown: Option<&'d Node>,
}

impl<'d> Plan<'d> {
    pub(super) fn read(document: &'d Document) -> Self {
        let root = document.root();
        let mut unknown = HashMap::new();
        for change in items(root.entry("resource_changes")) {
            if let (Some(address), Some(after)) = (
                text_of(change, "address"),
                change.entry("change").and_then(|change| change.entry("after_unknown")),
            ) {
                unknown.insert(address, after);
            }
        }
        let mut plan = Self { root, resources: Vec::new(), data: Vec::new() };
        let planned = root.entry("planned_values").and_then(|values| values.entry("root_module"));
        let prior = root.entry("prior_state").and_then(|state| state.entry("values"));
        let prior = prior.and_then(|values| values.entry("root_module"));
        if let Some(module) = planned {
            plan.collect(module, &document.place().keys(&["planned_values", "root_module"]), &unknown, false);
        }
        if let Some(module) = prior {
            plan.collect(
                module,
                &document.place().keys(&["prior_state", "values", "root_module"]),
                &unknown,
                true,
            );
        }
        plan
    }

    /// Collects the resources of a module and those in it, or only data sources.
    fn collect(
        &mut self,
        module: &'d Node,
        place: &Place,
        unknown: &HashMap<&'d str, &'d Node>,
        only_data: bool,
    ) {
        for (position, resource) in items(module.entry("resources")).iter().enumerate() {
            let (Some(written), Some(values)) = (text_of(resource, "address"), resource.entry("values"))
            else {
                continue;
            };
            let Some(address) = Address::read(written) else { continue };
            let is_data = text_of(resource, "mode") == Some("data");
            let resource = Resource {
                address,
                written,
                place: place.key("resources").index(position),
                values,
                unknown: unknown.get(written).copied(),
            };
            match (is_data, only_data) {
                (true, _) => self.data.push(resource),
                (false, false) => self.resources.push(resource),
                (false, true) => {}
            }
        }
        for (position, module) in items(module.entry("child_modules")).iter().enumerate() {
            self.collect(module, &place.key("child_modules").index(position), unknown, only_data);
        }
    }

    /// The managed resources of a type.
    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Resource<'d>> {
        self.resources.iter().filter(move |resource| resource.address.kind == kind)
    }

    /// The value of a variable of the outermost module.
    pub(super) fn variable(&self, name: &str) -> Option<&'d Node> {
        self.root.entry("variables")?.entry(name)?.entry("value")
    }

    /// The configuration of a module.
    pub(super) fn module(&self, modules: &[Part]) -> Option<&'d Node> {
        let mut module = self.root.entry("configuration")?.entry("root_module")?;
        for part in modules {
            module = module.entry("module_calls")?.entry(&part.name)?.entry("module")?;
        }
        Some(module)
    }

    /// The expressions of a resource's configuration.
    pub(super) fn expressions(&self, address: &Address) -> Option<&'d Node> {
        let resources = items(self.module(&address.modules)?.entry("resources"));
        let is_it = |resource: &&Node| {
            text_of(resource, "type") == Some(&address.kind)
                && text_of(resource, "name") == Some(&address.resource.name)
        };
        resources.iter().find(is_it)?.entry("expressions")
    }
}

impl<'d> Resource<'d> {
    /// Whether a reference in a module names it. A reference may leave out the index.
    pub(super) fn is_named(&self, modules: &[Part], kind: &str, referred: &Part) -> bool {
        let is_instance = |own: &Part, other: &Part| {
            own.name == other.name && (other.index.is_none() || own.index == other.index)
        };
        self.address.kind == kind
            && is_instance(&self.address.resource, referred)
            && self.address.modules.len() == modules.len()
            && self.address.modules.iter().zip(modules).all(|(own, other)| is_instance(own, other))
    }

    /// A value, if it is known and not null.
    pub(super) fn value(&self, key: &str) -> Option<&'d Node> {
        self.values.entry(key).filter(|value| !value.is_null())
    }

    /// A single value.
    pub(super) fn text(&self, key: &str) -> Option<&'d str> {
        text(self.value(key)?)
    }

    /// A single value of a block, of which a resource has one at most.
    pub(super) fn in_block(&self, block: &str, key: &str) -> Option<&'d Node> {
        items(self.value(block)).first()?.entry(key).filter(|value| !value.is_null())
    }

    /// Which parts of a value only the apply will know.
    pub(super) fn unknown(&self, key: &str) -> Option<&'d Node> {
        self.unknown?.entry(key)
    }

    /// Where a value is, or would be.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.place.keys(&["values", key])
    }
}

/// Whether a mark of `after_unknown` says that a value is unknown as a whole.
pub(super) fn is_true(node: &Node) -> bool {
    matches!(node, Node::Scalar(Scalar { kind: ScalarKind::Boolean(true), .. }))
}

/// The text of a single value, which plans set to null where there is none.
pub(super) fn text(node: &Node) -> Option<&str> {
    node.text().filter(|_| !node.is_null())
}

/// The single value of a key.
pub(super) fn text_of<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    text(node.entry(key)?)
}

/// The items of a list; none of anything else.
pub(super) fn items(node: Option<&Node>) -> &[Node] {
    match node {
        Some(Node::List(items)) => items,
        _ => &[],
    }
}
