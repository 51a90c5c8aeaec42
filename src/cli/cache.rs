//! `limg cache`.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::args::{CacheCommand, Format, PruneArguments};
use super::context;
use super::error::CommandError;
use super::render::Terminal;
use super::settings::Settings;
use super::units::Size;
use crate::fs::FsError;
use crate::store::{Digest, Removal, Retention, Store, StoreContents, StoredBlob};
use crate::text::count;
use crate::units::size;

const DAY: Duration = Duration::from_hours(24);

pub(super) fn run(
    command: Option<CacheCommand>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let limit = context::configuration(settings)?.store_limit(settings.store_limit);
    let store = context::store(settings)?;
    match command.unwrap_or(CacheCommand::Show) {
        CacheCommand::Show => {
            let contents = store.contents().map_err(failed(store.root()))?;
            let shown = Shown::of(store.root(), limit, &contents);
            terminal.print(&shown, || shown.lines());
            Ok(ExitCode::SUCCESS)
        }
        CacheCommand::Prune(arguments) => prune(store, limit, &arguments, terminal),
        CacheCommand::Verify => verify(store, terminal),
    }
}

fn failed(root: &Path) -> impl Fn(FsError) -> CommandError {
    |source| CommandError::Store { root: root.to_owned(), source }
}

fn prune(
    store: Store,
    limit: u64,
    arguments: &PruneArguments,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let PruneArguments { all, older_than, max_size, dry_run } = arguments;
    let mut retention = match older_than {
        _ if *all => Retention::of_age(Duration::ZERO),
        Some(days) => Retention::of_age(DAY * *days),
        None => Retention::of_bytes(limit),
    };
    if let Some(Size(bytes)) = max_size {
        retention.bytes = Some(*bytes);
    }
    let root = store.root().to_owned();
    let removal = if *dry_run { store.prunable(&retention).map(Some) } else { store.prune(&retention) };
    let removal = removal.map_err(failed(&root))?.ok_or(CommandError::StoreInUse { root })?;
    let pruned = Pruned::of(*dry_run, &removal);
    terminal.print(&pruned, || [pruned.line()]);
    Ok(ExitCode::SUCCESS)
}

fn verify(store: Store, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let root = store.root().to_owned();
    let blobs = store.contents().map_err(failed(&root))?.blobs.len();
    let damaged = store.damaged().map_err(failed(&root))?;
    if !damaged.is_empty() {
        store.remove(&damaged).map_err(failed(&root))?.ok_or(CommandError::StoreInUse { root })?;
    }
    terminal.print(&Verified { blobs, damaged: &damaged }, || {
        damaged.iter().map(|digest| format!("removed {digest}: damaged"))
    });
    if terminal.format() == Format::Human {
        terminal.status(&format!("{}, {} damaged", count(blobs, "blob"), damaged.len()));
    }
    Ok(if damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What `limg cache verify --format json` prints.
#[derive(Serialize)]
struct Verified<'a> {
    blobs: usize,
    damaged: &'a [Digest],
}

/// What `limg cache show` prints.
#[derive(Serialize)]
struct Shown<'a> {
    store: &'a Path,
    limit: u64,
    bytes: u64,
    blobs: Amount,
    /// Blobs that other files share, as hard links.
    shared: Amount,
    records: Amount,
    other_bytes: u64,
    largest: Option<BlobReport>,
    oldest: Option<BlobReport>,
}

#[derive(Serialize)]
struct Amount {
    count: usize,
    bytes: u64,
}

impl Amount {
    fn of(sizes: impl Iterator<Item = u64>) -> Self {
        sizes.fold(Self { count: 0, bytes: 0 }, |Self { count, bytes }, size| Self {
            count: count + 1,
            bytes: bytes.saturating_add(size),
        })
    }

    fn of_blobs<'b>(blobs: impl IntoIterator<Item = &'b StoredBlob>) -> Self {
        Self::of(blobs.into_iter().map(|blob| blob.size))
    }
}

/// A blob in JSON.
#[derive(Serialize)]
struct BlobReport {
    digest: Digest,
    size: u64,
    /// In RFC 3339.
    used: String,
}

impl From<&StoredBlob> for BlobReport {
    fn from(blob: &StoredBlob) -> Self {
        Self { digest: blob.digest.clone(), size: blob.size, used: time(blob.used) }
    }
}

impl<'a> Shown<'a> {
    fn of(store: &'a Path, limit: u64, contents: &StoreContents) -> Self {
        let StoreContents { blobs, records, other } = contents;
        Self {
            store,
            limit,
            bytes: contents.bytes(),
            blobs: Amount::of_blobs(blobs),
            shared: Amount::of_blobs(blobs.iter().filter(|blob| blob.is_shared)),
            records: Amount::of(records.iter().map(|record| record.size)),
            other_bytes: *other,
            largest: blobs.iter().max_by_key(|blob| blob.size).map(BlobReport::from),
            oldest: blobs.iter().min_by_key(|blob| blob.used).map(BlobReport::from),
        }
    }

    fn lines(&self) -> Vec<String> {
        let amount = |Amount { count, bytes }: &Amount| format!("{count} ({})", size(*bytes));
        let mut lines = vec![
            format!("store    {}", self.store.display()),
            format!("size     {} of {}", size(self.bytes), size(self.limit)),
            format!("blobs    {}", amount(&self.blobs)),
            format!("shared   {} with layouts and other copies", amount(&self.shared)),
            format!("records  {}", amount(&self.records)),
            format!("other    {}", size(self.other_bytes)),
        ];
        let blobs = [("largest", &self.largest), ("oldest ", &self.oldest)];
        lines.extend(blobs.into_iter().filter_map(|(word, blob)| {
            let blob = blob.as_ref()?;
            Some(format!("{word}  {}  {}, used {}", blob.digest, size(blob.size), blob.used))
        }));
        lines
    }
}

/// What `limg cache prune` prints.
#[derive(Serialize)]
struct Pruned {
    dry_run: bool,
    blobs: Vec<BlobReport>,
    bytes: u64,
    /// Blobs that other files share, as hard links: their removal frees nothing yet.
    shared: Amount,
    records: Amount,
}

impl Pruned {
    fn of(dry_run: bool, Removal { blobs, records }: &Removal) -> Self {
        Self {
            dry_run,
            blobs: blobs.iter().map(BlobReport::from).collect(),
            bytes: Amount::of_blobs(blobs).bytes,
            shared: Amount::of_blobs(blobs.iter().filter(|blob| blob.is_shared)),
            records: Amount::of(records.iter().map(|record| record.size)),
        }
    }

    fn line(&self) -> String {
        let word = if self.dry_run { "would remove" } else { "removed" };
        let blobs = format!("{} ({})", count(self.blobs.len(), "blob"), size(self.bytes));
        let records = count(self.records.count, "record");
        let shared = match self.shared.count {
            0 => String::new(),
            shared => format!(
                "; {shared} of the blobs ({}) {} on disk in layouts and other copies",
                size(self.shared.bytes),
                if shared == 1 { "stays" } else { "stay" }
            ),
        };
        format!("{word} {blobs} and {records}{shared}")
    }
}

/// A time in RFC 3339, with whole seconds.
fn time(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let timestamp =
        i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    timestamp.unwrap_or_default().to_string()
}
