//! From templates to functions that can be built, or to what is wrong with each.

mod build_results;
mod environment;
mod fetched;
mod functions;
mod layers;
mod local_build;
mod nested;
mod never_panics;

use crate::definition::tests::{Folder, described, problems};
use crate::definition::{DefinitionError, Loaded, Options, load};

/// Reads a text as `template.yaml` of a folder.
fn read(folder: &Folder, text: &str, options: &Options) -> Result<Loaded, DefinitionError> {
    folder.write("template.yaml", text.as_bytes());
    load(&folder.path("template.yaml"), options)
}

fn loaded(folder: &Folder, text: &str, options: &Options) -> Loaded {
    read(folder, text, options).unwrap_or_else(|error| panic!("{text}: {}", problems(&error)))
}

/// What a template has, one line for each function: those that can be built, then the others with the reasons.
fn report(folder: &Folder, text: &str, options: &Options) -> String {
    described(folder, read(folder, text, options))
}

/// Fails with the whole report of the first case that differs.
fn check(folder: &Folder, options: &Options, cases: &[(&str, &str, &str)]) {
    for (name, text, expected) in cases {
        let found = report(folder, text, options);
        let expected = expected.trim_matches('\n');
        assert!(found == expected, "{name}\n--- expected\n{expected}\n--- found\n{found}\n");
    }
}
