//! What a check finds in an image before and after it is corrected, and that nothing else changes.

use std::collections::BTreeMap;
use std::io::Read as _;

use proptest::collection::vec;
use proptest::prelude::*;
use tar::EntryType;

use super::*;
use crate::check::image::tests::{Fixture, words};
use crate::check::image::{self as image_check, ImageSubject};
use crate::files::tests::model::{any_layers, cases, image};
use crate::files::{
    ImageFiles, IndexEntry, Overlay, OverlayNode, TarEntries, TestEntry, entry, gzip, parsed, tar,
};
use crate::finding::{Code, Finding, Place};
use crate::project::{Architecture, RunConfig};
use crate::store::Digest;

/// The time of what is added.
const MTIME: u64 = 315_532_800;

/// An image before and after it was corrected.
struct Corrected {
    before: (ImageFiles, Vec<Finding>),
    after: (ImageFiles, Vec<Finding>),
    changes: Vec<Change>,
    /// The layers before and after.
    layers: [Vec<Layer>; 2],
}

fn judge(run: &RunConfig, layers: &[Layer]) -> (ImageFiles, Vec<Finding>, Vec<LayerCorrections>) {
    let blobs = layers.iter().map(|layer| (&layer.blob, &layer.digest, &layer.diff_id));
    let files = ImageFiles::read(blobs, &BTreeSet::new()).unwrap();
    let place = Place::document("oci:image".as_ref());
    let subject =
        ImageSubject { place: &place, architecture: Architecture::X86_64, run, files: &files, form: None };
    let (findings, wanted) = (image_check::check(&subject), image_check::correctable(&subject));
    (files, findings, wanted)
}

/// Corrects an image twice: the second time, nothing may change.
fn correct(run: &RunConfig, layers: &[Vec<TestEntry>], store: &Store) -> Corrected {
    let layer = |entries: &Vec<TestEntry>| {
        let tar = tar(entries);
        let (gzip, diff_id) = (gzip(&tar), Digest::of(&tar));
        let blob = store.add_blob(&gzip).unwrap();
        Layer { digest: Digest::of(&gzip), diff_id, size: blob.size, blob }
    };
    let original: Vec<Layer> = layers.iter().map(layer).collect();
    let (files, findings, wanted) = judge(run, &original);
    let (fixed, changes) = fix_layers(&original, &wanted, MTIME, store).unwrap();
    let (files_after, findings_after, wanted_after) = judge(run, &fixed);
    let (again, more) = fix_layers(&fixed, &wanted_after, MTIME, store).unwrap();
    assert_eq!((&again, more), (&fixed, Vec::new()), "correcting twice changes nothing");
    Corrected {
        before: (files, findings),
        after: (files_after, findings_after),
        changes,
        layers: [original, fixed],
    }
}

fn of(image: &Fixture) -> Corrected {
    let (_folder, store) = Store::for_test();
    correct(&image.run, std::slice::from_ref(&image.entries), &store)
}

/// The entries of a layer, as lines that [`parsed`] reads, with their modes.
fn lines(layer: &Layer) -> Vec<String> {
    let work = |tar: &mut dyn Read| {
        let (mut entries, mut lines) = (TarEntries::new(tar), Vec::new());
        while let Some(entry) = entries.next_entry().unwrap() {
            let mut content = String::new();
            entries.read_to_string(&mut content).unwrap();
            let (name, target, mode) = (entry.name, entry.target, entry.mode);
            lines.push(match entry.kind {
                EntryType::Symlink => format!("{name} -> {target}"),
                EntryType::Link => format!("{name} => {target}"),
                EntryType::Directory => format!("{name} {mode:o}"),
                EntryType::Regular => format!("{name}: {content} {mode:o}"),
                kind => format!("{name} {kind:?}"),
            });
        }
        Ok::<_, FixError>(lines)
    };
    read_layer(&layer.blob, &layer.digest, &layer.diff_id, work).unwrap().0
}

