//! The documents of a service: its definition, and the files that variables name, read when they are first needed.
//!
//! A file stays at its place in memory once it has been read, so that values can borrow from it while others are read.

use std::cell::OnceCell;
use std::path::{Component, Path, PathBuf};

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
        Self { definition, read: Box::new(read), files: Link::default() }
    }

    /// The definition itself.
    pub(in crate::definition::serverless) fn definition(&self) -> &Document {
        &self.definition
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

    /// The absolute path of a file that a variable names: relative to the definition's folder, wherever the variable is.
    pub(super) fn path_of(&self, relative: &str) -> PathBuf {
        let mut path = fs::folder_of(self.definition.file()).to_owned();
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
