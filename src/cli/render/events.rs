//! What is shown while limg works: each event of the library in words.

use std::collections::BTreeMap;

use super::terminal::{PLAIN, STRONG, Terminal};
use crate::cli::units::seconds;
use crate::event::{Activity, Event, LayerEvent, ProgressEvent, Provenance, Reporter, Step};
use crate::finding::Setting;
use crate::sync::lock;
use crate::text::{count, first_of, visible_line};
use crate::units::size;

/// How many overwritten files are listed without `--verbose`.
const LISTED_OVERWRITES: usize = 5;

/// How many names of what was left out are listed without `--verbose`.
const LISTED_LEFT_OUT: usize = 8;

/// The length of an abbreviated digest.
const ABBREVIATED: usize = "sha256:".len() + 12;

/// How many names are on one line without `--verbose`.
const LISTED_NAMES: usize = 3;

impl Reporter for Terminal {
    fn report(&self, event: Event) {
        match event {
            Event::Layer(layer) => self.layer(layer),
            Event::LayersFinished { reused, cached } => self.unchanged_layers(reused, cached),
            Event::Program { line } => self.status(&visible_line(&line)),
            Event::BaseImport { base } => self.status(&format!("importing the base image {base}")),
            Event::Overwritten { path, winner, loser } => {
                self.overwrite(&format!("note: {winner} replaces `{path}` of {loser}"));
            }
            Event::LeftOut { owners } => self.left_out(&owners),
            Event::BaseProvides { list, left_out, installed } => {
                self.base_provides(&list, &left_out, &installed);
            }
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
            Event::Progress(progress) => self.progress(&progress),
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
            Event::SentForNothing { bytes } => self.status(&format!(
                "note: {} of layers were sent before limg knew that the registry has them; `--no-speculation` avoids that",
                size(bytes)
            )),
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

    /// Prints a new layer. Unchanged ones are only counted, unless the user wants to see all.
    fn layer(&self, layer: LayerEvent) {
        let (word, style) = match layer.provenance {
            Provenance::Built => ("built ", STRONG),
            Provenance::Reused => ("reused", PLAIN),
            Provenance::Cached => ("cached", PLAIN),
        };
        if self.is_verbose() || layer.provenance == Provenance::Built {
            let text = format!(
                "  {:<32} {:>12} {:>10} {:>8}",
                layer.name,
                count(layer.files, "file"),
                size(layer.size),
                seconds(layer.took)
            );
            self.styled_status(&[(style, word), (PLAIN, &text)]);
        }
        if let Some(digest) = layer.digest {
            lock(&self.layer_names).entry(digest).or_insert(layer.name);
        }
    }

    fn unchanged_layers(&self, reused: usize, cached: usize) {
        if self.is_verbose() {
            return;
        }
        let kinds = [("unchanged", reused), ("from cache images", cached)];
        let kinds: Vec<_> = kinds
            .iter()
            .filter(|(_, number)| *number > 0)
            .map(|(kind, number)| format!("{kind}: {}", count(*number, "layer")))
            .collect();
        if !kinds.is_empty() {
            self.status(&kinds.join("; "));
        }
    }

    fn overwrite(&self, line: &str) {
        let mut overwrites = lock(&self.overwrites);
        *overwrites += 1;
        if self.is_verbose() || *overwrites <= LISTED_OVERWRITES {
            self.status(line);
        }
    }

    fn base_provides(
        &self,
        list: &str,
        left_out: &[(String, Option<String>)],
        installed: &[(String, String)],
    ) {
        let shown = |(name, version): &(String, Option<String>)| match version {
            Some(version) => format!("{name} {version}"),
            None => name.clone(),
        };
        let names: Vec<_> = left_out.iter().map(shown).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        self.status(&visible_line(&format!("note: {list}: left {names} to the base image")));
        for (name, why) in installed {
            let line = format!("note: `{name}` is installed although the base image has it: {why}");
            self.status(&visible_line(&line));
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
        let names = first_of(LISTED_LEFT_OUT, names.into_iter().map(name));
        self.status(&format!("note: left out {names}; `-v` shows where; {help}"));
    }

    fn progress(&self, ProgressEvent { id, step }: &ProgressEvent) {
        match (&self.bars, step) {
            (Some(bars), Step::Begun { activity, total }) => {
                bars.begin(*id, visible_line(&self.activity(activity, "")), *total);
            }
            (Some(bars), Step::At(bytes)) => bars.move_to(*id, *bytes),
            (Some(bars), Step::Ended) => bars.end(*id),
            (None, Step::Begun { activity, total }) => {
                let total =
                    total.map_or(" while it is made".to_owned(), |total| format!(" ({})", size(total)));
                self.status(&self.activity(activity, &total));
            }
            (None, Step::At(_) | Step::Ended) => {}
        }
    }

    /// Work in words. `size` follows what is worked on; a bar shows the size itself.
    fn activity(&self, activity: &Activity, size: &str) -> String {
        match activity {
            Activity::Fetch { what, repository } => {
                format!("fetching {}{size} from {repository}", self.blob_name(what))
            }
            Activity::Send { what, repository } => {
                format!("uploading {}{size} to {repository}", self.blob_name(what))
            }
            Activity::Compile { what } => format!("compiling the Python sources of the {what}{size}"),
            Activity::Pack { layer } => format!("packing {layer}{size}"),
        }
    }

    /// What a blob contains, or else its abbreviated digest.
    fn blob_name(&self, digest: &str) -> String {
        let name = lock(&self.layer_names).get(digest).cloned();
        let abbreviated = || digest.get(..ABBREVIATED).filter(|_| digest.starts_with("sha256:"));
        name.unwrap_or_else(|| abbreviated().unwrap_or(digest).to_owned())
    }

    /// The first names, or all with `--verbose`.
    fn abbreviated(&self, names: &[String]) -> String {
        let at_most = if self.is_verbose() { names.len() } else { LISTED_NAMES };
        let hint = if names.len() > at_most { "; `-v` shows all" } else { "" };
        format!("{}{hint}", first_of(at_most, names.iter()))
    }
}
