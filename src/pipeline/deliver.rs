//! Delivers finished images to OCI layouts, archives and Docker Engines.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::built::Built;
use super::context::{Context, blocking};
use super::error::{BytesError, DeliverError, PipelineError};
use super::layer_bytes::{self, Origin};
use crate::engine::{Engine, LoadedImage};
use crate::fs::{self, FsError};
use crate::image::{Image, Layer};
use crate::layout::{self, LayoutDirectory, LayoutError, NamedImage};
use crate::project::{ImageLocation, Project, split_tag};
use crate::store::Digest;

/// Where images are delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// A layout, an archive or a Docker Engine; never `scratch` or a registry.
    pub location: ImageLocation,
    /// The tag that the user named.
    pub tag: Option<String>,
}

/// An image that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Where it is now, as other tools name it: `oci:DIR:NAME` and so on.
    pub location: String,
}

impl Destination {
    /// The name that a function's image gets here: the destination's own, or else the function's, for Docker
    /// `PROJECT/FUNCTION:TAG`.
    fn name(&self, project: &Project, function: &str) -> String {
        let own = self.location.name().map(str::to_owned);
        let docker =
            matches!(self.location, ImageLocation::DockerArchive(..) | ImageLocation::DockerDaemon(_));
        match own {
            // Not everywhere does Docker read a name without a tag as `latest`.
            Some(own) if docker && split_tag(&own).1.is_none() => {
                format!("{own}:{}", self.tag.as_deref().unwrap_or("latest"))
            }
            Some(own) => own,
            None if docker => docker_name(project, function, self.tag.as_deref()),
            None => self.tag.as_ref().map_or_else(|| function.to_owned(), |tag| format!("{function}:{tag}")),
        }
    }
}

/// The name of a function's image in a Docker Engine: `PROJECT/FUNCTION:TAG`, in lower case as Docker requires.
#[must_use]
pub(crate) fn docker_name(project: &Project, function: &str, tag: Option<&str>) -> String {
    format!("{}/{}:{}", project.name, function.to_lowercase(), tag.unwrap_or("latest"))
}

/// Refuses destinations that cannot be written, before anything is built for them.
pub(super) async fn check(destinations: &[Destination], context: &Context) -> Result<(), PipelineError> {
    for destination in destinations {
        let checked = match &destination.location {
            ImageLocation::Oci(path, _) => layout::check_oci_directory(path).map_err(DeliverError::from),
            ImageLocation::OciArchive(path, _) | ImageLocation::DockerArchive(path, _) => {
                replaceable(path).map(drop).map_err(DeliverError::from)
            }
            ImageLocation::DockerDaemon(_) => {
                Engine::connect(&context.docker).await.map(drop).map_err(DeliverError::from)
            }
            ImageLocation::Scratch | ImageLocation::Registry(_) => Ok(()),
        };
        let destination = || destination.location.to_string();
        checked.map_err(|source| PipelineError::Deliver { destination: destination(), source })?;
    }
    Ok(())
}

/// Whether all destinations are Docker Engines, which need no compressed layers.
pub(super) fn are_engines(destinations: &[Destination]) -> bool {
    let is_engine =
        |destination: &Destination| matches!(destination.location, ImageLocation::DockerDaemon(_));
    !destinations.is_empty() && destinations.iter().all(is_engine)
}

/// Delivers every image to every destination. The result is in the order of the images.
pub(super) async fn deliver(
    project: &Project,
    built: &[Built],
    destinations: &[Destination],
    context: &Context,
) -> Result<Vec<Vec<Delivered>>, PipelineError> {
    let mut delivered = vec![Vec::new(); built.len()];
    let images: Vec<_> = built.iter().map(Deliverable::of).collect();
    for destination in destinations {
        let names: Vec<_> = built.iter().map(|built| destination.name(project, &built.image_name)).collect();
        let failed =
            |source| PipelineError::Deliver { destination: destination.location.to_string(), source };
        deliver_to(&destination.location, &images, &names, context).await.map_err(failed)?;
        for (delivered, name) in delivered.iter_mut().zip(&names) {
            delivered.push(Delivered { location: destination.location.clone().with_name(name).to_string() });
        }
    }
    Ok(delivered)
}

/// Delivers an image whose layers are on this machine to a destination that names it.
pub(super) async fn deliver_local(
    image: Image,
    location: &ImageLocation,
    context: &Context,
) -> Result<(), PipelineError> {
    let name = location.name().unwrap_or_default().to_owned();
    let image = Deliverable { image, origins: BTreeMap::new() };
    let delivered = deliver_to(location, &[image], &[name], context).await;
    delivered.map_err(|source| PipelineError::Deliver { destination: location.to_string(), source })
}

/// An image to deliver.
#[derive(Clone)]
struct Deliverable {
    image: Image,
    /// Where to get the bytes of layers that this machine does not have, by the digests of their blobs.
    origins: BTreeMap<Digest, Origin>,
}

impl Deliverable {
    fn of(Built { image, origins, .. }: &Built) -> Self {
        Self { image: image.clone(), origins: origins.clone() }
    }

    async fn provide(&self, layers: Vec<&Layer>, context: &Context) -> Result<(), BytesError> {
        provide(layers, &self.origins, context).await
    }
}

async fn deliver_to(
    location: &ImageLocation,
    images: &[Deliverable],
    names: &[String],
    context: &Context,
) -> Result<(), DeliverError> {
    if let ImageLocation::DockerDaemon(_) = location {
        let engine = Engine::connect(&context.docker).await?;
        for (image, name) in images.iter().zip(names) {
            load_into(&engine, image, name, context).await?;
        }
        return Ok(());
    }
    let (images, names) = (images.to_vec(), names.to_vec());
    if let ImageLocation::Oci(path, _) = location {
        return deliver_to_layout(path.clone(), images, names, context).await;
    }
    for image in &images {
        image.provide(image.image.unique_blobs(), context).await?;
    }
    let (location, stop) = (location.clone(), Arc::clone(&context.stop));
    blocking(move || write_archive(&location, &images, &names, &stop)).await
}

