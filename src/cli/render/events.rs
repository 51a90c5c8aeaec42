//! What is shown while limg works: each event of the library in words.

use std::collections::BTreeMap;

use super::bars;
use super::terminal::Terminal;
use crate::cli::units::seconds;
use crate::event::{Event, LayerEvent, Provenance, Reporter, TransferEvent};
use crate::finding::Setting;
use crate::sync::lock;
use crate::text::{count, visible};
use crate::units::size;

/// How many overwritten files are listed without `--verbose`.
const LISTED_OVERWRITES: usize = 5;

/// How many names of what was left out are listed without `--verbose`.
const LISTED_LEFT_OUT: usize = 8;

/// How many names are on one line without `--verbose`.
const LISTED_NAMES: usize = 3;

impl Reporter for Terminal {
    fn report(&self, event: Event) {
        match event {
            Event::Layer(layer) => self.layer(&layer),
            Event::BaseImport { base } => self.status(&format!("importing the base image {base}")),
            Event::Overwritten { path, winner, loser } => {
                self.overwrite(&format!("note: {winner} replaces `{path}` of {loser}"));
            }
            Event::LeftOut { owners } => self.left_out(&owners),
            Event::Adjusted { path, what } => self.status(&format!("note: `{path}` {what}")),
            Event::Finding(finding) => self.finding(finding),
            Event::CacheFailed { image, why, help } => {
                let message = format!("cannot use {image} as a cache: {why}; building its layers instead");
                self.warning(&message, self.help_text(help.as_ref()).as_deref());
            }
            Event::Stale { name } => self.warning(
                &format!("files of the {name} have changed, although their sizes and timestamps have not"),
                Some("the layer was rebuilt; build with `--verify` to find such changes"),
            ),
            Event::Damaged { digest } => self.warning(
                &format!("{digest} was damaged and has been removed"),
                Some("it will be rebuilt or fetched when needed; check the disk"),
            ),
            Event::Transfer(transfer) => self.transfer(&transfer),
            Event::Retry { action, cause, wait } => {
                self.status(&format!("failed to {action}: {cause}; retrying in {}", seconds(wait)));
            }
            Event::StaleCredentials { host } => self.warning(
                &format!("`{host}` rejects the stored credentials, but accepts anonymous requests"),
                Some(&format!("run `docker logout {host}` to remove them")),
            ),
            Event::Mounted { digest, repository, from } => {
                if self.is_verbose() {
                    self.status(&format!("mounted {digest} in {repository} from {from}"));
                }
            }
            Event::RepositoryCreated { repository } => {
                self.status(&format!("created the repository {repository}"));
            }
            Event::Pushed { repository, digest } => self.status(&format!("pushed {repository}@{digest}")),
            Event::CacheMissing { images } => self.status(&format!(
                "note: found no image to reuse layers from: {}",
                self.abbreviated(&images)
            )),
            Event::CacheUnusable { image, why } => {
                self.status(&format!("note: cannot reuse layers of {image}: {why}"));
            }
            Event::NotMounted { host } => self.warning(
                &format!(
                    "`{host}` does not support cross-repository mounts; layers are uploaded to each repository"
                ),
                Some(
                    "for Amazon ECR, run `aws ecr put-account-setting --name BLOB_MOUNTING --value ENABLED`; blobs \
                     of a pull-through cache, or of a repository with another encryption, cannot be mounted",
                ),
            ),
        }
    }
}

impl Terminal {
    /// Prints how many overwritten files were not listed.
    pub(in crate::cli) fn summarize_overwrites(&self) {
        let overwrites = std::mem::take(&mut *lock(&self.overwrites));
        if overwrites > LISTED_OVERWRITES && !self.is_verbose() {
            let more = overwrites - LISTED_OVERWRITES;
            self.status(&format!("  … and {more} more files replaced; `-v` shows all"));
        }
    }

    fn layer(&self, layer: &LayerEvent) {
        let word = match layer.provenance {
            Provenance::Built => "built ",
            Provenance::Reused => "reused",
            Provenance::Cached => "cached",
        };
        self.status(&format!(
            "{word}  {:<32} {:>12} {:>10} {:>8}",
            layer.name,
            count(layer.files, "file"),
            size(layer.size),
            seconds(layer.took)
        ));
    }

    fn overwrite(&self, line: &str) {
        let mut overwrites = lock(&self.overwrites);
        *overwrites += 1;
        if self.is_verbose() || *overwrites <= LISTED_OVERWRITES {
            self.status(line);
        }
    }

    /// Reports what was left out by default: the names of all, or with `--verbose` their paths.
    fn left_out(&self, owners: &[(String, Vec<String>)]) {
        let help = self.help_text(Some(&Setting::Keep.into())).unwrap_or_default();
        if self.is_verbose() {
            for (owner, paths) in owners {
                for path in paths {
                    self.status(&format!("note: left `{path}` out of the {owner}"));
                }
            }
            return self.status(&format!("  {help}"));
        }
        let mut names = BTreeMap::<&str, usize>::new();
        for path in owners.iter().flat_map(|(_, paths)| paths) {
            let start = path.trim_end_matches('/').rfind('/').map_or(0, |end| end + 1);
            *names.entry(&path[start..]).or_default() += 1;
        }
        let name = |(name, times)| match times {
            1 => format!("`{name}`"),
            _ => format!("`{name}` ({times} times)"),
        };
        let more = names.len().saturating_sub(LISTED_LEFT_OUT);
        let mut names: Vec<_> = names.into_iter().take(LISTED_LEFT_OUT).map(name).collect();
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        self.status(&format!("note: left out {}; `-v` shows where; {help}", names.join(", ")));
    }

    fn transfer(&self, event: &TransferEvent) {
        let text = bars::text(&event.progress, self.bars.is_none());
        match &self.bars {
            Some(bars) => bars.show(event, visible(&text)),
            None if !text.is_empty() => self.status(&text),
            None => {}
        }
    }

    /// The first names, or all with `--verbose`.
    fn abbreviated(&self, names: &[String]) -> String {
        let listed = if self.is_verbose() { names.len() } else { names.len().min(LISTED_NAMES) };
        let text = names[..listed].join(", ");
        match names.len() - listed {
            0 => text,
            more => format!("{text}, and {more} more; `-v` shows all"),
        }
    }
}
