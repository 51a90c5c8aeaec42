//! The documents of a service: its definition, and the files that variables name, read when they are first needed.
//!
//! A file stays at its place in memory once it has been read, so that values can borrow from it while others are read.

use std::cell::{Cell, OnceCell};
use std::path::{Component, Path, PathBuf};

use super::references::Work;
use crate::definition::document::{Document, DocumentError};
use crate::fs::{self, FsError, TextError};

/// How many files may be read. Real services name a few, one for each stage or function.
const FILES_AT_MOST: usize = 500;

/// The limit for a file that is taken as text, in bytes: no value that limg needs is longer.
const TEXT_AT_MOST: u64 = 64 * 1024;

/// What a file contains.
#[derive(Debug)]
pub(in crate::definition::serverless) enum FileContent {
    /// YAML or JSON.
    Document(Document),
    /// Any other text, which is the value itself.
    Text(String),
}

/// The outcome of reading a file; nothing if there is none.
pub(in crate::definition::serverless) type FileOutcome = Result<Option<FileContent>, DocumentError>;

/// The definition of a service and the files that its variables name.
pub(in crate::definition::serverless) struct ServiceDocuments {
    definition: Document,
    /// The folder that paths in the definition are relative to.
    folder: PathBuf,
    /// Whether the definition is the state that Serverless records, in which the service is below a key.
    is_state: bool,
    /// The same service with all variables resolved, as Serverless has recorded it.
    recorded: Option<Document>,
    /// Whether what was recorded does not count.
    ignores_recorded: Cell<bool>,
    /// The work that references in the state have caused.
    pub(super) work: Work,
    read: Box<dyn Fn(&Path) -> FileOutcome>,
    files: Link,
}

/// The end of a list of files, or the next of them.
#[derive(Default)]
struct Link(OnceCell<Box<File>>);

struct File {
    path: PathBuf,
    outcome: FileOutcome,
    next: Link,
}

impl ServiceDocuments {
    /// With a function that reads a file, such as [`read_file`].
    pub(in crate::definition::serverless) fn new(
        definition: Document,
        read: impl Fn(&Path) -> FileOutcome + 'static,
    ) -> Self {
        let folder = fs::folder_of(definition.file()).to_owned();
        Self {
            definition,
            folder,
            is_state: false,
            recorded: None,
            ignores_recorded: Cell::default(),
            work: Work::default(),
            read: Box::new(read),
            files: Link::default(),
        }
    }

    /// With the state that Serverless has recorded of the same service, for what variables do not resolve to.
    pub(in crate::definition::serverless) fn with_recorded(self, recorded: Option<Document>) -> Self {
        Self { recorded, ..self }
    }

    /// A state that Serverless has recorded, as the definition of the service in a folder.
    pub(in crate::definition::serverless) fn of_state(state: Document, folder: PathBuf) -> Self {
        Self { folder, is_state: true, ..Self::new(state, |_| Ok(None)) }
    }

    /// The definition itself.
    pub(in crate::definition::serverless) fn definition(&self) -> &Document {
        &self.definition
    }

    /// The folder of the service.
    pub(in crate::definition::serverless) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the definition is the state that Serverless records.
    pub(in crate::definition::serverless) fn is_state(&self) -> bool {
        self.is_state
    }

    /// The state that Serverless has recorded of the service.
    pub(super) fn recorded(&self) -> Option<&Document> {
        if self.is_state {
            return Some(&self.definition);
        }
        self.recorded.as_ref().filter(|_| !self.ignores_recorded.get())
    }

    /// From here on, what was recorded does not count, since it is that of another stage.
    pub(in crate::definition::serverless) fn ignore_recorded(&self) {
        self.ignores_recorded.set(true);
    }

    /// The files that were read so far, the definition first.
    pub(in crate::definition::serverless) fn paths(&self) -> Vec<&Path> {
        let (mut paths, mut next) = (vec![self.definition.file()], self.files.0.get());
        while let Some(file) = next {
            if matches!(file.outcome, Ok(Some(_))) {
                paths.push(&file.path);
            }
            next = file.next.0.get();
        }
        paths
    }

    /// All of them, the definition first: what findings about the service may be about.
    pub(in crate::definition::serverless) fn into_documents(self) -> Vec<Document> {
        let (mut documents, mut next) = (vec![self.definition], self.files.0.into_inner());
        while let Some(file) = next {
            let File { outcome, next: link, .. } = *file;
            if let Ok(Some(FileContent::Document(document))) = outcome {
                documents.push(document);
            }
            next = link.0.into_inner();
        }
        documents
    }

    /// The absolute path of a file that a variable names: relative to the service's folder, wherever the variable is.
    pub(super) fn path_of(&self, relative: &str) -> PathBuf {
        let mut path = self.folder.clone();
        for component in Path::new(relative).components() {
            match component {
                Component::ParentDir => {
                    path.pop();
                }
                Component::Normal(name) => path.push(name),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        path
    }

    /// Reads a file, once; nothing if too many have been read.
    pub(super) fn open(&self, path: &Path) -> Option<&FileOutcome> {
        let mut link = &self.files;
        for _ in 0..FILES_AT_MOST {
            let read = || {
                let outcome = (self.read)(path);
                Box::new(File { path: path.to_owned(), outcome, next: Link::default() })
            };
            let file = link.0.get_or_init(read);
            if file.path == path {
                return Some(&file.outcome);
            }
            link = &file.next;
        }
        None
    }
}

/// Reads a file by its suffix, as Serverless does (guides/variables/file).
pub(in crate::definition::serverless) fn read_file(path: &Path) -> FileOutcome {
    let suffix = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let content = match suffix.as_str() {
        "yml" | "yaml" | "json" | "tfstate" => Document::read(path).map(FileContent::Document),
        _ => match fs::read_text(path, TEXT_AT_MOST) {
            Ok(text) => Ok(FileContent::Text(text)),
            Err(TextError::Fs(error)) => Err(DocumentError::Fs(error)),
            Err(TextError::TooLarge { path: file, at_most }) => {
                Err(DocumentError::TooLarge { file, at_most })
            }
            Err(TextError::NotUtf8 { path: file }) => Err(DocumentError::NotUtf8 { file }),
        },
    };
    match content {
        Err(DocumentError::Fs(FsError { source, .. })) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        content => content.map(Some),
    }
}
