//! The section of one image.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::drawing;
use super::image_report::{ImageReport, ReportedFindings, Top, file_size};
use super::markup::{Shown, mark, message, percent, table};
use super::size_tree::{LayerKind, Node, NodeKind};
use super::startup::Startup;
use crate::files::Hiding;
use crate::inspect::{Amount, LayerFacts};
use crate::secret::without_secrets;
use crate::store::Digest;
use crate::text::count;
use crate::units::size;

/// How many paths of a duplicate are shown.
const PATHS: usize = 4;

const ENVIRONMENT: &str =
    "Variables that the image sets. Lambda adds its own, and the function's configuration overrides these.";

/// How many images of the report have a layer.
pub(super) type LayerUses<'a> = BTreeMap<&'a Digest, Vec<&'a str>>;

/// The section of an image, to which `id` leads.
pub(super) fn section(image: &ImageReport, id: &str, uses: &LayerUses<'_>) -> Markup {
    let heading = format!("{id}-heading");
    html! {
        section.image id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (Shown(&image.name)) }
            (facts(image))
            (findings(&image.findings))
            h3 { "What is in the image" }
            (contents(image))
            h3 { "Layers" }
            (layers(image, uses))
            h3 { "Start" }
            (startup(&image.startup))
            h3 { "Environment" }
            (environment(image))
            h3 { "Largest packages" }
            (packages(image))
            h3 { "Overwritten files" }
            (overwritten(image))
            h3 { "Duplicate files" }
            (duplicates(image))
            p.back { a href="#overview" { "Back to the overview" } }
        }
    }
}

fn contents(image: &ImageReport) -> Markup {
    if image.tree.is_empty() {
        return html! { p { "The image has no files." } };
    }
    let label = format!("Files of {} by size; the list below has the same numbers", image.name);
    html! {
        (legend(&image.tree))
        (drawing::treemap(&image.tree, &label))
        details { summary { "The same as a list" } (drawing::list(&image.tree)) }
    }
}

fn facts(image: &ImageReport) -> Markup {
    let digest = |digest: Option<&Digest>| digest.map_or("none".to_owned(), ToString::to_string);
    html! {
        dl.facts {
            div { dt { "Compressed" } dd.large { (size(image.layers.total.size)) } }
            div { dt { "Uncompressed" } dd.large { (size(image.layers.total.uncompressed_size)) } }
            div { dt { "Files" } dd.large { (image.layers.image.files) } }
            div { dt { "Architecture" } dd.large { (image.architecture.name()) } }
            @if image.pushed_layers.is_some() {
                @let new = image.layers.layers.iter().filter(|layer| image.is_new(layer)).map(|layer| layer.size).sum();
                div { dt { "New since the last push" } dd.large { (size(new)) } }
            }
        }
        dl.digests {
            @if let Some(base) = &image.base { div { dt { "Base" } dd { (Shown(base)) } } }
            div { dt { "Digest" } dd { (digest(image.digest.as_ref())) } }
            div { dt { "Config" } dd { (digest(Some(&image.config_digest))) } }
        }
    }
}

fn findings(findings: &ReportedFindings) -> Markup {
    let more = (findings.errors + findings.warnings).saturating_sub(findings.shown.len());
    html! {
        h3 { "Findings" }
        @if findings.shown.is_empty() { p { "limg check finds nothing wrong." } } @else {
            ul.findings {
                @for finding in &findings.shown {
                    @let (class, severity) = if finding.is_error { ("error", "Error") } else { ("warning", "Warning") };
                    li.(class) {
                        p { strong { (severity) ": " } (message(&finding.message)) " " code.id { (Shown(&finding.code)) } }
                        @if let Some(place) = &finding.place { p.note { (Shown(place)) } }
                        @if let Some(help) = &finding.help { p { "Fix: " (message(help)) } }
                    }
                }
            }
            @if more > 0 { p.note { "and " (more) " more, which `limg check` lists" } }
        }
    }
}

fn legend(layers: &[Node]) -> Markup {
    let of = |kind| {
        let layers = layers.iter().filter(move |layer| layer.kind == NodeKind::Layer(kind));
        layers.map(|layer| layer.amount.size).sum::<u64>()
    };
    let total: u64 = layers.iter().map(|layer| layer.amount.size).sum();
    let kinds = LayerKind::ALL.into_iter().map(|kind| (kind, of(kind))).filter(|(_, bytes)| *bytes > 0);
    html! {
        ul.legend {
            @for (kind, bytes) in kinds {
                li { (mark(kind)) (kind.name()) " " span.note { (size(bytes)) ", " (percent(bytes, total)) } }
            }
        }
    }
}

fn layers(image: &ImageReport, uses: &LayerUses<'_>) -> Markup {
    let columns = ["Layer", "Made by", ">Files", ">Compressed", ">Uncompressed", "Also in"];
    let others =
        |layer: &LayerFacts| uses.get(&layer.digest).map_or(0, |names| names.len().saturating_sub(1));
    let rows = html! {
        @for layer in &image.layers.layers {
            tr {
                th scope="row" { (mark(LayerKind::of(layer.made_by))) (Shown(without_secrets(&layer.name)))
                    @if image.is_new(layer) { " " strong.new { "new" } }
                }
                td { (layer.made_by) }
                td.number { (layer.files) }
                td.number { (size(layer.size)) }
                td.number { (size(layer.uncompressed_size)) }
                td { @match others(layer) { 0 => "", number => (count(number, "image")), } }
            }
        }
    };
    table(&image.name, "From the lowest to the highest", &columns, &rows)
}

