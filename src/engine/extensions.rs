//! The extensions of a container: which files are started as such, and what they want that the emulator does not have.
//!
//! The emulator answers a subscription to telemetry or logs with status 202 and sends nothing, and its log tells nothing of
//! that, at any level (rapi/router.go). What is left is to look at the files: a
//! program that subscribes has the path of the API in it.

use std::io::{self, Read};

use bollard::query_parameters::DownloadFromContainerOptions;
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::container::Container;
use super::emulator_log::Registrations;

/// Where extensions are, and all that belongs to them (Lambda developer guide, runtimes-extensions-api).
const EXTENSIONS: &str = "/opt/extensions";

/// The root of layers, where a script that is an extension has its program.
const ROOT: &str = "/opt";

/// The APIs that the emulator only pretends to have, and what a program that calls them has in it.
const APIS: [(&str, &[u8]); 2] =
    [("Telemetry API", b"2022-07-01/telemetry"), ("Logs API", b"2020-08-15/logs")];

/// How many pieces of an archive may wait to be read.
const WAITING: usize = 8;

/// The bytes of a file that are looked at at once.
const PIECE: usize = 64 * 1024;

/// A file that wants what it gets in Lambda only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscriber {
    /// Its path in the container.
    pub file: String,
    /// The API that it calls.
    pub api: &'static str,
}

/// The files in the folder of extensions.
#[derive(Debug, Default)]
struct Files {
    names: Vec<String>,
    /// Whether there is a script or a link among them: the program is somewhere else.
    is_elsewhere: bool,
    subscribers: Vec<Subscriber>,
}

impl Container<'_> {
    /// The files of extensions that call what the emulator does not have. An engine that does not show its files tells of
    /// none: advice is not worth failing for.
    pub(super) async fn subscribers(&self) -> Vec<Subscriber> {
        let files = self.look(EXTENSIONS).await.unwrap_or_default();
        if !files.subscribers.is_empty() || !files.is_elsewhere {
            return files.subscribers;
        }
        self.look(ROOT).await.unwrap_or_default().subscribers
    }

    /// What kept the function from being started, where that was an extension that did not register.
    pub(super) async fn unregistered(&self, registrations: &Registrations) -> Option<String> {
        let files = self.look(EXTENSIONS).await?;
        unregistered(&files.names, registrations)
    }

    /// Looks through a folder of the container.
    async fn look(&self, folder: &'static str) -> Option<Files> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let looking = tokio::task::spawn_blocking(move || {
            look(tar::Archive::new(Pieces { receiver, piece: Bytes::new() }), folder)
        });
        let options = DownloadFromContainerOptions { path: folder.to_owned() };
        let mut archive = std::pin::pin!(self.docker.download_from_container(&self.id, Some(options)));
        while let Some(Ok(piece)) = archive.next().await {
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        drop(sender);
        looking.await.ok()?.ok()
    }
}

/// Looks through the archive of a folder.
fn look(mut archive: tar::Archive<impl Read>, folder: &str) -> io::Result<Files> {
    let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
    let mut files = Files::default();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let file = format!("{above}/{}", String::from_utf8_lossy(&entry.path_bytes()));
        let is_extension = file.strip_prefix(EXTENSIONS).is_some_and(|below| below.rfind('/') == Some(0));
        if is_extension {
            files.names.extend(file.rsplit('/').next().map(str::to_owned));
        }
        let is_link = entry.header().entry_type().is_symlink();
        let (begins, apis) = contents(&mut entry)?;
        files.is_elsewhere |= is_extension && (is_link || begins == *b"#!");
        files.subscribers.extend(apis.into_iter().map(|api| Subscriber { file: file.clone(), api }));
    }
    files.subscribers.sort();
    Ok(files)
}

