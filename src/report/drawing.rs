//! The treemap of an image as SVG, and the list with the same numbers.
//!
//! Across, everything is in percent, so that the drawing has any width while its text keeps its size; down, everything is in
//! pixels. Text that does not fit is cut off at the edge of its rectangle.

use std::borrow::Cow;
use std::cmp::Reverse;

use maud::{Markup, html};

use super::markup::{Shown, mark, percent};
use super::size_tree::{LayerKind, Node, NodeKind};
use super::treemap::{Rect, squarify};
use crate::text::count;
use crate::units::size;

/// The size for which the drawing is laid out, in pixels. Only the height is fixed.
const WIDTH: f64 = 1120.0;
const HEIGHT: f64 = 520.0;

/// The height of the strip with the name of a layer or folder.
const STRIP: f64 = 20.0;

/// How many strips there are in each other.
const STRIPS: usize = 3;

/// The part of a folder that one in it has so that they need one strip.
const DOMINATED: (u64, u64) = (3, 4);

/// The smallest rectangle with a strip.
const WITH_STRIP: (f64, f64) = (80.0, 70.0);

/// The smallest side of a rectangle that is divided.
const SMALLEST: f64 = 2.0;

/// The smallest rectangles with a name, with a size below it, and with a name on a narrow screen.
const WITH_NAME: (f64, f64) = (50.0, 20.0);
const WITH_SIZE: (f64, f64) = (60.0, 38.0);
const WITH_NAME_ON_NARROW: f64 = 300.0;

/// The room that the size takes in a strip, and that a character takes.
const FOR_SIZE: f64 = 70.0;
const CHARACTER: f64 = 7.0;

/// The treemap of the layers of an image with this name.
pub(super) fn treemap(layers: &[Node], label: &str) -> Markup {
    let place = Place { kind: LayerKind::Layer, folder: "", pending: "", strips: STRIPS };
    let drawing = Drawing { total: layers.iter().map(|layer| layer.amount.size).sum() };
    html! {
        svg.treemap role="img" aria-label=(Shown(label)) width="100%" height=(HEIGHT) {
            (drawing.nodes(layers, place, WIDTH, HEIGHT))
        }
    }
}

struct Drawing {
    /// The size of all files in bytes.
    total: u64,
}

/// What a node is in.
#[derive(Clone, Copy)]
struct Place<'a> {
    kind: LayerKind,
    /// The path of the folder.
    folder: &'a str,
    /// The names of the folders whose strip comes further in.
    pending: &'a str,
    /// How many more strips there may be in each other.
    strips: usize,
}

impl Drawing {
    /// Nodes that fill a rectangle.
    fn nodes(&self, nodes: &[Node], place: Place<'_>, width: f64, height: f64) -> Markup {
        if width < SMALLEST || height < SMALLEST {
            return html! {};
        }
        let mut nodes: Vec<&Node> = nodes.iter().collect();
        nodes.sort_by_key(|node| Reverse(node.amount.size));
        let sizes: Vec<f64> = nodes.iter().map(|node| weight(node.amount.size)).collect();
        let rects = squarify(&sizes, Rect { x: 0.0, y: 0.0, width, height });
        html! {
            @for (rect, node) in rects.into_iter().zip(nodes) {
                @let x = format!("{:.3}%", 100.0 * rect.x / width);
                @let wide = format!("{:.3}%", 100.0 * rect.width / width);
                svg x=(x) y=(pixels(rect.y)) width=(wide) height=(pixels(rect.height)) {
                    (self.node(node, place, rect.width, rect.height))
                }
            }
        }
    }