fn startup(startup: &Startup) -> Markup {
    html! {
        ol.steps {
            li {
                span.part { "Extensions" }
                @if startup.extensions.is_empty() { span.note { "none" } } @else {
                    ul {
                        @for extension in &startup.extensions {
                            li {
                                code { (Shown(&extension.path)) }
                                @if let Some(what) = &extension.what { span.note { " " (Shown(what)) } }
                            }
                        }
                    }
                    span.note { "all at once, before the runtime" }
                }
            }
            @for step in &startup.steps {
                li { span.part { (step.part) } code { (Shown(&step.text)) } span.note { (step.note) } }
            }
        }
    }
}

fn environment(image: &ImageReport) -> Markup {
    let variables = &image.environment;
    if variables.is_empty() {
        return html! { p { "The image sets no variables." } };
    }
    let rows = html! {
        @for variable in variables {
            tr {
                th scope="row" { code { (Shown(&variable.name)) } }
                td {
                    @match &variable.value {
                        Some(value) => code { (Shown(value)) },
                        None => span.note { "not shown, since it looks like a secret" },
                    }
                }
            }
        }
    };
    table(&image.name, ENVIRONMENT, &["Variable", "Value"], &rows)
}

fn packages(image: &ImageReport) -> Markup {
    let packages = &image.packages;
    if packages.items.is_empty() {
        return html! { p { "The image has no packages of Python or Node.js." } };
    }
    let whole = image.layers.image.size;
    let rows = html! {
        @for package in &packages.items {
            tr {
                th scope="row" { (Shown(&package.name)) " " span.note { (Shown(package.version.as_deref().unwrap_or_default())) } }
                td { (language(package.language)) }
                td.path { (Shown(&package.path)) }
                td.number { (package.amount.files) }
                td.number { (size(package.amount.size)) }
                td.number { (percent(package.amount.size, whole)) }
            }
        }
    };
    table(
        &image.name,
        &caption("package", packages),
        &["Package", "Language", "Path", ">Files", ">Size", ">Share"],
        &rows,
    )
}

fn language(language: &str) -> &str {
    match language {
        "python" => "Python",
        "node" => "Node.js",
        other => other,
    }
}

fn overwritten(image: &ImageReport) -> Markup {
    let files = &image.overwritten;
    if files.items.is_empty() {
        return html! { p { "No layer above the base replaces or deletes a file of a lower one." } };
    }
    let name = |number: u32| {
        let layer = image.layers.layers.get((number as usize).saturating_sub(1));
        layer.map_or(String::new(), |layer| without_secrets(&layer.name))
    };
    let rows = html! {
        @for file in &files.items {
            tr {
                th.path scope="row" { (Shown(&file.path)) }
                td { (Shown(name(file.layer))) }
                td {
                    @if let Some(hidden) = file.hidden {
                        (if hidden.how == Hiding::Deleted { "deleted by " } else { "replaced by " })
                        (Shown(name(hidden.by_layer)))
                    }
                }
                td.number { (size(file_size(file))) }
            }
        }
    };
    let caption = format!("{}: stored and transferred, but no program finds them", caption("file", files));
    table(&image.name, &caption, &["Path", "Layer", "What happens to it", ">Size"], &rows)
}

fn duplicates(image: &ImageReport) -> Markup {
    let Amount { files: of_base, size: wasted_in_base } = image.duplicates_of_base;
    let duplicates = &image.duplicates;
    let caption = format!(
        "{} that several files have; one copy of each would save {}",
        shown_of("content", duplicates),
        size(duplicates.size)
    );
    let rows = html! {
        @for duplicate in &duplicates.items {
            tr {
                td.path {
                    @for path in duplicate.paths.iter().take(PATHS) { div { (Shown(path)) } }
                    @if duplicate.paths.len() > PATHS { div.note { "and " (duplicate.paths.len() - PATHS) " more" } }
                }
                td.number { (duplicate.copies) }
                td.number { (size(duplicate.size)) }
                td.number { (size(duplicate.wasted())) }
            }
        }
    };
    html! {
        @if duplicates.items.is_empty() { p { "No file above the base has the same content as another." } } @else {
            (table(&image.name, &caption, &["Paths", ">Copies", ">Size", ">Wasted"], &rows))
        }
        @if of_base > 0 {
            p.note { "The base itself has " (count(of_base, "content")) " several times (" (size(wasted_in_base)) " wasted)." }
        }
    }
}

/// How many of all things a table shows, and the size of all: `15 of 31 packages, 45.0 MB in all`.
fn caption<T>(noun: &str, top: &Top<T>) -> String {
    format!("{}, {} in all", shown_of(noun, top), size(top.size))
}

fn shown_of<T>(noun: &str, top: &Top<T>) -> String {
    let all = count(top.number, noun);
    if top.items.len() < top.number { format!("{} of {all}", top.items.len()) } else { all }
}