/// The lines of the only layer of an image after its correction.
fn corrected(entries: &[TestEntry]) -> Vec<String> {
    let (_folder, store) = Store::for_test();
    lines(&correct(&RunConfig::default(), &[entries.to_vec()], &store).layers[1][0])
}

#[test]
fn what_the_rules_find_is_corrected() {
    let python = Fixture::python;
    let run = |text: &str, mode| {
        python().runs(|run| (run.entrypoint, run.command) = (words(&["/run"]), None)).file(text, mode)
    };
    let wrapped = |mode| {
        let variable = ("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), "/opt/wrap".to_owned());
        python().runs(|run| run.environment.push(variable)).file("opt/wrap: #!/bin/sh\n", mode)
    };
    let mut piped = python();
    piped.entries.push(entry(EntryType::Fifo, "opt/pipe", "", ""));
    for (image, code, message) in [
        (python().file("opt/deep/er/file: x", 0o644), Code::MissingParent, "2 parent folders listed first"),
        (
            python().file("opt/link => var/task/app.py", 0o644),
            Code::HardLink,
            "1 hard link replaced by a copy",
        ),
        (piped, Code::SpecialFile, "1 special file removed: `/opt/pipe`"),
        (python().file("var/task/data.json: {}", 0o600), Code::ClosedPath, "`/var/task/data.json`"),
        (python().file("opt/closed/", 0o750), Code::ClosedPath, "1 path opened to all users: `/opt/closed`"),
        (
            python().runs(|run| run.working_directory = Some("/home".to_owned())).file("home/", 0o700),
            Code::ClosedPath,
            "`/home`",
        ),
        (run("run: #!/bin/sh\n", 0o644), Code::NotAProgram, "1 program made executable: `/run`"),
        (run("run: #!/bin/sh\n", 0o744), Code::ClosedPath, "`/run`"),
        (run("run: #!/bin/sh\r\n", 0o755), Code::NotAProgram, "1 script converted to Unix line endings"),
        (run("run: \u{feff}#!/bin/sh\n", 0o755), Code::NotAProgram, "1 script converted"),
        (wrapped(0o644), Code::NotAProgram, "made executable: `/opt/wrap`"),
        (
            python().file("opt/extensions/a: #!/bin/sh\n", 0o600),
            Code::NotAProgram,
            "made executable: `/opt/extensions/a`",
        ),
    ] {
        let Corrected { before, after, changes, .. } = of(&image);
        assert!(!before.1.is_empty(), "{message}");
        assert_eq!(after.1, [], "{message}");
        let [change] = &changes[..] else { panic!("{changes:?}") };
        assert!(change.code == code && change.message.contains(message), "{change:?}");
    }
}

#[test]
fn a_layer_that_needs_nothing_keeps_its_bytes() {
    let image = Fixture::python();
    let (_folder, store) = Store::for_test();
    let above = vec![parsed("var/task/data: x").mode(0o600)];
    let Corrected { layers: [before, after], .. } = correct(&image.run, &[image.entries, above], &store);
    assert_eq!((&before[0], before[1].digest == after[1].digest), (&after[0], false));
}

#[test]
fn what_cannot_be_corrected_stays() {
    let program = Fixture::python()
        .runs(|run| (run.entrypoint, run.command) = (words(&["/run"]), None))
        .file("run: text", 0o644);
    for image in [
        program,
        Fixture::python().file("var/task/tls.key: x", 0o600),
        Fixture::python().file("opt/link => opt/lost", 0o644),
        Fixture::python().runs(|run| run.entrypoint = None),
    ] {
        let Corrected { before, after, changes, layers: [one, other] } = of(&image);
        assert_eq!((before.1, changes, one), (after.1, Vec::new(), other));
    }
}

#[test]
fn entries_keep_everything_else() {
    let long = format!("opt/{}/{}", "a".repeat(120), "b".repeat(120));
    let pax = {
        let record = pax_records(&[("SCHILY.xattr.user.a", "1\n2"), ("mtime", "1700000000.5")]);
        let mut header = entry(EntryType::XHeader, "PaxHeaders/x", "", "");
        header.content = record;
        header.sized()
    };
    let mut owned = parsed("opt/owned: x");
    owned.header.set_uid(1000);
    let entries = [
        parsed("./"),
        parsed("./opt/").mode(0o700),
        pax,
        owned,
        parsed(&format!("{long}: y")),
        parsed("opt/ümlaut -> ä"),
        parsed("opt/.wh.gone: "),
    ];
    let (_folder, store) = Store::for_test();
    let Corrected { layers: [before, after], .. } =
        correct(&RunConfig::default(), &[entries.to_vec()], &store);
    let raw = |layer: &Layer| {
        let work = |tar: &mut dyn Read| {
            let (mut entries, mut found) = (TarEntries::new(tar), BTreeMap::new());
            while let Some(entry) = entries.next_entry().unwrap() {
                let (header, attributes) = (entry.raw.header, entry.raw.attributes);
                let user_and_time = (header.uid().unwrap(), header.mtime().unwrap());
                found.insert(entry.name, (entry.target, entry.size, user_and_time, attributes));
            }
            Ok::<_, FixError>(found)
        };
        read_layer(&layer.blob, &layer.digest, &layer.diff_id, work).unwrap().0
    };
    let (before, mut after) = (raw(&before[0]), raw(&after[0]));
    assert_eq!(before["opt/owned"].2, (1000, 1_700_000_000));
    assert_eq!(before["opt/owned"].3.len(), 2);
    let folder = long.rsplit_once('/').unwrap().0;
    assert!(after.remove(&format!("{folder}/")).is_some(), "{after:?}");
    assert_eq!(before, after);
}

/// A pax record of these keys and values.
fn pax_records(pairs: &[(&str, &str)]) -> Vec<u8> {
    pairs.iter().flat_map(|(key, value)| layer::pax_record(key.as_bytes(), value.as_bytes())).collect()
}

#[test]
fn folders_come_before_what_is_in_them_with_their_own_modes() {
    let entries = [parsed("./opt/a/b: x"), parsed("./opt/a/").mode(0o711), parsed("./opt/a/c: y")];
    assert_eq!(
        corrected(&entries),
        ["./opt/ 755", "./opt/a/ 755", "./opt/a/b: x 644", "./opt/a/c: y 644"],
        "0711 is also opened"
    );
    let entries = [parsed("usr/a/b: x"), parsed("usr/a/").mode(0o1711)];
    assert_eq!(corrected(&entries), ["usr/ 755", "usr/a/ 1711", "usr/a/b: x 644"]);
}

#[test]
fn hard_links_are_copied_from_any_layer_and_those_of_the_system_stay() {
    let lower = vec![parsed("usr/"), parsed("usr/a: one").mode(0o711), parsed("usr/b => usr/a")];
    let upper =
        vec![parsed("opt/"), parsed("opt/c => usr/a"), parsed("opt/s -> c"), parsed("opt/d => opt/s")];
    let (_folder, store) = Store::for_test();
    let Corrected { layers: [before, after], .. } = correct(&RunConfig::default(), &[lower, upper], &store);
    assert_eq!(before[0], after[0]);
    assert_eq!(lines(&after[1]), ["opt/ 755", "opt/c: one 755", "opt/s -> c", "opt/d -> c"]);
}

#[test]
fn what_a_special_file_hides_stays_hidden() {
    let lower = vec![parsed("opt/"), parsed("opt/a: x"), parsed("opt/b: x")];
    let upper = vec![
        entry(EntryType::Char, "opt/a", "", ""),
        parsed("opt/b => opt/a"),
        entry(EntryType::Block, "opt/c", "", ""),
    ];
    let (_folder, store) = Store::for_test();
    let Corrected { layers: [_, after], .. } = correct(&RunConfig::default(), &[lower, upper], &store);
    assert_eq!(lines(&after[1]), ["opt/.wh.a:  644", "opt/.wh.b:  644"]);
}

/// The files and links of an image: their contents by digest, and their targets.
fn contents(files: &ImageFiles) -> BTreeMap<String, String> {
    let entries = files.index.entries().filter_map(|(path, entry)| match entry {
        IndexEntry::File { .. } => {
            let content = files.content(path.as_str()).unwrap().digest.clone().unwrap();
            Some((path.to_string(), content.to_string()))
        }
        IndexEntry::Symlink { target, .. } => Some((path.to_string(), format!("-> {target}"))),
        IndexEntry::Directory { .. } | IndexEntry::Other { .. } => None,
    });
    entries.collect()
}

/// Leaves out entries that make a folder of a file or link of their own layer, or the reverse. Which of the two is meant depends on
/// the order, and no tool writes them.
fn without_changes_of_kind(layer: &mut Vec<TestEntry>) {
    let mut folders: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
    layer.retain(|entry| {
        let name = entry.name.strip_suffix(b"/").unwrap_or(&entry.name);
        let ends = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
        let parents = ends.map(|end| (name[..end].to_vec(), true));
        let own = (name.to_vec(), entry.header.entry_type().is_dir());
        let all: Vec<(Vec<u8>, bool)> = parents.chain([own]).collect();
        let fits =
            all.iter().all(|(path, is_folder)| folders.get(path).is_none_or(|known| known == is_folder));
        if fits {
            folders.extend(all);
        }
        fits
    });
}

proptest! {
    // Few, since the store waits for the disk.
    #![proptest_config(cases(96))]

    #[test]
    fn any_image_is_corrected_and_keeps_its_contents(
        layers in any_layers(),
        modes in vec(prop_oneof![Just(0o755), Just(0o644), Just(0o600), Just(0o700), Just(0o4711)], 48),
        pipes in vec(proptest::option::of(prop_oneof![Just("a"), Just("b"), Just("a-")]), 5),
    ) {
        let (_, mut layers) = image(&layers);
        layers.iter_mut().for_each(without_changes_of_kind);
        let below_opt = |name: &[u8]| [b"opt/", name].concat();
        for (number, entry) in layers.iter_mut().flatten().enumerate() {
            entry.name = below_opt(&entry.name);
            if entry.header.entry_type().is_hard_link() {
                entry.target = below_opt(&entry.target);
            }
            entry.header.set_mode(modes[number % modes.len()]);
        }
        // A link to a pipe goes with it, and an earlier entry of its layer at its path would come to light.
        let targets: BTreeSet<Vec<u8>> = layers.iter().flatten().map(|entry| entry.target.clone()).collect();
        for (layer, pipe) in layers.iter_mut().zip(&pipes) {
            let name = pipe.map(|name| format!("opt/{name}"));
            let name = name.filter(|name| !targets.contains(name.as_bytes()));
            layer.splice(0..0, name.iter().map(|name| entry(EntryType::Fifo, name, "", "")));
        }
        let (_folder, store) = Store::for_test();
        let Corrected { before, after, layers: [_, fixed], .. } = correct(&RunConfig::default(), &layers, &store);
        prop_assert_eq!(contents(&before.0), contents(&after.0));
        let left: Vec<Code> = after.1.iter().map(|finding| finding.code).collect();
        for code in [Code::MissingParent, Code::SpecialFile, Code::ClosedPath] {
            prop_assert!(!left.contains(&code), "{:?}", after.1);
        }
        let mut image = Overlay::default();
        for (layer, facts) in fixed.iter().zip(&after.0.layers) {
            image.add_blob(&layer.blob, &layer.digest, &layer.diff_id, |_, _, _| Ok(())).unwrap();
            for link in &facts.hard_links {
                let node = image.get(link).map(|entry| &entry.node);
                let is_copy = matches!(node, Some(OverlayNode::File(_) | OverlayNode::Symlink(_)));
                prop_assert!(!is_copy, "{} could be copied", link);
            }
        }
    }
}
