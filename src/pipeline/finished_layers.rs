//! Tells of layers while a build goes on, so that they can be on their way before it is done. What is done with them is not
//! decided here.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc::UnboundedSender;

use super::layers::MadeLayer;
use super::{Origin, PipelineError, Planned};
use crate::event::Provenance;
use crate::image::{DockerLayer, Layer};
use crate::store::Digest;

/// A layer that images need and that is there, or can be fetched.
#[derive(Debug)]
pub(super) struct Part {
    /// The functions whose images have it, by their positions.
    pub(super) functions: BTreeSet<usize>,
    pub(super) layer: Layer,
    /// Where its bytes come from if they are not here.
    pub(super) origin: Option<Origin>,
    /// Whether it had to be made.
    pub(super) is_new: bool,
}

/// Tells a listener of the layers of a build, if there is one.
pub(super) struct Teller<'a> {
    listener: Option<&'a UnboundedSender<Part>>,
    /// The functions by the keys of their layers.
    functions: BTreeMap<&'a Digest, BTreeSet<usize>>,
}

impl<'a> Teller<'a> {
    /// `keys` has the keys of each function's layers.
    pub(super) fn new(listener: Option<&'a UnboundedSender<Part>>, keys: &'a [Vec<Digest>]) -> Self {
        let mut functions: BTreeMap<&Digest, BTreeSet<usize>> = BTreeMap::new();
        for (position, keys) in keys.iter().enumerate() {
            for key in keys {
                functions.entry(key).or_default().insert(position);
            }
        }
        Self { listener, functions }
    }

    /// Tells of the layers of the bases.
    ///
    /// # Errors
    /// When nobody listens any more.
    pub(super) fn bases(&self, planned: &[Planned<'_>]) -> Result<(), PipelineError> {
        let mut parts: BTreeMap<&Digest, Part> = BTreeMap::new();
        for (position, Planned { base, .. }) in planned.iter().enumerate() {
            for layer in base.image.layers() {
                let part = || Part {
                    functions: BTreeSet::new(),
                    layer: layer.clone(),
                    origin: base.origin.clone().map(Origin::Registry),
                    is_new: false,
                };
                parts.entry(&layer.digest).or_insert_with(part).functions.insert(position);
            }
        }
        parts.into_values().try_for_each(|part| self.tell(part))
    }

    /// Tells of a layer by its key.
    ///
    /// # Errors
    /// When nobody listens any more.
    pub(super) fn layer<L: Clone + Into<DockerLayer>>(
        &self,
        key: &Digest,
        made: &MadeLayer<L>,
    ) -> Result<(), PipelineError> {
        // Nobody sends plain tars ahead.
        let DockerLayer::Gzip(layer) = made.layer.clone().into() else { return Ok(()) };
        self.tell(Part {
            functions: self.functions.get(key).cloned().unwrap_or_default(),
            layer,
            origin: Some(made.origin.clone()),
            is_new: made.provenance == Provenance::Built,
        })
    }

    fn tell(&self, part: Part) -> Result<(), PipelineError> {
        let sent = self.listener.map_or(Ok(()), |listener| listener.send(part));
        sent.map_err(|_| PipelineError::GivenUp)
    }
}
