//! The page: its head, the overview of all images, and a section for each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::image_report::{ImageReport, ReportedFindings};
use super::image_section::{self, LayerUses};
use super::markup::{Shown, length, mark, table};
use super::size_tree::{LayerKind, NodeKind};
use crate::inspect::LayerFacts;
use crate::secret::without_secrets;
use crate::text::{count, first_of};
use crate::units::size;

const STYLE: &str = include_str!("style.css");

/// The name of the first section.
const OVERVIEW: &str = "Overview";

/// How many images a row names.
const NAMED: usize = 6;

/// The report of a project or of some images: one page of HTML that loads nothing and runs nothing.
#[must_use]
pub(crate) fn page(project: Option<&str>, images: &[ImageReport]) -> String {
    let title = match project {
        Some(project) => format!("Images of {project}"),
        None => "Images".to_owned(),
    };
    // A policy that allows this style sheet and nothing else.
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'");
    let uses = uses(images);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (Shown(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { h1 { (Shown(&title)) } }
                main {
                    (overview(images, &uses))
                    @for (number, image) in images.iter().enumerate() {
                        (image_section::section(image, &id(number, image), &uses))
                    }
                }
                footer { p { "Written by " code { "limg report" } ". Sizes are in decimal units: 1 MB is 1,000,000 bytes." } }
            }
        }
    }
    .into_string()
}

/// The fragment that leads to the section of an image. Names of functions have no characters with a meaning of their own in it.
fn id(number: usize, image: &ImageReport) -> String {
    let is_plain =
        |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if image.is_function && is_plain(&image.name) {
        format!("function-{}", image.name)
    } else {
        format!("image-{}", number + 1)
    }
}

/// The names of the images that have a layer, by the layers that several have.
fn uses(images: &[ImageReport]) -> LayerUses<'_> {
    let mut uses = LayerUses::new();
    for image in images {
        for layer in &image.layers.layers {
            let names = uses.entry(&layer.digest).or_default();
            if names.last() != Some(&image.name.as_str()) {
                names.push(&image.name);
            }
        }
    }
    uses.retain(|_, names| names.len() > 1);
    uses
}

fn overview(images: &[ImageReport], uses: &LayerUses<'_>) -> Markup {
    html! {
        section id="overview" aria-labelledby="overview-heading" {
            h2 id="overview-heading" { (OVERVIEW) }
            (totals(images))
            (image_table(images, uses))
            @if !uses.is_empty() { (shared_layers(images, uses)) }
        }
    }
}

fn totals(images: &[ImageReport]) -> Markup {
    let mut layers: Vec<(_, u64)> = images
        .iter()
        .flat_map(|image| &image.layers.layers)
        .map(|layer| (&layer.digest, layer.size))
        .collect();
    let each: u64 = layers.iter().map(|(_, bytes)| bytes).sum();
    layers.sort();
    layers.dedup();
    let once: u64 = layers.iter().map(|(_, bytes)| bytes).sum();
    let errors: usize = images.iter().map(|image| image.findings.errors).sum();
    let warnings: usize = images.iter().map(|image| image.findings.warnings).sum();
    html! {
        dl.facts {
            div { dt { "Images" } dd.large { (images.len()) } }
            div { dt { "To store, each layer once" } dd.large { (size(once)) } }
            @if each > once { div { dt { "Without shared layers" } dd.large { (size(each)) } } }
            div { dt { "Errors" } dd.large { (errors) } }
            div { dt { "Warnings" } dd.large { (warnings) } }
        }
    }
}

fn image_table(images: &[ImageReport], uses: &LayerUses<'_>) -> Markup {
    let columns =
        ["Image", ">Compressed", ">Uncompressed", "By origin", ">Shared layers", ">Errors", ">Warnings"];
    let of_layers = |image: &ImageReport| image.tree.iter().map(|layer| layer.amount.size).sum::<u64>();
    let largest = images.iter().map(of_layers).max().unwrap_or_default();
    let shared = |image: &ImageReport| {
        let shared = image.layers.layers.iter().filter(|layer| uses.contains_key(&layer.digest));
        let shared: Vec<&LayerFacts> = shared.collect();
        let bytes: u64 = shared.iter().map(|layer| layer.size).sum();
        match shared.len() {
            0 => "0".to_owned(),
            number => format!("{number} ({})", size(bytes)),
        }
    };
    let rows = html! {
        @for (number, image) in images.iter().enumerate() {
            @let ReportedFindings { errors, warnings, .. } = image.findings;
            tr {
                th scope="row" { a href=(format!("#{}", id(number, image))) { (Shown(&image.name)) } }
                td.number { (size(image.layers.total.size)) }
                td.number { (size(image.layers.total.uncompressed_size)) }
                td { (bar(image, largest)) }
                td.number { (shared(image)) }
                td.number.error[errors > 0] { (errors) }
                td.number.warning[warnings > 0] { (warnings) }
            }
        }
    };
    html! {
        (table(OVERVIEW, "Sizes, shared layers and findings of each image", &columns, &rows))
        ul.legend { @for kind in LayerKind::ALL { li { (mark(kind)) (kind.name()) } } }
    }
}

/// The size of an image by the kinds of its layers, drawn to the scale of the largest image.
fn bar(image: &ImageReport, largest: u64) -> Markup {
    let of = |kind| {
        let layers = image.tree.iter().filter(move |layer| layer.kind == NodeKind::Layer(kind));
        layers.map(|layer| layer.amount.size).sum::<u64>()
    };
    let mut start = 0;
    let parts: Vec<_> = LayerKind::ALL
        .into_iter()
        .map(|kind| {
            let bytes = of(kind);
            start += bytes;
            (kind, start - bytes, bytes)
        })
        .filter(|(.., bytes)| *bytes > 0)
        .collect();
    let label = parts.iter().map(|(kind, _, bytes)| format!("{}: {}", kind.name(), size(*bytes)));
    let label = label.collect::<Vec<_>>().join(", ");
    html! {
        svg.bar role="img" aria-label=(label) width="100%" height="12" {
            title { (label) }
            @for (kind, start, bytes) in &parts {
                rect.(kind.class()) x=(length(*start, largest)) width=(length(*bytes, largest)) height="12" {}
            }
        }
    }
}

fn shared_layers(images: &[ImageReport], uses: &LayerUses<'_>) -> Markup {
    let mut seen = Vec::new();
    for layer in images.iter().flat_map(|image| &image.layers.layers) {
        if let Some(names) = uses.get(&layer.digest)
            && !seen.iter().any(|(other, _): &(&LayerFacts, _)| other.digest == layer.digest)
        {
            seen.push((layer, names));
        }
    }
    let rows = html! {
        @for (layer, names) in seen {
            tr {
                th scope="row" { (mark(LayerKind::of(layer.made_by))) (Shown(without_secrets(&layer.name))) }
                td.number { (size(layer.size)) }
                td.number { (names.len()) }
                td { (Shown(first_of(NAMED, names.iter()))) }
            }
        }
    };
    html! {
        h3 { "Shared layers" }
        (table(OVERVIEW, &format!("{} in several images of this report", count(uses.len(), "layer")), &["Layer", ">Compressed", ">Images", "In"], &rows))
    }
}
