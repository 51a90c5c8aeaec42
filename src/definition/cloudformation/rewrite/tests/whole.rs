//! Whole templates, from files.

use super::{RewriteOptions, text_of};

fn check(file: &str, before: &str, functions: &[&str], options: &RewriteOptions, after: &str) {
    let found = text_of(file, before, functions, options);
    assert!(found == after, "{file} becomes:\n{found}");
    // Windows.
    let lines = |text: &str| text.replace('\n', "\r\n");
    assert_eq!(text_of(file, &lines(before), functions, options), lines(after));
}

/// Reads the template and its result at once.
macro_rules! whole {
    ($name:literal, $extension:literal, $functions:expr, $options:expr) => {
        check(
            concat!($name, ".", $extension),
            include_str!(concat!("templates/", $name, ".", $extension)),
            $functions,
            &$options,
            include_str!(concat!("templates/", $name, ".after.", $extension)),
        )
    };
}

fn pruned() -> RewriteOptions {
    RewriteOptions { prune_layers: true, suffix: None, values: Vec::new() }
}

#[test]
fn all_functions_of_a_serverless_template() {
    whole!("serverless", "yaml", &["Orders", "Inline", "Bare=functions/bare.handler"], pruned());
}

#[test]
fn a_template_in_which_some_functions_stay_zip_functions() {
    whole!("mixed", "yaml", &["Converted=app.handler"], pruned());
}

#[test]
fn a_template_of_cdk() {
    whole!("lambda", "json", &["Orders0D9E8F7A=app.handler"], pruned());
}

#[test]
fn functions_that_share_properties_by_anchors() {
    whole!("anchors", "yaml", &["One", "Two", "Four"], RewriteOptions::default());
}

#[test]
fn a_template_with_loops() {
    whole!("loops", "yaml", &["Front", "MailWorker"], pruned());
}

#[test]
fn functions_with_new_logical_ids() {
    let options =
        RewriteOptions { prune_layers: false, suffix: Some("Image".to_owned()), values: Vec::new() };
    whole!("renamed", "yaml", &["Orders"], options);
}
