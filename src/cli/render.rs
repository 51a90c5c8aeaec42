//! What a user sees: results on standard output, everything else on standard error.
//!
//! User text may come from anywhere, so that control characters never reach the terminal as such.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;

use super::failure::Failure;
use super::progress::{self, Bars};
use super::settings::Settings;
use crate::definition::{DefinitionError, DocumentError, Loaded, Located, Position, Sources};
use crate::event::{Event, LayerEvent, Provenance, Reporter, TransferEvent};
use crate::image::ImageIdentity;
use crate::pipeline::{Amount, Built, Delivered, Pushed};
use crate::sync::lock;

/// How many overwritten files are told of one by one, unless the user asks for more.
const OVERWRITES: usize = 5;

/// How many names stand on a line, unless the user asks for more.
const NAMES: usize = 3;

/// The terminal, or whatever the two streams are connected to.
#[derive(Debug)]
pub(super) struct Terminal {
    quiet: bool,
    verbose: bool,
    color: bool,
    overwrites: Mutex<usize>,
    /// What the definition was read from, once it was read.
    sources: Mutex<Option<Arc<Sources>>>,
    /// The warnings so far, each once.
    warnings: Mutex<Vec<Located>>,
    /// On a terminal, unless nothing is to be shown.
    bars: Option<Bars>,
    /// Why a result did not reach its reader.
    lost: Mutex<Option<io::Error>>,
}

/// How a piece of text stands out.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Error,
    Warning,
    Help,
    Strong,
}

impl Terminal {
    pub(super) fn new(settings: &Result<Settings, Failure>) -> Self {
        let settings = settings.as_ref().ok();
        let on_terminal = io::stderr().is_terminal();
        let color = settings.and_then(|settings| settings.color).unwrap_or(on_terminal);
        let quiet = settings.is_some_and(|settings| settings.quiet);
        Self {
            quiet,
            verbose: settings.is_some_and(|settings| settings.verbose),
            color,
            overwrites: Mutex::new(0),
            sources: Mutex::default(),
            warnings: Mutex::default(),
            bars: (on_terminal && !quiet).then(Bars::new),
            lost: Mutex::new(None),
        }
    }

    /// Whether the user asked for less.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether the user asked for more.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Prints a value as the result, in JSON.
    pub(super) fn json(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.result(&text);
    }

    /// Prints one of several values as a line of the result, in JSON.
    pub(super) fn json_line(&self, value: &impl Serialize) {
        // In JSON that somebody else wrote, line ends can stand between its parts only, where they mean as little as spaces.
        self.result(&serde_json::to_string(value).unwrap_or_default().replace(['\n', '\r'], " "));
    }

    /// Prints a line of the result. A reader that has gone away is no reason to fail.
    pub(super) fn result(&self, line: &str) {
        self.result_bytes(format!("{line}\n").as_bytes());
    }

    /// Prints a line of the result whose text may come from anywhere.
    pub(super) fn result_visibly(&self, line: &str) {
        self.result(&visible(line));
    }

