//! Removes images that newer versions of the same function have replaced, so that they do not fill the disk.

use std::collections::{BTreeMap, HashMap};

use bollard::models::ImageSummary;
use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions};

use super::Engine;

impl Engine {
    /// Removes the images that have all these labels, except for the one with this id. Images with a name stay, since
    /// loading has taken limg's own name from them, and so do those that a container uses. A failure does not matter:
    /// the next call tries again.
    pub async fn remove_superseded(&self, labels: &BTreeMap<String, String>, id: &str) {
        let labels = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let filters = Some(HashMap::from([("label".to_owned(), labels)]));
        let options = ListImagesOptions { filters, ..ListImagesOptions::default() };
        let images = self.docker.list_images(Some(options)).await.unwrap_or_default();
        for image in images.iter().filter(|image| image.id != id && is_nameless(image)) {
            // Without force, the engine refuses to remove what a container uses.
            let options = RemoveImageOptions { force: false, ..RemoveImageOptions::default() };
            drop(self.docker.remove_image(&image.id, Some(options), None).await);
        }
    }
}

/// Whether an image has no tag. Some engines list a placeholder.
fn is_nameless(image: &ImageSummary) -> bool {
    image.repo_tags.iter().all(|tag| tag == "<none>:<none>")
}