/// The first two bytes of a file, and which APIs it has the path of.
fn contents(file: &mut impl Read) -> io::Result<([u8; 2], Vec<&'static str>)> {
    let longest = APIS.iter().map(|(_, path)| path.len()).max().unwrap_or_default();
    let (mut begins, mut is_first) = ([0; 2], true);
    let mut apis = Vec::new();
    let mut window = Vec::with_capacity(PIECE + longest);
    loop {
        // A path may lie across two pieces.
        let kept = window.len().min(longest);
        window.drain(..window.len() - kept);
        if file.by_ref().take(PIECE as u64).read_to_end(&mut window)? == 0 {
            return Ok((begins, apis));
        }
        if std::mem::take(&mut is_first) && window.len() >= begins.len() {
            begins.copy_from_slice(&window[..2]);
        }
        for (api, path) in APIS {
            if !apis.contains(&api) && memchr::memmem::find(&window, path).is_some() {
                apis.push(api);
            }
        }
    }
}

/// Which of the extensions `names` did not register, as a sentence.
fn unregistered(names: &[String], registrations: &Registrations) -> Option<String> {
    let missing: Vec<_> = names.iter().filter(|name| !registrations.done.contains(name)).collect();
    let others: Vec<_> = registrations.tried.iter().filter(|name| !names.contains(name)).collect();
    let list =
        |names: &[&String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (noun, pronoun) = match missing.len() {
        0 => return None,
        1 => ("extension", "it"),
        _ => ("extensions", "they"),
    };
    let told =
        format!("the {noun} {} did not register, so that the function was not even started", list(&missing));
    Some(if others.is_empty() {
        format!("{told}; {pronoun} must POST to /2020-01-01/extension/register")
    } else {
        format!("{told}; {} tried to: the name must be that of the file, with its suffix", list(&others))
    })
}

/// Reads what comes in pieces.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            archive.append_data(&mut header, path, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn subscribers_are_found_by_the_path_of_the_api() {
        let mut across = vec![b'x'; PIECE - 5];
        across.extend(b"/2022-07-01/telemetry");
        let archive = archive(&[
            ("extensions/", b""),
            ("extensions/a", b"\x7fELF http://%s/2022-07-01/telemetry and 2020-08-15/logs"),
            ("extensions/b.sh", b"#!/bin/sh\nexec /opt/b/b\n"),
            ("extensions/parts/", b""),
            ("extensions/parts/c", &across),
            ("extensions/d", b""),
            ("extensions/e", b"2022-07-01 telemetry"),
        ]);
        let files = look(tar::Archive::new(archive.as_slice()), EXTENSIONS).unwrap();
        assert_eq!(files.names, ["a", "b.sh", "d", "e"]);
        assert!(files.is_elsewhere);
        let found: Vec<_> =
            files.subscribers.iter().map(|subscriber| (subscriber.file.as_str(), subscriber.api)).collect();
        let expected = [
            ("/opt/extensions/a", "Logs API"),
            ("/opt/extensions/a", "Telemetry API"),
            ("/opt/extensions/parts/c", "Telemetry API"),
        ];
        assert_eq!(found, expected);
        assert!(look(tar::Archive::new(&archive[..600]), EXTENSIONS).is_err());
    }

    #[test]
    fn the_program_of_a_link_is_elsewhere() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, "extensions/a", "/opt/a/a").unwrap();
        let archive = archive.into_inner().unwrap();
        let files = look(tar::Archive::new(archive.as_slice()), EXTENSIONS).unwrap();
        assert!(files.is_elsewhere && files.names == ["a"], "{files:?}");
    }

    #[test]
    fn an_extension_that_did_not_register_is_named() {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let cases = [
            (own(&["a"]), own(&["a"]), own(&["a"]), None),
            (own(&["a", "b"]), own(&["a"]), own(&["a"]), Some("the extension `b` did not")),
            (own(&["a", "b"]), own(&[]), own(&[]), Some("the extensions `a`, `b` did not")),
            (own(&["b.sh"]), own(&[]), own(&["b"]), Some("`b` tried to")),
        ];
        for (names, done, tried, expected) in cases {
            let told = unregistered(&names, &Registrations { done, tried });
            assert_eq!(told.is_some(), expected.is_some(), "{told:?}");
            assert!(expected.is_none_or(|words| told.as_deref().unwrap().contains(words)), "{told:?}");
        }
    }
}
