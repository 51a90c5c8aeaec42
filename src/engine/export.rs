//! Exporting an image from an engine, as a base.

use std::io;

use futures_util::StreamExt as _;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

use super::connection::is_status;
use super::{Engine, EngineError};
use crate::fs::FsError;
use crate::store::Store;

impl Engine {
    /// Writes the image with this name or id to a temporary file in the store, as `docker save` does. Dropping the file
    /// removes it; [`crate::layout::read_docker_archive`] reads it.
    ///
    /// # Errors
    /// When the engine has no such image or fails, or the store cannot be written.
    pub async fn export(&self, name: &str, store: &Store) -> Result<NamedTempFile, EngineError> {
        let temporary = store.temporary_file()?;
        let path = temporary.path().to_owned();
        let because = |error: io::Error| FsError::because("write", &path)(error);
        let mut file = tokio::fs::File::from_std(temporary.as_file().try_clone().map_err(because)?);
        let mut archive = std::pin::pin!(self.archive_client().export_image(name));
        while let Some(chunk) = archive.next().await {
            let chunk = chunk.map_err(|error| match error {
                error if is_status(&error, 404) => EngineError::NoImage { name: name.to_owned() },
                error => EngineError::call(format!("export the image `{name}`"), error),
            })?;
            file.write_all(&chunk).await.map_err(because)?;
        }
        file.flush().await.map_err(because)?;
        Ok(temporary)
    }
}
