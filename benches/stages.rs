//! The stages of building a layer, each on its own: the walk, the key, tar with its digest, gzip, and the hash alone.
//!
//! `cargo bench` runs them on a generated tree: programs, text and small files in about the proportions of a Python
//! layer. Compare only numbers from the same machine on the same day.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot set up has failed")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use limg::files::FileIndex;
use limg::layer::{self, Recipe, TarLayer};
use limg::project::{ImagePath, Source, SourceKind};
use limg::shared::Shared;
use limg::store::{Digest, Store};
use limg::tree::Tree;

/// 1980-01-01.
const MTIME: u64 = 315_532_800;

/// Writes the input: the program of this benchmark and two thousand small files.
fn make_input(folder: &Path) {
    fs::copy(std::env::current_exe().unwrap(), folder.join("program")).unwrap();
    for number in 0..2000 {
        let package = folder.join(format!("package_{}", number % 50));
        fs::create_dir_all(&package).unwrap();
        let lines = (0..40 + number % 100).map(|line| {
            format!("def function_{line}(value):\n    return value * {} + {number}\n", line * 7919 % 101)
        });
        fs::write(package.join(format!("module_{number}.py")), lines.collect::<String>()).unwrap();
    }
}

fn load(folder: &Path) -> Tree {
    let source = Source::new(folder.to_owned(), SourceKind::Directory);
    Tree::load(&source, &"/opt".parse::<ImagePath>().unwrap()).unwrap()
}

fn stages(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    fs::create_dir(&input).unwrap();
    make_input(&input);
    let base = Shared::new(FileIndex::default());
    let tree = Shared::new(load(&input));
    let recipe = Arc::new(Recipe::new("bench", tree.clone(), base.clone(), MTIME));
    let store = Store::open(&folder.path().join("store")).unwrap();

    let mut group = criterion.benchmark_group("files");
    group.throughput(Throughput::Elements(tree.files()));
    group.bench_function("walk", |bencher| bencher.iter(|| load(&input)));
    group.bench_function("key", |bencher| bencher.iter(|| layer::key(black_box(&tree), &base, MTIME)));
    group.finish();

    let mut group = criterion.benchmark_group("bytes");
    group.throughput(Throughput::Bytes(tree.size())).sample_size(10);
    let bytes = vec![7; usize::try_from(tree.size()).unwrap()];
    group.bench_function("hash", |bencher| bencher.iter(|| Digest::of(black_box(&bytes))));
    group.bench_function("tar and hash", |bencher| {
        bencher.iter(|| TarLayer::read(&recipe, &store, &|_| ()).unwrap());
    });
    group.bench_function("tar, hash and gzip", |bencher| {
        let store = || {
            let folder = tempfile::tempdir().unwrap();
            (Store::open(folder.path()).unwrap(), folder)
        };
        let build = |(store, folder): (Store, tempfile::TempDir)| {
            (layer::build(&recipe, &store, None, &|_| ()).unwrap(), folder)
        };
        bencher.iter_batched(store, build, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
