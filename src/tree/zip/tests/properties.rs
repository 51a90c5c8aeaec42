//! Properties of any archive.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::fixture::{NewEntry, Zip, archive, file, link, shown};
use crate::project::{ImagePath, Source, SourceKind};
use crate::tree::{Node, Tree};

#[derive(Debug, Clone)]
enum GeneratedNode {
    Directory,
    Link(String),
    File { content: Vec<u8>, executable: bool, stored: bool },
}

fn generated_node() -> impl Strategy<Value = GeneratedNode> {
    prop_oneof![
        Just(GeneratedNode::Directory),
        "[a-z]{1,9}".prop_map(GeneratedNode::Link),
        (vec(any::<u8>(), 0..3000), any::<bool>(), any::<bool>())
            .prop_map(|(content, executable, stored)| GeneratedNode::File { content, executable, stored }),
    ]
}

/// Nodes at paths of any names, at most three deep, with only directories above other nodes.
fn generated_tree() -> impl Strategy<Value = BTreeMap<String, GeneratedNode>> {
    let name = prop_oneof!["[a-c]", "[ -.0-~äß漢]{1,12}"].prop_filter("plain", |name| {
        !name.starts_with('.') && !name.contains(':') && !name.contains("limgignore")
    });
    btree_map(vec(name, 1..4).prop_map(|names| names.join("/")), generated_node(), 0..20).prop_map(
        |mut nodes| {
            let paths: Vec<_> = nodes.keys().cloned().collect();
            for path in &paths {
                for (end, _) in path.match_indices('/') {
                    if nodes.get(&path[..end]).is_some_and(|above| !matches!(above, GeneratedNode::Directory))
                    {
                        nodes.insert(path[..end].to_owned(), GeneratedNode::Directory);
                    }
                }
            }
            nodes
        },
    )
}

/// Writes a tree with the `zip` crate, which shares no code with the reader.
fn written(nodes: &BTreeMap<String, GeneratedNode>) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().system(::zip::System::Unix);
    for (path, made) in nodes {
        match made {
            GeneratedNode::Directory => writer.add_directory(path.as_str(), options).unwrap(),
            GeneratedNode::Link(target) => writer.add_symlink(path, target, options).unwrap(),
            GeneratedNode::File { content, executable, stored } => {
                let method = if *stored {
                    ::zip::CompressionMethod::Stored
                } else {
                    ::zip::CompressionMethod::Deflated
                };
                let mode = if *executable { 0o755 } else { 0o600 };
                writer.start_file(path, options.compression_method(method).unix_permissions(mode)).unwrap();
                writer.write_all(content).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

/// Loads any bytes and reads all files. Nothing may panic, be outside the root, or have another size than declared.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    let zip = Zip::new(bytes);
    let Ok(tree) = zip.load() else { return Ok(()) };
    for (path, node) in tree.iter() {
        prop_assert!(path.is_below("/opt"), "{path}");
        prop_assert!(path.as_str().parse::<ImagePath>().is_ok_and(|plain| plain == *path));
        prop_assert!(path.ancestors().all(|above| matches!(tree.get(&above), None | Some(Node::Directory))));
        if let Node::File(file) = node {
            let mut content = Vec::new();
            let read = file.content.open().map(|reader| reader.take(1 << 20).read_to_end(&mut content));
            if matches!(read, Ok(Ok(_))) {
                prop_assert_eq!(content.len() as u64, file.size.min(1 << 20));
            }
        }
    }
    Ok(())
}

fn sample() -> Vec<u8> {
    let entries: [NewEntry; 6] = [
        file("d/a", "some content that is deflated, deflated, deflated").deflated(),
        file("d/b", "stored"),
        link("d/l", "a"),
        file("w\\x", "#!/bin/sh").made_on(0, 0),
        file("t", "").with_extra(0x5455, &[1, 0, 0, 0, 1]).with_extra(0x7075, &[1, 2, 3, 4, 5, 6]),
        file(".limgignore", "*.log"),
    ];
    archive(&entries)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_tree_survives_the_way_through_a_zip(nodes in generated_tree()) {
        let zip = Zip::new(&written(&nodes));
        let tree: Tree = zip.load().map_err(|error| TestCaseError::fail(error.to_string()))?;
        let expected: BTreeMap<_, _> = nodes.iter().map(|(path, made)| {
            let node = match made {
                GeneratedNode::Directory => "d".to_owned(),
                GeneratedNode::Link(target) => format!("> {target}"),
                GeneratedNode::File { content, executable, .. } => {
                    format!("{} {}", if *executable { 'x' } else { '-' }, content.escape_ascii())
                }
            };
            (path.clone(), node)
        }).collect();
        prop_assert_eq!(shown(&tree).into_iter().collect::<BTreeMap<_, _>>(), expected);
        prop_assert!(tree.adjustments().is_empty());
    }

    #[test]
    fn a_directory_and_its_zip_have_the_same_files(
        nodes in generated_tree(),
        ignored in vec("!?/?[a-c*]{1,2}/?", 0..3),
        exclude in vec("!?/?[a-c*]{1,2}/?", 0..3),
    ) {
        // Only names that a directory on any machine can have.
        let is_portable = |path: &str| path.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'/');
        let mut nodes: BTreeMap<_, _> = nodes.into_iter().filter(|(path, _)| is_portable(path)).collect();
        let content = ignored.join("\n").into_bytes();
        let patterns = GeneratedNode::File { content, executable: false, stored: false };
        nodes.insert(".limgignore".to_owned(), patterns.clone());
        if matches!(nodes.get("a"), None | Some(GeneratedNode::Directory)) {
            nodes.insert("a/.limgignore".to_owned(), patterns);
        }
        let folder = tempfile::tempdir().unwrap();
        for (path, made) in &nodes {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match made {
                GeneratedNode::Directory => std::fs::create_dir_all(path).unwrap(),
                GeneratedNode::File { content, .. } => std::fs::write(path, content).unwrap(),
                GeneratedNode::Link(_) => {}
            }
        }
        let source = Source::new(folder.path().to_owned(), SourceKind::Directory);
        let source = Source { exclude: exclude.clone(), ..source };
        let files = |tree: &Tree| {
            let files = tree.iter().filter(|(_, node)| matches!(node, Node::File(_)));
            files.map(|(path, _)| path.to_string()).collect::<Vec<_>>()
        };
        let zip = Zip::new(&written(&nodes));
        let exclude: Vec<_> = exclude.iter().map(String::as_str).collect();
        let from_directory = Tree::load(&source, &"/opt".parse().unwrap()).unwrap();
        prop_assert_eq!(files(&zip.load_without(&exclude).unwrap()), files(&from_directory));
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..500)) {
        survives(&bytes)?;
    }

    #[test]
    fn damaged_archives_are_survived(
        changes in vec((any::<Index>(), prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(b'/'), Just(b'.')]), 1..8),
        cut in any::<Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = sample();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        if cuts {
            let _rest = bytes.split_off(cut.index(bytes.len()));
        }
        survives(&bytes)?;
    }
}

#[test]
fn every_single_damaged_byte_is_survived() {
    let whole = sample();
    for at in 0..whole.len() {
        for byte in [0, 1, 0x80, 0xff, b'/', b'.', whole[at] ^ 0x20] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            survives(&bytes).unwrap();
        }
    }
}