    /// Prints bytes of the result as they are.
    pub(super) fn result_bytes(&self, bytes: &[u8]) {
        let write = || {
            let mut output = io::stdout().lock();
            output.write_all(bytes).and_then(|()| output.flush())
        };
        match self.aside(write) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let mut lost = self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                // The first is the one to tell.
                lost.get_or_insert(error);
            }
            _ => {}
        }
    }

    /// Why the result is not where it should be: a full disk, for one.
    pub(super) fn lost(&self) -> Option<io::Error> {
        self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Prints a line about what was done.
    pub(super) fn status(&self, line: &str) {
        if !self.quiet {
            self.plain(line);
        }
    }

    /// Passes on what a function prints, as it is.
    pub(super) fn log(&self, bytes: &[u8]) {
        if !self.quiet {
            let mut output = io::stderr().lock();
            let _gone = output.write_all(bytes);
        }
    }

    /// Prints a line about what went wrong, which those who want nothing else want too.
    pub(super) fn fault(&self, line: &str) {
        self.plain(line);
    }

    /// The human result of a build.
    pub(super) fn built(&self, built: &[(Built<ImageIdentity>, Vec<Delivered>)]) {
        for (built, delivered) in built {
            let ImageIdentity { digest, config_digest, .. } = &built.image;
            // An engine knows an image that has no manifest by the digest of its config.
            let digest = digest.as_ref().unwrap_or(config_digest);
            for delivered in delivered {
                let line = format!("{}  {digest}  {}", built.name, delivered.location);
                self.result_visibly(&line);
            }
        }
    }

    /// The human result of a push; `uri` names an image where it is now.
    pub(super) fn pushed(&self, pushed: &[(Built, Pushed)], uri: impl Fn(&Built, &Pushed) -> String) {
        let (mut sent, mut mounted, mut present) = (Amount::default(), Amount::default(), Amount::default());
        let mut unchanged = 0;
        for (_, pushed) in pushed {
            if pushed.unchanged {
                unchanged += 1;
            } else {
                sent += pushed.sent;
                mounted += pushed.mounted;
                present += pushed.present;
            }
        }
        let images =
            |number: usize| if number == 1 { "1 image".to_owned() } else { format!("{number} images") };
        if unchanged > 0 {
            self.status(&format!("unchanged: {}, nothing sent", images(unchanged)));
        }
        if unchanged < pushed.len() {
            let ways = [("sent", sent), ("mounted", mounted), ("already there", present)];
            let blobs = |(way, Amount { blobs, bytes }): &(&str, Amount)| {
                format!("{way} {blobs} {} ({})", if *blobs == 1 { "blob" } else { "blobs" }, size(*bytes))
            };
            let ways: Vec<_> = ways.iter().filter(|(_, amount)| amount.blobs > 0).map(blobs).collect();
            self.status(&format!("pushed: {}; {}", images(pushed.len() - unchanged), ways.join(", ")));
        }
        for (built, pushed) in pushed {
            self.result_visibly(&format!("{}  {}", built.name, uri(built, pushed)));
        }
    }

    /// Takes note of a definition and shows its warnings.
    pub(super) fn definition(&self, loaded: &Loaded) {
        *lock(&self.sources) = Some(Arc::clone(&loaded.sources));
        self.warn(&loaded.warnings);
    }

    /// Shows warnings, each once.
    fn warn(&self, warnings: &[Located]) {
        for warning in warnings {
            let mut known = lock(&self.warnings);
            if known.contains(warning) {
                continue;
            }
            known.push(warning.clone());
            drop(known);
            if !self.quiet {
                self.located(warning);
            }
        }
    }

    /// Tells what was held back.
    pub(super) fn finish(&self) {
        let mut overwrites = self.overwrites.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let overwrites = std::mem::take(&mut *overwrites);
        if overwrites > OVERWRITES && !self.verbose {
            self.status(&format!("  … and {} more files replaced; `-v` shows all", overwrites - OVERWRITES));
        }
    }

    /// Why a command ended badly.
    pub(super) fn failure(&self, failure: &Failure) {
        self.line(&[(Style::Error, "error"), (Style::Plain, &format!(": {failure}"))]);
        match failure {
            Failure::Definition(DefinitionError::Findings { findings, .. })
            | Failure::Findings { findings, .. } => findings.iter().for_each(|finding| self.located(finding)),
            Failure::Definition(DefinitionError::Document(DocumentError::Syntax {
                file, syntax, ..
            })) => {
                self.plain(&format!("  at {}{}", file.display(), place(syntax.position)));
            }
            failure => {
                let mut cause = failure.source();
                while let Some(error) = cause {
                    self.plain(&format!("  cause: {error}"));
                    cause = error.source();
                }
            }
        }
        if let Some(help) = failure.help() {
            self.line(&[(Style::Help, "help"), (Style::Plain, &format!(": {help}"))]);
        }
    }

    /// A finding with its line.
    fn located(&self, located: &Located) {
        let Located { finding, position, excerpt, help } = located;
        let word = if finding.is_error() { "" } else { "warning: " };
        let place = format!("{}{}", finding.place.file().display(), place(*position));
        self.line(&[
            (Style::Strong, &place),
            (Style::Plain, ": "),
            (Style::Warning, word),
            (Style::Plain, &format!("{} [{}]", finding.message, finding.code)),
        ]);
        if let (Some(Position { line, .. }), Some(excerpt)) = (position, excerpt) {
            self.plain(&format!("{line:>6} | {}", excerpt.trim_end()));
        }
        self.help_below(help.as_deref());
    }

    /// How to mend something, below its line.
    fn help_below(&self, help: Option<&str>) {
        if let Some(help) = help {
            self.line(&[(Style::Plain, "  "), (Style::Help, "help"), (Style::Plain, &format!(": {help}"))]);
        }
    }

    fn layer(&self, layer: &LayerEvent) {
        let word = match layer.provenance {
            Provenance::Built => "built ",
            Provenance::Reused => "reused",
            Provenance::Cached => "cached",
        };
        let files = if layer.files == 1 { "1 file".to_owned() } else { format!("{} files", layer.files) };
        self.status(&format!(
            "{word}  {:<32} {files:>12} {:>10} {:>8}",
            layer.name,
            size(layer.size),
            seconds(layer.took)
        ));
    }

    fn overwrite(&self, line: &str) {
        let mut overwrites = self.overwrites.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *overwrites += 1;
        if self.verbose || *overwrites <= OVERWRITES {
            self.status(line);
        }
    }

    /// A line in which nothing stands out.
    fn plain(&self, line: &str) {
        self.line(&[(Style::Plain, line)]);
    }

    /// Every line on standard error goes through here. Its pieces may come from anywhere; the colours are limg's own.
    fn line(&self, pieces: &[(Style, &str)]) {
        let mut line = String::new();
        for (style, text) in pieces.iter().filter(|(_, text)| !text.is_empty()) {
            match style.code().filter(|_| self.color) {
                // Writing to a string cannot fail.
                Some(code) => drop(write!(line, "\x1b[{code}m{}\x1b[0m", visible(text))),
                None => line.push_str(&visible(text)),
            }
        }
        line.push('\n');
        let _gone = self.aside(|| io::stderr().lock().write_all(line.as_bytes()));
    }

    /// Writes something with no bar in its way.
    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.aside(write),
            None => write(),
        }
    }

    /// Some names on a line, all of them if the user asks for more.
    fn some(&self, names: &[String]) -> String {
        let shown = if self.verbose { names.len() } else { names.len().min(NAMES) };
        let text = names[..shown].join(", ");
        match names.len() - shown {
            0 => text,
            more => format!("{text}, and {more} more; `-v` shows all"),
        }
    }

    fn transfer(&self, event: &TransferEvent) {
        let text = progress::text(&event.progress, self.bars.is_none());
        match &self.bars {
            Some(bars) => bars.show(event, visible(&text)),
            None if !text.is_empty() => self.status(&text),
            None => {}
        }
    }

    /// Advice that comes while the work goes on.
    pub(super) fn advice(&self, message: &str, help: &str) {
        if !self.quiet {
            self.line(&[(Style::Warning, "warning"), (Style::Plain, &format!(": {message}"))]);
            self.help_below(Some(help));
        }
    }
}

