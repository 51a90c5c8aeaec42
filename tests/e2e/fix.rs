//! `limg fix` corrects images that other tools have made, and other tools read the result.

use std::os::unix::fs::PermissionsExt as _;

use crate::check::findings;
use crate::support::{Base, Workspace, base, succeed, tool};

/// A location of the open base for Python.
fn python() -> String {
    format!("oci:{}", base(Base::Python311).display())
}

/// Copies an image as skopeo does, which checks all digests.
fn copy(more: &[&str], from: &str, to: &str) {
    succeed(tool("skopeo").args(["--insecure-policy", "copy", "--quiet"]).args(more).args([from, to]));
}

/// Checks that an image has these errors, corrects it, and checks that it has none. Returns the result.
fn corrected(workspace: &Workspace, image: &str, errors: &[&str]) -> String {
    let codes = |image: &str| {
        let (_, found) = findings(workspace, image);
        let errors = found.into_iter().filter(|(_, severity)| severity == "error").map(|(code, _)| code);
        let mut codes: Vec<String> = errors.collect();
        codes.dedup();
        codes
    };
    assert_eq!(codes(image), errors, "{image}");
    let fixed = format!("oci:{}:fixed", workspace.path("fixed").display());
    succeed(&mut workspace.limg(&["fix", image, "-o", &fixed]));
    assert_eq!(codes(&fixed), [""; 0], "{fixed}");
    copy(&[], &fixed, &format!("dir:{}", workspace.path("copied").display()));
    fixed
}

#[test]
#[ignore = "needs skopeo, umoci and the open bases; `make test` runs it"]
fn an_image_of_umoci_in_zstd_is_corrected() {
    let workspace = Workspace::new();
    let layout = |name: &str| workspace.path(name).display().to_string();
    copy(&[], &python(), &format!("oci:{}:umoci", layout("plain")));
    // umoci writes no entries for the folders above what it inserts.
    let code = workspace.write("code/app.py", "def handler(event, context): ...\n");
    std::fs::set_permissions(code, std::fs::Permissions::from_mode(0o600)).unwrap();
    let image = format!("{}:umoci", layout("plain"));
    succeed(
        tool("umoci").args(["insert", "--image", &image]).arg(workspace.path("code")).arg("/opt/deep/code"),
    );
    let zstd = format!("oci:{}:umoci", layout("zstd"));
    copy(&["--dest-compress", "--dest-compress-format", "zstd"], &format!("oci:{image}"), &zstd);
    let fixed = corrected(&workspace, &zstd, &["unsupported-media-type", "missing-parent", "closed-path"]);
    // umoci reads what limg wrote.
    let bundle = workspace.path("bundle");
    let fixed = fixed.strip_prefix("oci:").unwrap();
    succeed(tool("umoci").args(["unpack", "--rootless", "--image", fixed]).arg(&bundle));
    let unpacked = std::fs::metadata(bundle.join("rootfs/opt/deep/code/app.py")).unwrap();
    assert_eq!(unpacked.permissions().mode() & 0o777, 0o644);
}

#[test]
#[ignore = "needs skopeo, buildah and the open bases; `make test` runs it"]
fn an_image_of_buildah_without_compression_is_corrected() {
    let workspace = Workspace::new();
    let buildah = |arguments: &[&str]| {
        let mut command = tool("buildah");
        command.arg("--root").arg(workspace.path("storage")).arg("--runroot").arg(workspace.path("run"));
        succeed(command.args(["--storage-driver", "vfs"]).args(arguments)).text().trim().to_owned()
    };
    let container = buildah(&["from", &python()]);
    let code = workspace.write("code/app.py", "def handler(event, context): ...\n");
    std::fs::set_permissions(code, std::fs::Permissions::from_mode(0o600)).unwrap();
    let code = workspace.path("code").display().to_string();
    buildah(&["copy", &container, &code, "/var/task"]);
    buildah(&["config", "--cmd", "app.handler", &container]);
    let image = format!("oci:{}:buildah", workspace.path("buildah").display());
    buildah(&["commit", "--quiet", "--disable-compression", &container, &image]);
    corrected(&workspace, &image, &["closed-path"]);
    let docker = format!("dir:{}", workspace.path("docker").display());
    buildah(&["commit", "--quiet", "--disable-compression", "--format", "docker", &container, &docker]);
    let archive = format!("docker-archive:{}", workspace.path("docker.tar").display());
    copy(&[], &docker, &archive);
    corrected(&workspace, &archive, &["closed-path"]);
}