/// Writes images into a layout, after fetching or making the layers that it lacks. That may take long or fail, so it comes
/// before the layout is created and locked. Then limg looks again: another process may have dropped a layer.
async fn deliver_to_layout(
    path: PathBuf,
    images: Vec<Deliverable>,
    names: Vec<String>,
    context: &Context,
) -> Result<(), DeliverError> {
    for image in &images {
        image.provide(layout::missing_layers(&path, &image.image), context).await?;
    }
    let folder = path.clone();
    let layout = blocking(move || LayoutDirectory::open(&folder).map_err(DeliverError::from)).await?;
    let layout = Arc::new(layout);
    for image in &images {
        if context.verify {
            let (layout, image) = (Arc::clone(&layout), image.image.clone());
            let removed = blocking(move || layout.remove_damaged(&image).map_err(DeliverError::from));
            context.report_damaged(removed.await?);
        }
        image.provide(layout::missing_layers(&path, &image.image), context).await?;
    }
    blocking(move || Ok(layout.write(&named(&images, &names))?)).await
}

/// Loads one image into an engine, after fetching or making the layers that it lacks.
pub(super) async fn load(
    engine: &Engine,
    built: &Built,
    name: &str,
    context: &Context,
) -> Result<LoadedImage, DeliverError> {
    load_into(engine, &Deliverable::of(built), name, context).await
}

async fn load_into(
    engine: &Engine,
    image: &Deliverable,
    name: &str,
    context: &Context,
) -> Result<LoadedImage, DeliverError> {
    let provide = async |layers: Vec<&Layer>| Ok(image.provide(layers, context).await?);
    engine.load(&image.image, name, provide).await
}

impl Built {
    /// Makes sure that the store has the bytes of some of its layers.
    pub(super) async fn provide(&self, layers: Vec<&Layer>, context: &Context) -> Result<(), BytesError> {
        provide(layers, &self.origins, context).await
    }
}

async fn provide(
    layers: Vec<&Layer>,
    origins: &BTreeMap<Digest, Origin>,
    context: &Context,
) -> Result<(), BytesError> {
    let known = layers.into_iter().filter_map(|layer| Some((layer, origins.get(&layer.digest)?)));
    layer_bytes::provide(known, context).await
}

fn named<'a>(images: &'a [Deliverable], names: &'a [String]) -> Vec<NamedImage<'a>> {
    images.iter().zip(names).map(|(image, name)| NamedImage { image: &image.image, name }).collect()
}

fn write_archive(
    location: &ImageLocation,
    images: &[Deliverable],
    names: &[String],
    stop: &AtomicBool,
) -> Result<(), DeliverError> {
    let images = named(images, names);
    match location {
        ImageLocation::OciArchive(path, _) => {
            archive(path, stop, |output| layout::write_oci_archive(&images, output))
        }
        ImageLocation::DockerArchive(path, _) => {
            archive(path, stop, |output| layout::write_docker_archive(&images, &BTreeSet::new(), output))
        }
        ImageLocation::Oci(..)
        | ImageLocation::DockerDaemon(_)
        | ImageLocation::Scratch
        | ImageLocation::Registry(_) => Ok(()),
    }
}

/// Writes an archive under a temporary name and renames it once it is complete.
fn archive(
    path: &Path,
    stop: &AtomicBool,
    write: impl FnOnce(&mut dyn Write) -> Result<(), LayoutError>,
) -> Result<(), DeliverError> {
    let path = &replaceable(path)?;
    let folder = fs::folder_of(path);
    fs::create_dir_all(folder)?;
    fs::remove_abandoned(folder);
    let mut temporary =
        fs::temporary_file(folder).map_err(FsError::because("create a temporary file in", folder))?;
    let output = Interruptible { output: &mut temporary, stop };
    write(&mut BufWriter::with_capacity(1 << 20, output))?;
    fs::persist(temporary, path).map_err(FsError::because("write", path))?;
    Ok(())
}

/// A file whose writing fails once the user has interrupted the build.
struct Interruptible<'a, W> {
    output: W,
    stop: &'a AtomicBool,
}

impl<W: Write> Write for Interruptible<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("the build was interrupted"));
        }
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// The path of an archive, with links resolved. Anything but an earlier archive or an empty file is refused: the rename at the
/// end would replace it.
fn replaceable(path: &Path) -> Result<PathBuf, LayoutError> {
    let refused = |why: &str| LayoutError::Invalid {
        path: path.to_owned(),
        why: why.to_owned(),
        help: "name a file, or a path that does not exist yet".to_owned(),
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            layout::check_replaced_archive(path)?;
            Ok(path.canonicalize().map_err(FsError::because("follow the link", path))?)
        }
        Ok(metadata) if metadata.is_dir() => Err(refused("is a folder")),
        Ok(_) => Err(refused("is not a regular file")),
        Err(_) if path.is_symlink() => Err(refused("is a broken symbolic link")),
        // It does not exist yet; any other failure shows when it is written.
        Err(_) => path.parent().map_or(Ok(()), layout::check_folder).map(|()| path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_archive_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let interrupted = archive(&folder.path().join("a.tar"), &stop, |output| {
            output.write_all(&vec![0; 2 << 20]).map_err(LayoutError::Write)?;
            stop.store(true, Ordering::Relaxed);
            output.write_all(&vec![0; 2 << 20]).map_err(LayoutError::Write)
        });
        assert!(interrupted.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
