//! What modules of each language export.

mod node;
mod properties;
mod python;
mod ruby;

use super::Exports;

/// The names of a module, or `unknowable`.
fn shown(exports: &Exports) -> String {
    match exports {
        Exports::Known(names) => names.all.iter().cloned().collect::<Vec<_>>().join(" "),
        Exports::Unknowable => "unknowable".to_owned(),
    }
}
