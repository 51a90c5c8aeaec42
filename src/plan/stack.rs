//! What functions with the same base, layers and extensions have in common: their trees laid over each other, once.
//!
//! What is a function's alone (wrapper, dependencies, code) lies above a stack and is never in one.

use std::sync::Arc;

use super::merge::{Laid, Merged, Owner};
use super::{Findings, LayerPlan, Parts};
use crate::event::Event;
use crate::files::FileIndex;
use crate::problem::DocumentPath;
use crate::project::Function;
use crate::tree::Tree;

/// How many stacks are kept: as many as functions in any order are likely to take turns with, few enough to hold.
const KEPT: usize = 16;

/// The stacks that were laid last, for functions to come.
#[derive(Default)]
pub struct Stacks<'a>(Vec<(Key<'a>, Arc<Stack>)>);

/// What decides what a stack is.
struct Key<'a> {
    base: &'a FileIndex,
    trees: Vec<Lower>,
}

/// A layer or an extension.
struct Lower {
    name: String,
    at: DocumentPath,
    tree: Arc<Tree>,
}

impl Key<'_> {
    fn is(&self, other: &Key<'_>) -> bool {
        let same =
            |(one, other): (&Lower, &Lower)| one.name == other.name && Arc::ptr_eq(&one.tree, &other.tree);
        std::ptr::eq(self.base, other.base)
            && self.trees.len() == other.trees.len()
            && self.trees.iter().zip(&other.trees).all(same)
    }
}

/// Trees, laid over each other.
#[derive(Default)]
pub(super) struct Stack {
    pub(super) layers: Vec<LayerPlan>,
    pub(super) trees: Vec<Laid>,
    pub(super) findings: Findings,
}

impl<'a> Stacks<'a> {
    /// The stack of a function's layers and extensions.
    pub(super) fn of(&mut self, function: &Function, parts: &Parts, base: &'a FileIndex) -> Arc<Stack> {
        let layers = function.layers.iter().zip(&parts.layers).map(|(layer, part)| Lower {
            name: format!("layer {}", layer.name),
            at: DocumentPath::keys(&["layers", &layer.name]),
            tree: Arc::clone(&part.tree),
        });
        let extensions = function.extensions.iter().zip(&parts.extensions).map(|(extension, part)| Lower {
            name: format!("extension {}", extension.name),
            at: DocumentPath::keys(&["extensions", &extension.name]),
            tree: Arc::clone(&part.tree),
        });
        let key = Key { base, trees: layers.chain(extensions).collect() };
        if let Some((_, stack)) = self.0.iter().find(|(known, _)| known.is(&key)) {
            return Arc::clone(stack);
        }
        let mut stack = Stack::default();
        let mut merged = Merged::new(base, function.architecture, Vec::new());
        for Lower { name, at, tree } in &key.trees {
            let (layers, findings) = (&mut stack.layers, &mut stack.findings);
            lay(layers, &mut merged, findings, &Owner { name, at }, Arc::clone(tree));
        }
        stack.trees = merged.into_trees();
        let stack = Arc::new(stack);
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push((key, Arc::clone(&stack)));
        stack
    }

    /// How many stacks are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.0.len()
    }
}

/// Lays a tree over layers.
pub(super) fn lay(
    layers: &mut Vec<LayerPlan>,
    merged: &mut Merged<'_>,
    findings: &mut Findings,
    owner: &Owner<'_>,
    tree: Arc<Tree>,
) {
    if tree.is_empty() {
        return;
    }
    let adjusted = tree.adjustments().iter().cloned();
    let adjusted =
        adjusted.map(|adjustment| Event::Adjusted { path: adjustment.path, what: adjustment.what });
    findings.notes.extend(adjusted);
    for lower in &mut *layers {
        forget_overwritten(lower, &tree);
    }
    merged.add(owner, Arc::clone(&tree), findings);
    layers.push(LayerPlan::new(owner.name.to_owned(), tree));
}

/// Where a Python source of the upper tree takes the place of one of the lower, the lower's bytecode is that of another
/// source. A tree without such bytecode stays the one that other functions share.
fn forget_overwritten(lower: &mut LayerPlan, upper: &Tree) {
    // Most trees have no bytecode, and of others the upper one is a function's own and small.
    if lower.sources.is_empty() {
        return;
    }
    for (source, _) in upper.iter().filter(|(path, _)| lower.sources.contains(*path)) {
        Arc::make_mut(&mut lower.tree).forget_modified(source);
    }
}
