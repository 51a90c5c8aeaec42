//! Delivers finished images: into OCI layouts, archives and the Docker Engine.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Built, BytesError, Context, DeliverError, PipelineError, blocking, layer_bytes};
use crate::engine::{Engine, LoadedImage};
use crate::fs::{self, FsError};
use crate::image::{DockerImage, Layer};
use crate::layout::{self, LayoutError, NamedImage};
use crate::project::{ImageLocation, Project, split_tag};

/// Where images go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The place; never `scratch` or a registry.
    pub location: ImageLocation,
    /// The tag that the user gave.
    pub tag: Option<String>,
}

/// An image that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Where it is now, in the form that other tools take: `oci:DIR:NAME` and so on.
    pub location: String,
}

impl Destination {
    /// The name that a function's image gets here: what the destination itself says, else the function's name, for Docker
    /// `PROJECT/FUNCTION:TAG`.
    fn name(&self, project: &Project, function: &str) -> String {
        let own = match &self.location {
            ImageLocation::Oci(_, name)
            | ImageLocation::OciArchive(_, name)
            | ImageLocation::DockerArchive(_, name)
            | ImageLocation::DockerDaemon(name) => name.clone(),
            ImageLocation::Scratch | ImageLocation::Registry(_) => None,
        };
        let docker =
            matches!(self.location, ImageLocation::DockerArchive(..) | ImageLocation::DockerDaemon(_));
        match own {
            // Docker would read a name without a tag as `latest` only in some places.
            Some(own) if docker && split_tag(&own).1.is_none() => {
                format!("{own}:{}", self.tag.as_deref().unwrap_or("latest"))
            }
            Some(own) => own,
            None if docker => docker_name(project, function, self.tag.as_deref()),
            None => self.tag.as_ref().map_or_else(|| function.to_owned(), |tag| format!("{function}:{tag}")),
        }
    }

    /// The names that the functions' images get here, which are noted as delivered.
    fn names<I>(
        &self,
        project: &Project,
        built: &[Built<I>],
        delivered: &mut [Vec<Delivered>],
    ) -> Vec<String> {
        let names: Vec<String> = built.iter().map(|built| self.name(project, &built.name)).collect();
        for (delivered, name) in delivered.iter_mut().zip(&names) {
            delivered.push(Delivered { location: self.named(name) });
        }
        names
    }

    /// The place with a name in it.
    fn named(&self, name: &str) -> String {
        let name = Some(name.to_owned());
        match &self.location {
            ImageLocation::Oci(path, _) => ImageLocation::Oci(path.clone(), name),
            ImageLocation::OciArchive(path, _) => ImageLocation::OciArchive(path.clone(), name),
            ImageLocation::DockerArchive(path, _) => ImageLocation::DockerArchive(path.clone(), name),
            ImageLocation::DockerDaemon(_) => ImageLocation::DockerDaemon(name),
            other => other.clone(),
        }
        .to_string()
    }
}

/// The name of a function's image in a Docker Engine: `PROJECT/FUNCTION:TAG`, in lower case as Docker wants it.
#[must_use]
pub fn docker_name(project: &Project, function: &str, tag: Option<&str>) -> String {
    format!("{}/{}:{}", project.name, function.to_lowercase(), tag.unwrap_or("latest"))
}

/// Refuses destinations that could not be written, before anything is built for them.
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

/// Whether images go to engines and nowhere else.
pub(super) fn are_engines(destinations: &[Destination]) -> bool {
    let is_engine =
        |destination: &Destination| matches!(destination.location, ImageLocation::DockerDaemon(_));
    !destinations.is_empty() && destinations.iter().all(is_engine)
}

/// Loads every image into an engine, once for each destination. The result is in the order of the images.
pub(super) async fn deliver_to_engines(
    project: &Project,
    built: &[Built<DockerImage>],
    destinations: &[Destination],
    context: &Context,
) -> Result<Vec<Vec<Delivered>>, PipelineError> {
    let mut delivered = vec![Vec::new(); built.len()];
    for destination in destinations {
        let names = destination.names(project, built, &mut delivered);
        let failed =
            |source| PipelineError::Deliver { destination: destination.location.to_string(), source };
        load_all(built, &names, context).await.map_err(failed)?;
    }
    Ok(delivered)
}

/// Delivers every image to every destination. The result is in the order of the images.
pub(super) async fn deliver(
    project: &Project,
    built: Vec<Built>,
    destinations: &[Destination],
    context: &Context,
) -> Result<Vec<Vec<Delivered>>, PipelineError> {
    let mut delivered = vec![Vec::new(); built.len()];
    for destination in destinations {
        let names = destination.names(project, &built, &mut delivered);
        let failed = {
            let destination = destination.location.to_string();
            move |source| PipelineError::Deliver { destination: destination.clone(), source }
        };
        match &destination.location {
            ImageLocation::DockerDaemon(_) => {
                let images: Vec<_> = built.iter().map(for_docker).collect();
                load_all(&images, &names, context).await.map_err(failed)?;
            }
            location => {
                bring(location, &built, context).await.map_err(&failed)?;
                let (location, built) = (location.clone(), built.clone());
                let stop = Arc::clone(&context.stop);
                blocking(move || write(&location, &built, &names, &stop).map_err(failed)).await?;
            }
        }
    }
    Ok(delivered)
}

