//! Images with small layers, for tests.

use serde_json::json;

use super::{BaseImage, LIMG, Layer};
use crate::project::Architecture;
use crate::store::{Digest, Store};

/// A layer with files: `PATH`, its mode and content. A content `-> TARGET` is that of a link, and a path that ends with a slash
/// is that of a directory.
pub(crate) fn layer(store: &Store, files: &[(&str, u32, &str)]) -> Layer {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, mode, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(*mode);
        header.set_size(0);
        if let Some(target) = content.strip_prefix("-> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, path, target).unwrap();
        } else {
            if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
    }
    let blob = store.add_blob(&tar.into_inner().unwrap()).unwrap();
    let digest = Digest::of(&blob.read().unwrap());
    Layer { digest: digest.clone(), diff_id: digest, size: blob.size, blob }
}

/// An image with layers that limg made, by their names.
pub(crate) fn image(layers: Vec<(&str, Layer)>, command: &str) -> BaseImage {
    let origins = layers.iter().map(|(name, _)| format!("{LIMG}{name}")).collect::<Vec<_>>();
    image_of(origins.into_iter().zip(layers.into_iter().map(|(_, layer)| layer)).collect(), command)
}

/// An image with layers by the commands in its `history`.
pub(crate) fn image_of(layers: Vec<(String, Layer)>, command: &str) -> BaseImage {
    let diff_ids: Vec<_> = layers.iter().map(|(_, layer)| layer.diff_id.as_str()).collect();
    let history: Vec<_> = layers.iter().map(|(origin, _)| json!({ "created_by": origin })).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history, "config": { "Cmd": [command], "Env": ["A=1"] },
    });
    let layers = layers.into_iter().map(|(_, layer)| layer).collect();
    BaseImage::without_manifest(config.to_string().as_bytes(), layers, Architecture::X86_64).unwrap()
}
