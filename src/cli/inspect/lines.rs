//! What `limg inspect` prints for people.

use super::InspectReport;
use crate::cli::render::{Align, table};
use crate::files::{FileState, Hiding};
use crate::inspect::{
    Amount, Destination, FileEntry, Found, Hidden, Inspection, Largest, LayerFacts, LayersView, Package,
    PathView, mtree_lines,
};
use crate::text::count;
use crate::units::size;

/// The longest name of a layer in a table, in characters.
const LONGEST_NAME: usize = 60;

/// The columns of the table of layers: texts, then numbers.
const LAYERS: [Align; 6] = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Right, Align::Right];

/// The lines of a result.
pub(super) fn of(report: &InspectReport) -> Vec<String> {
    let mut lines = heading(report);
    lines.extend(match &report.inspection.found {
        Found::Layers(view) => layers(view),
        Found::Files { files, layers } => files_by_layer(files, layers),
        Found::Largest(largest) => largest_lines(largest),
        Found::Path(view) => path(view),
        Found::Mtree { files } => return mtree_lines(files),
        // It is printed as JSON.
        Found::Config { .. } => Vec::new(),
    });
    lines
}

/// The image and its digests. Lists for another program or about one path have none.
fn heading(report: &InspectReport) -> Vec<String> {
    let Inspection { digest, config_digest, architecture, found } = &report.inspection;
    let Found::Layers(view) = found else { return Vec::new() };
    let words = |words: &Option<Vec<String>>| match words {
        Some(words) => serde_json::to_string(words).unwrap_or_default(),
        None => "-".to_owned(),
    };
    let digest = digest.as_ref().map_or("none: the image has no manifest".to_owned(), ToString::to_string);
    let facts = [
        ("image", report.image.clone()),
        ("digest", digest),
        ("config digest", config_digest.to_string()),
        ("architecture", (*architecture).to_owned()),
        ("entry point", words(&view.entrypoint)),
        ("command", words(&view.command)),
        ("working directory", view.working_directory.clone().unwrap_or("-".to_owned())),
    ];
    let rows = facts.into_iter().map(|(name, value)| [name.to_owned(), value]).collect();
    let mut lines = table([Align::Left; 2], rows);
    lines.push(String::new());
    lines
}

fn layers(view: &LayersView) -> Vec<String> {
    let header = ["LAYER", "MADE BY", "NAME", "FILES", "COMPRESSED", "SIZE"].map(str::to_owned);
    let row = |layer: &LayerFacts| {
        [
            layer.number.to_string(),
            layer.made_by.to_owned(),
            short(&layer.name),
            layer.files.to_string(),
            size(layer.size),
            size(layer.uncompressed_size),
        ]
    };
    let files = view.layers.iter().map(|layer| layer.files).sum::<u64>();
    let total = [
        "total".to_owned(),
        String::new(),
        String::new(),
        files.to_string(),
        size(view.total.size),
        size(view.total.uncompressed_size),
    ];
    let rows = [header].into_iter().chain(view.layers.iter().map(row)).chain([total]).collect();
    let mut lines = table(LAYERS, rows);
    if view.hidden.files > 0 {
        lines.push(String::new());
        lines.push(format!(
            "the image has {}; {} of lower layers are replaced or deleted",
            amount(view.image),
            amount(view.hidden)
        ));
    }
    lines
}

/// A name that leaves room for the other columns.
fn short(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn amount(Amount { files, size: bytes }: Amount) -> String {
    format!("{} ({})", count(files, "file"), size(bytes))
}

fn files_by_layer(files: &[FileEntry], layers: &[LayerFacts]) -> Vec<String> {
    // One table, so that the columns of all layers are below each other.
    let rows = table([Align::Left, Align::Right, Align::Left], files.iter().map(file_row).collect());
    let mut rows = files.iter().zip(rows).peekable();
    let mut lines = Vec::new();
    for layer in layers {
        let deletes = match layer.deletes {
            0 => String::new(),
            number => format!(", deletes {}", count(number, "file")),
        };
        lines.push(format!(
            "layer {}: {} ({}{deletes})",
            layer.number,
            layer.name,
            count(layer.files, "file")
        ));
        while let Some((_, row)) = rows.next_if(|(file, _)| file.layer == layer.number) {
            lines.push(row);
        }
    }
    lines
}

fn file_row(file: &FileEntry) -> [String; 3] {
    let hidden = file.hidden.map(|hidden| format!("  [{}]", hiding(hidden))).unwrap_or_default();
    let (mode, bytes, what) = match &file.state {
        FileState::File { mode, size: bytes } => (format!("{mode:04o}"), size(*bytes), String::new()),
        FileState::Symlink { target } => ("link".to_owned(), String::new(), format!(" -> {target}")),
        FileState::Directory { .. } => ("dir".to_owned(), String::new(), String::new()),
        FileState::Other { what } => ("other".to_owned(), String::new(), format!(" {what}")),
    };
    [format!("  {mode}"), bytes, format!("{}{what}{hidden}", file.path)]
}

fn hiding(Hidden { by_layer, how }: Hidden) -> String {
    match how {
        Hiding::Deleted => format!("deleted by layer {by_layer}"),
        Hiding::Replaced => format!("replaced by layer {by_layer}"),
        Hiding::Merged => format!("merged with that of layer {by_layer}"),
    }
}

fn largest_lines(Largest { files, packages }: &Largest) -> Vec<String> {
    let file = |file: &FileEntry| {
        let bytes = match &file.state {
            FileState::File { size: bytes, .. } => size(*bytes),
            _ => String::new(),
        };
        [bytes, format!("layer {}", file.layer), file.path.clone()]
    };
    let mut lines = vec!["files".to_owned()];
    let rows = table([Align::Right, Align::Left, Align::Left], files.iter().map(file).collect());
    lines.extend(rows.into_iter().map(|row| format!("  {row}")));
    if !packages.is_empty() {
        lines.push("packages".to_owned());
    }
    let package = |package: &Package| {
        [
            size(package.amount.size),
            count(package.amount.files, "file"),
            package.language.to_owned(),
            format!("{} {}", package.name, package.version.as_deref().unwrap_or_default()),
            package.path.clone(),
        ]
    };
    let align = [Align::Right, Align::Right, Align::Left, Align::Left, Align::Left];
    let rows = table(align, packages.iter().map(package).collect());
    lines.extend(rows.into_iter().map(|row| format!("  {row}")));
    lines
}

fn path(view: &PathView) -> Vec<String> {
    let mut lines = vec![view.path.clone()];
    let rows = view.versions.iter().map(|version| {
        let fate = version.hidden.map_or("in the image".to_owned(), hiding);
        [format!("  layer {}", version.layer), short(&version.name), version.state.to_string(), fate]
    });
    lines.extend(table([Align::Left; 4], rows.collect()));
    match &view.leads_to {
        Some(Destination::Found { path, state }) => lines.push(format!("  leads to {path}: {state}")),
        Some(Destination::Nothing { problem }) => lines.push(format!("  leads to nothing: {problem}")),
        None if view.versions.iter().all(|version| version.hidden.is_some()) => {
            lines.push("  not in the image".to_owned());
        }
        None => {}
    }
    lines.extend(view.below.map(|below| format!("  contains {}", amount(below))));
    lines
}
