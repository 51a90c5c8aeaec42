//! From an expression to the layers that it names, through the inputs and outputs of modules.
//!
//! A plan has no expressions, but lists what they refer to, each reference followed by the shorter ones in it. It contains
//! neither locals nor what is written next to a reference.

use std::collections::BTreeSet;

use super::address::{self, Address, Part};
use super::plan::{self, Plan, Resource};
use crate::definition::document::Node;

/// The type of layers, as a resource and as a data source.
pub(super) const LAYER: &str = "aws_lambda_layer_version";

/// How many modules a reference may pass.
const DEPTH_LIMIT: usize = 64;

/// The references to what differs from instance to instance.
const OF_INSTANCE: [&str; 3] = ["each.key", "each.value", "count.index"];

/// A layer that an expression names.
pub(super) enum Named<'p, 'd> {
    /// A layer of the plan.
    Resource(&'p Resource<'d>),
    /// The ARN of a layer version.
    Arn(&'d str),
}

/// What an expression names.
pub(super) struct Layers<'p, 'd> {
    /// The layers in the order of the references.
    pub(super) named: Vec<Named<'p, 'd>>,
    /// A local value, whose layers are not in the plan.
    pub(super) local: Option<&'d str>,
}

/// The layers that an expression of a resource names.
pub(super) fn layers<'p, 'd>(
    plan: &'p Plan<'d>,
    address: &'p Address,
    expression: &'d Node,
) -> Layers<'p, 'd> {
    let references = plan::items(expression.entry("references"));
    let differs = references.iter().filter_map(plan::text).any(|text| OF_INSTANCE.contains(&text));
    let instance = address.resource.index.as_deref().filter(|_| differs);
    let found = Layers { named: Vec::new(), local: None };
    let mut search = Search { plan, instance, found, seen: BTreeSet::new() };
    search.expression(&address.modules, expression, DEPTH_LIMIT);
    search.found
}

struct Search<'p, 'd> {
    plan: &'p Plan<'d>,
    /// The instance of the resource, if its expression has the layers of that instance only.
    instance: Option<&'p str>,
    found: Layers<'p, 'd>,
    /// The references that have been followed, with their modules.
    seen: BTreeSet<(Vec<Part>, &'d str)>,
}

impl<'p, 'd> Search<'p, 'd> {
    fn expression(&mut self, modules: &[Part], expression: &'d Node, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        if let Some(constant) = expression.entry("constant_value") {
            self.arns(constant);
        }
        let mut last = "";
        for reference in plan::items(expression.entry("references")).iter().filter_map(plan::text) {
            let is_in_last = last
                .strip_prefix(reference)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
            if !is_in_last && self.seen.insert((modules.to_vec(), reference)) {
                self.reference(modules, reference, depth);
                last = reference;
            }
        }
    }

    fn reference(&mut self, modules: &[Part], reference: &'d str, depth: usize) {
        match &address::parts(reference)[..] {
            [kind, ..] if kind.name == "local" => self.found.local = Some(reference),
            [kind, input, ..] if kind.name == "var" => self.variable(modules, &input.name, depth),
            [kind, call, output, ..] if kind.name == "module" => {
                let inner = [modules, std::slice::from_ref(call)].concat();
                let outputs = self.plan.module(&inner).and_then(|module| module.entry("outputs"));
                let output = outputs.and_then(|outputs| outputs.entry(&output.name)?.entry("expression"));
                if let Some(expression) = output {
                    self.expression(&inner, expression, depth);
                }
            }
            [data, kind, source, ..] if data.name == "data" && kind.name == LAYER => {
                let plan = self.plan;
                let sources = plan.data.iter().filter(|data| data.is_named(modules, LAYER, source));
                for arn in sources.filter_map(|source| source.text("arn")) {
                    self.add(Named::Arn(arn));
                }
            }
            [kind, resource, ..] if kind.name == LAYER => {
                let plan = self.plan;
                let all: Vec<_> =
                    plan.of_kind(LAYER).filter(|layer| layer.is_named(modules, LAYER, resource)).collect();
                let instance = self.instance.filter(|_| resource.index.is_none());
                let own = all
                    .iter()
                    .find(|layer| instance.is_some() && layer.address.resource.index.as_deref() == instance);
                match own {
                    Some(own) => self.add(Named::Resource(own)),
                    None => all.into_iter().for_each(|layer| self.add(Named::Resource(layer))),
                }
            }
            _ => {}
        }
    }

    /// What the module around gives to a variable, or its default; for the outermost one, its value.
    fn variable(&mut self, modules: &[Part], name: &str, depth: usize) {
        let Some((call, outer)) = modules.split_last() else {
            if let Some(value) = self.plan.variable(name) {
                self.arns(value);
            }
            return;
        };
        let calls = self.plan.module(outer).and_then(|module| module.entry("module_calls"));
        let given = calls.and_then(|calls| calls.entry(&call.name)?.entry("expressions")?.entry(name));
        let variables = || self.plan.module(modules)?.entry("variables")?.entry(name)?.entry("default");
        match (given, variables()) {
            (Some(expression), _) => self.expression(outer, expression, depth),
            (None, Some(default)) => self.arns(default),
            (None, None) => {}
        }
    }

    fn arns(&mut self, value: &'d Node) {
        let texts =
            plan::text(value).into_iter().chain(plan::items(Some(value)).iter().filter_map(plan::text));
        // Other values, such as names, are part of what is computed.
        texts.filter(|text| text.starts_with("arn:")).for_each(|arn| self.add(Named::Arn(arn)));
    }

    fn add(&mut self, layer: Named<'p, 'd>) {
        let is_known = self.found.named.iter().any(|other| match (other, &layer) {
            (Named::Resource(one), Named::Resource(other)) => one.written == other.written,
            (Named::Arn(one), Named::Arn(other)) => one == other,
            _ => false,
        });
        if !is_known {
            self.found.named.push(layer);
        }
    }
}
