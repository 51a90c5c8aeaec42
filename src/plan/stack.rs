//! The layers and extensions that functions on the same base share: their trees laid over each other, once.
//!
//! What belongs to one function alone (wrapper, dependencies, code) is above a stack and never in one.

use std::iter;
use std::sync::Arc;

use super::places::root_of_packages;
use super::{Compiled, FunctionTrees, LayerPlan, dependencies};
use crate::files::{FileIndex, LaidTree, Merge, Merged, Owner};
use crate::project::{Extension, Function, PackageList};
use crate::shared::{Shared, SharedId};
use crate::tree::{Adjustment, Tree};

/// How many stacks are kept: enough for functions that use a few of them in turn, few enough to hold in memory.
const KEPT: usize = 16;

/// The stacks that were laid last, for further functions.
#[derive(Default)]
pub(crate) struct Stacks(Vec<(Key, Arc<Stack>)>);

/// What identifies a stack: the base, and the trees with their owners.
type Key = (SharedId, Vec<(Owner, SharedId)>);

/// Trees, laid over each other.
#[derive(Default)]
pub(super) struct Stack {
    pub(super) layers: Vec<LayerPlan>,
    pub(super) trees: Vec<LaidTree>,
    pub(super) merge: Merge,
    pub(super) adjustments: Vec<Adjustment>,
}

impl Stacks {
    /// The stack of a function's layers and extensions.
    pub(super) fn of(
        &mut self,
        function: &Function,
        trees: &FunctionTrees,
        base: &Shared<FileIndex>,
    ) -> Arc<Stack> {
        let trees: Vec<_> = shared_trees(function, trees).zip(compiled(function)).collect();
        let key = (base.id(), trees.iter().map(|((owner, tree), _)| (owner.clone(), tree.id())).collect());
        if let Some((_, stack)) = self.0.iter().find(|(known, _)| *known == key) {
            return Arc::clone(stack);
        }
        let mut stack = Stack::default();
        let mut merged = Merged::new(base, Vec::new());
        let lists = lists(function).chain(iter::repeat(None));
        for (((owner, tree), compiled), list) in trees.into_iter().zip(lists) {
            stack.adjustments.extend(tree.adjustments().iter().cloned());
            for (owner, tree) in parts(owner, tree, list) {
                let mut laid = LayerPlan::new(owner, tree);
                laid.compiled = compiled.clone();
                lay(&mut stack.layers, &mut merged, &mut stack.merge, laid);
            }
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

/// The trees of a function's layers and extensions, with their owners.
fn shared_trees<'a>(
    function: &'a Function,
    trees: &'a FunctionTrees,
) -> impl Iterator<Item = (Owner, &'a Shared<Tree>)> {
    let layers = function.layers.iter().zip(&trees.layers).map(|(layer, source)| {
        let name = format!("layer {}", layer.name);
        (Owner { name, place: layer.place.clone() }, &source.tree)
    });
    let extensions = function.extensions.iter().zip(&trees.extensions).map(|(extension, source)| {
        let name = format!("extension {}", extension.name);
        (Owner { name, place: extension.place.clone() }, &source.tree)
    });
    layers.chain(extensions)
}

/// The list of the packages that are installed as each layer, if there is one.
fn lists(function: &Function) -> impl Iterator<Item = Option<&PackageList>> {
    function.layers.iter().map(|layer| layer.source.packages())
}

/// A tree as it is laid: of installed packages, the large ones alone.
fn parts(owner: Owner, tree: &Shared<Tree>, list: Option<&PackageList>) -> Vec<(Owner, Shared<Tree>)> {
    let Some(list) = list else { return vec![(owner, tree.clone())] };
    let parts =
        dependencies::by_size(Tree::clone(tree), root_of_packages(list.kind.is_of_node())).into_iter();
    let part = |(package, tree): (Option<String>, Tree)| {
        let name =
            package.map_or(owner.name.clone(), |package| format!("dependency {package} of {}", owner.name));
        (Owner { name, place: owner.place.clone() }, Shared::new(tree))
    };
    parts.map(part).collect()
}

/// Which sources of each layer and extension limg compiles.
fn compiled(function: &Function) -> impl Iterator<Item = Compiled> {
    let layers = function.layers.iter().zip(lists(function)).map(|(layer, list)| {
        let is_installed = list.is_some_and(|list| !list.kind.is_of_node());
        let default = if is_installed { Compiled::Installed(None) } else { Compiled::Unset };
        Compiled::of(layer.bytecode, default)
    });
    let extension = |extension: &Extension| Compiled::of(extension.bytecode, Compiled::Unset);
    layers.chain(function.extensions.iter().map(extension))
}

/// The trees of a function as they were loaded, with their owners: layers, extensions, and the code.
pub(crate) fn owned_trees<'a>(
    function: &'a Function,
    trees: &'a FunctionTrees,
) -> impl Iterator<Item = (Owner, &'a Shared<Tree>)> {
    let owner = Owner { name: code_name(function), place: function.places.code.clone() };
    shared_trees(function, trees).chain([(owner, &trees.code.tree)])
}

/// What a function's own code is called.
pub(super) fn code_name(function: &Function) -> String {
    format!("code of {}", function.image.name)
}

/// Lays a tree over layers.
pub(super) fn lay(layers: &mut Vec<LayerPlan>, merged: &mut Merged<'_>, merge: &mut Merge, laid: LayerPlan) {
    if laid.tree.is_empty() {
        return;
    }
    for lower in &mut *layers {
        forget_overwritten(lower, &laid.tree);
    }
    let owner = Owner { name: laid.name.clone(), place: laid.place.clone() };
    merged.add(owner, laid.tree.clone(), merge);
    layers.push(laid);
}

/// Where a Python source of the upper tree replaces one of the lower, the lower's bytecode was compiled from another source.
/// A tree without such bytecode stays the one that other functions share.
fn forget_overwritten(lower: &mut LayerPlan, upper: &Tree) {
    // Most trees have no bytecode; for the others, the upper tree is a function's own and small.
    if lower.sources.is_empty() {
        return;
    }
    for (source, _) in upper.iter().filter(|(path, _)| lower.sources.contains(*path)) {
        lower.tree.make_mut().forget_modified(source);
    }
}