    fn node(&self, node: &Node, place: Place<'_>, width: f64, height: f64) -> Markup {
        let kind = if let NodeKind::Layer(kind) = node.kind { kind } else { place.kind };
        let is_path = matches!(node.kind, NodeKind::Folder | NodeKind::File);
        let path = if is_path { format!("{}/{}", place.folder, node.name) } else { place.folder.to_owned() };
        let title = if is_path { &path } else { &node.name };
        let (bytes, part) = (size(node.amount.size), percent(node.amount.size, self.total));
        let names = match place.pending {
            pending if is_path && !pending.is_empty() => format!("{pending}/{}", node.name),
            _ => node.name.clone(),
        };
        let is_layer = matches!(node.kind, NodeKind::Layer(_));
        let has_room = width >= WITH_STRIP.0 && height >= WITH_STRIP.1 && place.strips > 0;
        let has_strip = has_room && !(is_path && is_dominated(node));
        let inside = Place {
            kind,
            folder: &path,
            pending: if is_path && !has_strip { &names } else { "" },
            strips: place.strips - usize::from(has_strip),
        };
        html! {
            title { (Shown(title)) ": " (bytes) ", " (part) }
            rect.(kind.class()) .whole[!node.children.is_empty()] width="100%" height="100%" {}
            @if node.children.is_empty() {
                (name(&names, &bytes, width, height))
            } @else if has_strip {
                text.strip .layer-name[is_layer] x="6" y="14" { (Shown(cut(&names, width - FOR_SIZE))) tspan.size dx="8" { (bytes) } }
                svg x="0" y=(STRIP) width="100%" height=(pixels(height - STRIP)) {
                    (self.nodes(&node.children, inside, width, height - STRIP))
                }
            } @else {
                (self.nodes(&node.children, inside, width, height))
            }
        }
    }
}

/// Whether most of a folder is one folder, which then has the strip of both.
fn is_dominated(node: &Node) -> bool {
    let largest = node.children.first().filter(|child| !child.children.is_empty());
    largest.is_some_and(|child| child.amount.size >= node.amount.size / DOMINATED.1 * DOMINATED.0)
}

/// The name of a rectangle, as far as it has room for it.
fn name(name: &str, bytes: &str, width: f64, height: f64) -> Markup {
    let fits = |(least_width, least_height): (f64, f64)| width >= least_width && height >= least_height;
    html! {
        @if fits(WITH_NAME) {
            text.wide[width < WITH_NAME_ON_NARROW] x="6" y="15" {
                (Shown(cut(name, width)))
                @if fits(WITH_SIZE) { tspan.size x="6" dy="16" { (bytes) } }
            }
        }
    }
}

/// The list of all nodes with their sizes and parts.
pub(super) fn list(layers: &[Node]) -> Markup {
    let total = layers.iter().map(|layer| layer.amount.size).sum();
    items(layers, total)
}

fn items(nodes: &[Node], total: u64) -> Markup {
    html! {
        ul.tree {
            @for node in nodes {
                li {
                    span.row {
                        span.name {
                            @if let NodeKind::Layer(kind) = node.kind { (mark(kind)) }
                            (Shown(&node.name))
                            @if matches!(node.kind, NodeKind::Folder) { "/" }
                            @if !matches!(node.kind, NodeKind::File) {
                                span.note { " " (count(node.amount.files, "file")) }
                            }
                        }
                        span.number { (size(node.amount.size)) }
                        span.number.share { (percent(node.amount.size, total)) }
                    }
                    @if !node.children.is_empty() { (items(&node.children, total)) }
                }
            }
        }
    }
}

/// As much of a name as fits into a width.
fn cut(name: &str, width: f64) -> Cow<'_, str> {
    let mut room = width - 2.0 * CHARACTER;
    let end = name.char_indices().find(|_| {
        room -= CHARACTER;
        room < 0.0
    });
    match end {
        Some((end, _)) => format!("{}…", &name[..end]).into(),
        None => name.into(),
    }
}

/// A number of bytes for the layout, which needs no more digits.
#[expect(clippy::cast_precision_loss, reason = "the treemap shows proportions")]
fn weight(bytes: u64) -> f64 {
    bytes as f64
}

fn pixels(length: f64) -> String {
    format!("{:.2}", length.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_their_room_does() {
        assert_eq!(cut("é".repeat(9).as_str(), 11.0 * CHARACTER), "é".repeat(9));
        assert_eq!(cut("é".repeat(10).as_str(), 11.0 * CHARACTER), format!("{}…", "é".repeat(9)));
        assert_eq!(cut("name", 0.0), "…");
    }
}
