//! `--fetch`: reads a definition, fetches what it needs from AWS, and reads it again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "aws")]
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::args::Reading;
#[cfg(feature = "aws")]
use super::context;
use super::context::ObjectPins;
use super::error::CommandError;
use super::fetch_error::FetchError;
use super::render::Terminal;
use super::settings::Settings;
#[cfg(feature = "aws")]
use crate::aws::{FetchedObject, S3Objects};
use crate::definition::{self, Loaded, Options};
use crate::finding::RemoteValue;
#[cfg(feature = "aws")]
use crate::finding::{S3Object, StoredParameter};
#[cfg(feature = "aws")]
use crate::lock::Lock;
#[cfg(feature = "aws")]
use crate::pipeline::Pinning;

/// How often a definition is read again. A parameter may name a template, which has parameters, and so on.
const ROUNDS: usize = 20;

/// How many requests run at once.
#[cfg(feature = "aws")]
const CONNECTIONS: usize = 4;

/// Reads a definition, and with `--fetch` again until it has all that it needs from AWS.
pub(super) async fn read(
    file: &Path,
    mut options: Options,
    reading: &Reading<'_>,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<(Loaded, ObjectPins), CommandError> {
    let mut pins = ObjectPins::new();
    for _ in 0..ROUNDS {
        let loaded = definition::load(file, &options)?;
        if !reading.arguments.fetch {
            return Ok((loaded, pins));
        }
        let mut missing = loaded.remote_values(reading.functions);
        missing.retain(|value| !options.fetched.has(value));
        if missing.is_empty() {
            return Ok((loaded, pins));
        }
        fetch(missing, &loaded.lock_file, &mut options, &mut pins, reading, settings, terminal).await?;
    }
    Ok((definition::load(file, &options)?, pins))
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "with AWS it waits for the network")]
async fn fetch(
    missing: BTreeSet<RemoteValue>,
    _lock_file: &Path,
    _options: &mut Options,
    _pins: &mut ObjectPins,
    _reading: &Reading<'_>,
    _settings: &Settings,
    _terminal: &Arc<Terminal>,
) -> Result<(), CommandError> {
    match missing.into_iter().next() {
        Some(value) => Err(FetchError::WithoutAws(value).into()),
        None => Ok(()),
    }
}

/// Fetches values, several at once.
#[cfg(feature = "aws")]
async fn fetch(
    missing: BTreeSet<RemoteValue>,
    lock_file: &Path,
    options: &mut Options,
    pins: &mut ObjectPins,
    reading: &Reading<'_>,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<(), CommandError> {
    let profile = reading.profile.map(str::to_owned);
    let aws = context::aws(settings, reading.arguments.region.clone(), profile)?;
    let objects = S3Objects::new(aws.clone(), context::store(settings)?, Arc::<Terminal>::clone(terminal));
    let lock = match reading.pinning {
        Pinning::Renew => Lock::default(),
        Pinning::Add | Pinning::Locked => Lock::read(lock_file).map_err(CommandError::Lock)?,
    };
    let is_locked = reading.pinning == Pinning::Locked;
    let fetched = stream::iter(missing).map(|value| {
        let (aws, objects, lock) = (&aws, &objects, &lock);
        async move {
            Ok(match value {
                RemoteValue::Object(object) => {
                    let pin = lock.object(&object);
                    if is_locked && pin.is_none() {
                        return Err(CommandError::Fetch(FetchError::NotPinned(object)));
                    }
                    let content = objects.fetch(&object, pin).await.map_err(CommandError::Aws)?;
                    Fetched::Object(object, content)
                }
                RemoteValue::Parameter(parameter) => {
                    let value = aws.parameter(&parameter, &**terminal).await.map_err(CommandError::Aws)?;
                    Fetched::Parameter(parameter, value)
                }
            })
        }
    });
    let fetched: Vec<Fetched> = fetched.buffer_unordered(CONNECTIONS).try_collect().await?;
    for value in fetched {
        match value {
            Fetched::Object(object, FetchedObject { blob, sha256 }) => {
                pins.insert(object.clone(), sha256);
                options.fetched.add_object(object, blob.path);
            }
            Fetched::Parameter(parameter, value) => options.fetched.add_parameter(parameter, value),
        }
    }
    Ok(())
}

/// A value that was fetched.
#[cfg(feature = "aws")]
enum Fetched {
    Object(S3Object, FetchedObject),
    Parameter(StoredParameter, String),
}
