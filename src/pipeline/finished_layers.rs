//! Finished layers, and how they are announced while a build goes on: they can be pushed before it ends, and large ones before
//! they are finished. What is done with them is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::base::LoadedBase;
use super::error::PipelineError;
use super::layer_bytes::Origin;
use crate::event::Provenance;
use crate::image::{ImageLayer, Layer};
use crate::store::{Digest, GrowingBlob, Growth};

/// A layer that was made or found.
#[derive(Clone)]
pub(super) struct MadeLayer {
    pub(super) layer: ImageLayer,
    pub(super) provenance: Provenance,
    /// Where to get its bytes if the store does not have them.
    pub(super) origin: Origin,
    /// The encoder, if its blob depends on its tar alone.
    pub(super) encoder: Option<&'static str>,
}

/// An announced layer: a blob that images need.
#[derive(Debug)]
pub(super) struct FinishedLayer {
    /// The functions whose images contain it, by their positions.
    pub(super) functions: BTreeSet<usize>,
    pub(super) layer: Layer,
    /// Where to get its bytes if the store does not have them.
    pub(super) origin: Option<Origin>,
    /// Whether this build made it.
    pub(super) is_new: bool,
}

/// A layer whose making has begun.
#[derive(Debug)]
pub(super) struct BegunLayer {
    /// The functions whose images will contain it, by their positions.
    pub(super) functions: BTreeSet<usize>,
    /// What it contains.
    pub(super) name: String,
    pub(super) blob: GrowingBlob,
}

/// What a build announces.
#[derive(Debug)]
pub(super) enum Announcement {
    Begun(BegunLayer),
    Finished(FinishedLayer),
}

/// Announces the layers of a build to a receiver, if there is one.
pub(super) struct Announcer<'a> {
    sender: Option<&'a UnboundedSender<Announcement>>,
    /// The functions that use a layer, by its key.
    functions: BTreeMap<&'a Digest, BTreeSet<usize>>,
    /// The size of its files, in bytes, from which a layer is announced when its making begins; none: never.
    begun_from: Option<u64>,
}

impl<'a> Announcer<'a> {
    /// `keys` are those of the layers of each function. Layers with files of at least `begun_from` bytes, if there is a number,
    /// are announced when their making begins.
    pub(super) fn new(
        sender: Option<&'a UnboundedSender<Announcement>>,
        keys: &'a [Vec<Digest>],
        begun_from: Option<u64>,
    ) -> Self {
        let mut functions: BTreeMap<&Digest, BTreeSet<usize>> = BTreeMap::new();
        for (position, keys) in keys.iter().enumerate() {
            for key in keys {
                functions.entry(key).or_default().insert(position);
            }
        }
        Self { sender, functions, begun_from }
    }

    /// Announces that a layer of this key, name and size of its files is being made, if that is worth knowing. Gives what shows
    /// its growth then.
    ///
    /// # Errors
    /// When the receiver is closed.
    pub(super) fn begin(
        &self,
        key: &Digest,
        name: &str,
        size: u64,
    ) -> Result<Option<Arc<Growth>>, PipelineError> {
        if self.sender.is_none() || self.begun_from.is_none_or(|from| size < from) {
            return Ok(None);
        }
        let (growth, blob) = Growth::new(None);
        let functions = self.functions.get(key).cloned().unwrap_or_default();
        self.send(Announcement::Begun(BegunLayer { functions, name: name.to_owned(), blob }))?;
        Ok(Some(Arc::new(growth)))
    }

    /// Announces the layers of the functions' bases.
    ///
    /// # Errors
    /// When the receiver is closed.
    pub(super) fn base_layers<'b>(
        &self,
        bases: impl Iterator<Item = &'b LoadedBase>,
    ) -> Result<(), PipelineError> {
        let mut layers: BTreeMap<&Digest, FinishedLayer> = BTreeMap::new();
        for (position, base) in bases.enumerate() {
            for layer in base.image.layers() {
                let finished = || FinishedLayer {
                    functions: BTreeSet::new(),
                    layer: layer.clone(),
                    origin: base.origin.clone().map(Origin::Registry),
                    is_new: false,
                };
                layers.entry(&layer.digest).or_insert_with(finished).functions.insert(position);
            }
        }
        layers.into_values().try_for_each(|layer| self.send(Announcement::Finished(layer)))
    }

    /// Announces a layer by its key.
    ///
    /// # Errors
    /// When the receiver is closed.
    pub(super) fn layer(&self, key: &Digest, made: &MadeLayer) -> Result<(), PipelineError> {
        // Plain tars are not pushed.
        let ImageLayer::Blob(layer) = &made.layer else { return Ok(()) };
        self.send(Announcement::Finished(FinishedLayer {
            functions: self.functions.get(key).cloned().unwrap_or_default(),
            layer: layer.clone(),
            origin: Some(made.origin.clone()),
            is_new: made.provenance == Provenance::Built,
        }))
    }

    fn send(&self, announcement: Announcement) -> Result<(), PipelineError> {
        let sent = self.sender.map_or(Ok(()), |sender| sender.send(announcement));
        sent.map_err(|_| PipelineError::Cancelled)
    }
}
