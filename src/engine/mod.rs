//! stub
use crate::image::Image;
use crate::store::Store;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct EngineError;
pub struct Engine;
pub struct Loaded {
    pub sent: u64,
}
impl Engine {
    pub async fn connect() -> Result<Self, EngineError> {
        Err(EngineError)
    }
    pub async fn export(&self, _: &str, _: &Store) -> Result<tempfile::NamedTempFile, EngineError> {
        Err(EngineError)
    }
    pub async fn load(&self, _: &Image, _: &str) -> Result<Loaded, EngineError> {
        Err(EngineError)
    }
}
