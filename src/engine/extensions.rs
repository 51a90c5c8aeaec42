//! The extensions in a container: which files they are, and which of them use APIs that the emulator lacks.
//!
//! The emulator accepts a subscription to telemetry or logs with status 202, sends nothing and logs nothing about it,
//! at any level (rapi/router.go). Only the files show it: a program that subscribes contains the path of the API.

use std::io::{self, Read};

use bollard::query_parameters::DownloadFromContainerOptions;
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::container::Container;
use super::emulator_log::Registrations;
use crate::files::TarEntries;

/// The folder of extensions and their files (Lambda developer guide, runtimes-extensions-api).
const EXTENSIONS: &str = "/opt/extensions";

/// The folder of layers, where an extension that is a script has its program.
const LAYERS: &str = "/opt";

/// The APIs that the emulator accepts requests to but does not implement, and a text in every program that uses them.
const APIS: [(&str, &[u8]); 2] =
    [("Telemetry API", b"2022-07-01/telemetry"), ("Logs API", b"2020-08-15/logs")];

/// How many chunks of an archive may wait to be read.
const QUEUE: usize = 8;

/// The bytes of a file that are searched at once.
const WINDOW: usize = 64 * 1024;

/// A file that uses an API that only Lambda has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TelemetrySubscriber {
    /// Its path in the container.
    pub file: String,
    /// The name of the API.
    pub api: &'static str,
}

/// What a search of a folder found.
#[derive(Debug, Default)]
struct FoundExtensions {
    names: Vec<String>,
    /// Whether one of them is a script or a link, whose program is in another folder.
    has_programs_elsewhere: bool,
    subscribers: Vec<TelemetrySubscriber>,
}

impl Container<'_> {
    /// The files of extensions that use APIs that the emulator lacks. None if the engine does not provide the files: a
    /// hint is not worth an error.
    pub(super) async fn telemetry_subscribers(&self) -> Vec<TelemetrySubscriber> {
        let found = self.search(EXTENSIONS).await.unwrap_or_default();
        if !found.subscribers.is_empty() || !found.has_programs_elsewhere {
            return found.subscribers;
        }
        self.search(LAYERS).await.unwrap_or_default().subscribers
    }

    /// The help for a function that was not started because an extension did not register.
    pub(super) async fn unregistered_help(&self, registrations: &Registrations) -> Option<String> {
        let found = self.search(EXTENSIONS).await?;
        unregistered_help(&found.names, registrations)
    }

    /// Searches a folder of the container.
    async fn search(&self, folder: &'static str) -> Option<FoundExtensions> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let searching = tokio::task::spawn_blocking(move || {
            search(TarEntries::new(ChannelReader { receiver, chunk: Bytes::new() }), folder)
        });
        let options = DownloadFromContainerOptions { path: folder.to_owned() };
        let mut archive = std::pin::pin!(self.docker.download_from_container(&self.id, Some(options)));
        while let Some(Ok(chunk)) = archive.next().await {
            if sender.send(chunk).await.is_err() {
                break;
            }
        }
        drop(sender);
        searching.await.ok()?.ok()
    }
}

/// Searches the archive of a folder.
fn search(mut archive: TarEntries<impl Read>, folder: &str) -> io::Result<FoundExtensions> {
    let parent = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    let mut found = FoundExtensions::default();
    while let Some(entry) = archive.next_entry()? {
        if entry.kind.is_dir() {
            continue;
        }
        let file = format!("{parent}/{}", entry.name);
        let is_extension = file.strip_prefix(EXTENSIONS).is_some_and(|below| below.rfind('/') == Some(0));
        if is_extension {
            found.names.extend(file.rsplit('/').next().map(str::to_owned));
        }
        let is_link = entry.kind.is_symlink();
        let (start, apis) = scan(&mut archive)?;
        found.has_programs_elsewhere |= is_extension && (is_link || start == *b"#!");
        found.subscribers.extend(apis.into_iter().map(|api| TelemetrySubscriber { file: file.clone(), api }));
    }
    found.subscribers.sort();
    Ok(found)
}

