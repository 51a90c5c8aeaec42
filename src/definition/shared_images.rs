//! Which functions share an image: those that differ only in their handler and in what is not part of an image.

use crate::project::{Function, Layer, LayerSource};

/// Gives each function the image of the first function like it.
pub(super) fn share(functions: &mut [Function]) {
    let mut first: Vec<usize> = Vec::new();
    for position in 0..functions.len() {
        let function = &functions[position];
        match first.iter().find(|other| are_alike(&functions[**other], function)) {
            Some(other) => functions[position].image = functions[*other].image.clone(),
            None => first.push(position),
        }
    }
}

/// Whether the images of two functions differ in their command at most.
fn are_alike(one: &Function, other: &Function) -> bool {
    let base = |function: &Function| (function.base.contract.clone(), function.base.image.clone());
    let layers = |function: &Function| -> Vec<(String, LayerSource)> {
        function.layers.iter().map(|Layer { name, source, .. }| (name.clone(), source.clone())).collect()
    };
    // On a base without a shell, the wrapper script is part of the entry point.
    let wrapper = |function: &Function| function.wrapper.as_ref().map(|wrapper| wrapper.script.clone());
    let install = |function: &Function| function.install.as_ref().map(|install| install.list.clone());
    one.code == other.code
        && base(one) == base(other)
        && one.architecture == other.architecture
        && one.dependencies == other.dependencies
        && one.environment == other.environment
        && install(one) == install(other)
        && one.bytecode == other.bytecode
        && one.snapstart == other.snapstart
        && one.extensions.is_empty()
        && other.extensions.is_empty()
        && layers(one) == layers(other)
        && wrapper(one) == wrapper(other)
}