fn for_docker(built: &Built) -> Built<DockerImage> {
    built.clone().map(|image| DockerImage::from(&image))
}

async fn load_all(
    built: &[Built<DockerImage>],
    names: &[String],
    context: &Context,
) -> Result<(), DeliverError> {
    let engine = Engine::connect(&context.docker).await?;
    for (built, name) in built.iter().zip(names) {
        load(&engine, built, name, context).await?;
    }
    Ok(())
}

/// Puts one image into an engine, bringing here what it lacks.
pub(super) async fn load(
    engine: &Engine,
    built: &Built<DockerImage>,
    name: &str,
    context: &Context,
) -> Result<LoadedImage, DeliverError> {
    let bring = async |layers: Vec<&Layer>| Ok(bring_layers(layers, built, context).await?);
    engine.load(&built.image, name, bring).await
}

/// Brings here the layers that a file or folder needs and does not have.
async fn bring(location: &ImageLocation, built: &[Built], context: &Context) -> Result<(), DeliverError> {
    for built in built {
        if let ImageLocation::Oci(path, _) = location
            && context.verify
        {
            let (path, image) = (path.clone(), built.image.clone());
            let removed = blocking(move || layout::remove_damaged(&path, &image).map_err(DeliverError::from));
            super::tell_damaged(removed.await?, context);
        }
        let layers = match location {
            ImageLocation::Oci(path, _) => layout::missing_layers(path, &built.image),
            _ => built.image.unique_layers(),
        };
        bring_layers(layers, built, context).await?;
    }
    Ok(())
}

async fn bring_layers<I>(layers: Vec<&Layer>, built: &Built<I>, context: &Context) -> Result<(), BytesError> {
    let known = layers.into_iter().filter_map(|layer| Some((layer, built.origins.get(&layer.digest)?)));
    layer_bytes::bring(known, context).await
}

fn write(
    location: &ImageLocation,
    built: &[Built],
    names: &[String],
    stop: &AtomicBool,
) -> Result<(), DeliverError> {
    let images: Vec<_> =
        built.iter().zip(names).map(|(built, name)| NamedImage { image: &built.image, name }).collect();
    match location {
        ImageLocation::Oci(path, _) => Ok(layout::write_oci_directory(path, &images)?),
        ImageLocation::OciArchive(path, _) => {
            archive(path, stop, |output| layout::write_oci_archive(&images, output))
        }
        ImageLocation::DockerArchive(path, _) => {
            let images: Vec<_> = built.iter().map(|built| DockerImage::from(&built.image)).collect();
            let images: Vec<_> =
                images.iter().zip(names).map(|(image, name)| NamedImage { image, name }).collect();
            archive(path, stop, |output| layout::write_docker_archive(&images, &BTreeSet::new(), output))
        }
        ImageLocation::DockerDaemon(_) | ImageLocation::Scratch | ImageLocation::Registry(_) => Ok(()),
    }
}

/// Writes an archive under a temporary name and gives it its own when it is whole.
fn archive(
    path: &Path,
    stop: &AtomicBool,
    write: impl FnOnce(&mut dyn Write) -> Result<(), LayoutError>,
) -> Result<(), DeliverError> {
    let path = &replaceable(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    fs::remove_abandoned(folder);
    let mut temporary =
        fs::temporary_file(folder).map_err(FsError::because("create a temporary file in", folder))?;
    let output = Stoppable { output: &mut temporary, stop };
    write(&mut BufWriter::with_capacity(1 << 20, output))?;
    let persist = || {
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)
    };
    persist().map(drop).map_err(FsError::because("write", path))?;
    Ok(())
}

/// A file that is given up when it is no longer wanted.
struct Stoppable<'a, W> {
    output: W,
    stop: &'a AtomicBool,
}

impl<W: Write> Write for Stoppable<'_, W> {
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

/// The file that an archive is to be: what links lead to. Whatever else is there (a device, were it not refused) would be
/// lost when the archive is given its name.
fn replaceable(path: &Path) -> Result<PathBuf, LayoutError> {
    let refused = |why: &str| LayoutError::Invalid {
        path: path.to_owned(),
        why: why.to_owned(),
        help: "name a file, or one that is not there yet".to_owned(),
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            Ok(path.canonicalize().map_err(FsError::because("follow the link", path))?)
        }
        Ok(metadata) if metadata.is_dir() => Err(refused("is a folder")),
        Ok(_) => Err(refused("is no regular file")),
        Err(_) if path.is_symlink() => Err(refused("is a symbolic link that leads nowhere")),
        // It is not there yet. Any other reason will show when it is written.
        Err(_) => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let given_up = archive(&folder.path().join("a.tar"), &stop, |output| {
            output.write_all(&vec![0; 2 << 20]).map_err(LayoutError::Write)?;
            stop.store(true, Ordering::Relaxed);
            output.write_all(&vec![0; 2 << 20]).map_err(LayoutError::Write)
        });
        assert!(given_up.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