/// The first two bytes of a file, and the APIs whose path it contains.
fn scan(file: &mut impl Read) -> io::Result<([u8; 2], Vec<&'static str>)> {
    let longest = APIS.iter().map(|(_, path)| path.len()).max().unwrap_or_default();
    let (mut start, mut is_first) = ([0; 2], true);
    let mut apis = Vec::new();
    let mut window = Vec::with_capacity(WINDOW + longest);
    loop {
        // A path may be split across two reads.
        let kept = window.len().min(longest);
        window.drain(..window.len() - kept);
        if file.by_ref().take(WINDOW as u64).read_to_end(&mut window)? == 0 {
            return Ok((start, apis));
        }
        if std::mem::take(&mut is_first) && window.len() >= start.len() {
            start.copy_from_slice(&window[..2]);
        }
        for (api, path) in APIS {
            if !apis.contains(&api) && memchr::memmem::find(&window, path).is_some() {
                apis.push(api);
            }
        }
    }
}

/// The help that names those of the extensions `names` that did not register, if there are any.
fn unregistered_help(names: &[String], registrations: &Registrations) -> Option<String> {
    let missing: Vec<_> = names.iter().filter(|name| !registrations.external.contains(name)).collect();
    let others: Vec<_> = registrations.attempted.iter().filter(|name| !names.contains(name)).collect();
    let list =
        |names: &[&String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (noun, pronoun) = match missing.len() {
        0 => return None,
        1 => ("extension", "it"),
        _ => ("extensions", "they"),
    };
    let problem = format!("the {noun} {} did not register, so the function was not started", list(&missing));
    Some(if others.is_empty() {
        format!("{problem}; {pronoun} must POST to /2020-01-01/extension/register")
    } else {
        format!(
            "{problem}; {} tried to, but the name must be that of the file, with its suffix",
            list(&others)
        )
    })
}

/// Reads the chunks that a channel receives.
struct ChannelReader {
    receiver: mpsc::Receiver<Bytes>,
    chunk: Bytes,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
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
            header.set_mode(0o755);
            if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            archive.append_data(&mut header, path, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn subscribers_are_found_by_the_path_of_an_api() {
        let mut across = vec![b'x'; WINDOW - 5];
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
        let found = search(TarEntries::new(archive.as_slice()), EXTENSIONS).unwrap();
        assert_eq!(found.names, ["a", "b.sh", "d", "e"]);
        assert!(found.has_programs_elsewhere);
        let subscribers: Vec<_> =
            found.subscribers.iter().map(|subscriber| (subscriber.file.as_str(), subscriber.api)).collect();
        let expected = [
            ("/opt/extensions/a", "Logs API"),
            ("/opt/extensions/a", "Telemetry API"),
            ("/opt/extensions/parts/c", "Telemetry API"),
        ];
        assert_eq!(subscribers, expected);
        assert!(search(TarEntries::new(&archive[..600]), EXTENSIONS).is_err());
    }

    #[test]
    fn a_name_of_any_length_takes_no_memory() {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_size(200 << 20);
        header.set_cksum();
        let name = std::io::repeat(b'x').take(200 << 20);
        let found = search(TarEntries::new(Read::chain(&header.as_bytes()[..], name)), EXTENSIONS);
        assert_eq!(found.unwrap_err().to_string(), "a name or attribute is larger than 1 MiB");
    }

    #[test]
    fn the_program_of_a_link_is_in_another_folder() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        archive.append_link(&mut header, "extensions/a", "/opt/a/a").unwrap();
        let archive = archive.into_inner().unwrap();
        let found = search(TarEntries::new(archive.as_slice()), EXTENSIONS).unwrap();
        assert!(found.has_programs_elsewhere && found.names == ["a"], "{found:?}");
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
        for (names, external, attempted, expected) in cases {
            let help = unregistered_help(&names, &Registrations { external, attempted });
            assert_eq!(help.is_some(), expected.is_some(), "{help:?}");
            assert!(expected.is_none_or(|words| help.as_deref().unwrap().contains(words)), "{help:?}");
        }
    }
}