impl Style {
    /// What switches a terminal to it (ECMA-48, SGR).
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Error => Some("1;31"),
            Self::Warning => Some("1;33"),
            Self::Help => Some("1;36"),
            Self::Strong => Some("1"),
        }
    }
}

impl Reporter for Terminal {
    fn report(&self, event: Event) {
        match event {
            Event::Layer(layer) => self.layer(&layer),
            Event::BaseImport { base } => self.status(&format!("taking over the base {base}")),
            Event::Overwritten { path, winner, loser } => {
                self.overwrite(&format!("note: {winner} replaces `{path}` of {loser}"));
            }
            Event::Adjusted { path, what } => self.status(&format!("note: `{path}` {what}")),
            Event::Finding(finding) => {
                let sources = lock(&self.sources).clone();
                self.warn(&sources.map(|sources| sources.locate(&[finding])).unwrap_or_default());
            }
            Event::CacheFailed { image, why, help } if !self.quiet => {
                let text = format!(": layers that {image} may have are made: {why}");
                self.line(&[(Style::Warning, "warning"), (Style::Plain, &text)]);
                self.help_below(help.as_deref());
            }
            Event::CacheFailed { .. } => {}
            Event::Stale { name } => self.advice(
                &format!("files of the {name} had changed although neither their sizes nor their times had"),
                "the layer is made anew; `--verify` finds such changes, a build without it does not",
            ),
            Event::Damaged { digest } => self.advice(
                &format!("{digest} was damaged and has been removed"),
                "who needs it makes or fetches it again; look after the disk",
            ),
            Event::Transfer(transfer) => self.transfer(&transfer),
            Event::Retry { action, cause, wait } => {
                self.status(&format!("failed to {action}: {cause}; trying again in {}", seconds(wait)));
            }
            Event::StaleCredentials { host } => self.advice(
                &format!("`{host}` refuses the stored credentials, and answers without any"),
                &format!("`docker logout {host}` removes them"),
            ),
            Event::Mounted { digest, repository, from } => {
                if self.verbose {
                    self.status(&format!("mounted {digest} in {repository} from {from}"));
                }
            }
            Event::Pushed { repository, digest } => self.status(&format!("pushed {repository}@{digest}")),
            Event::CacheMissing { images } => self.status(&format!("note: there is no image to take layers from: {}", self.some(&images))),
            Event::CacheUnusable { image, why } => self.status(&format!("note: no layers are taken from {image}: {why}")),
            Event::NotMounted { host } => self.advice(
                &format!(
                    "`{host}` does not take layers over from its other repositories, so that they are sent to each"
                ),
                "in Amazon ECR `aws ecr put-account-setting --name BLOB_MOUNTING --value ENABLED` turns that on; \
                 repositories of a pull-through cache, and such with other encryption, never give layers",
            ),
        }
    }
}

/// `:12:5`, as compilers and editors write it.
fn place(position: Option<Position>) -> String {
    position.map(|Position { line, column }| format!(":{line}:{column}")).unwrap_or_default()
}

/// Makes control characters visible, but for line ends and tabs.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// A size as people say it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["kB", "MB", "GB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // One digit behind the point is all that is shown, so that tenths in whole numbers are exact.
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (999_999, "999.9 kB"),
            (12_345_678_901, "12.3 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(visible("a\x1b]0;title\x07b"), "a\\u{1b}]0;title\\u{7}b");
        assert_eq!(visible("\x1b[1;31mred\x1b[0m\r"), "\\u{1b}[1;31mred\\u{1b}[0m\\u{d}");
        assert_eq!(visible("one\n\ttwo ü"), "one\n\ttwo ü");
    }
}
