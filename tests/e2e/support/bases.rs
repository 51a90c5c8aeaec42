//! What takes long to build: once, under a lock, for all tests.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use super::command::succeed;
use super::image::Image;
use super::repository;

/// An open base image of this repository.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base {
    Python311,
    Nodejs18,
    Nodejs22,
    Ruby31,
    Java17,
    DotnetCore31,
    ProvidedAl2023,
    ProvidedAl2023Arm64,
}

impl Base {
    /// Its name in `base-images/debian/bases`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python311 => "python3.11",
            Self::Nodejs18 => "nodejs18.x",
            Self::Nodejs22 => "nodejs22.x",
            Self::Ruby31 => "ruby3.1",
            Self::Java17 => "java17",
            Self::DotnetCore31 => "dotnetcore3.1",
            Self::ProvidedAl2023 => "provided.al2023",
            Self::ProvidedAl2023Arm64 => "provided.al2023-arm64",
        }
    }

    /// The id of the Lambda runtime whose contract it has.
    pub(crate) fn contract(self) -> &'static str {
        match self {
            // Lambda never had Ruby 3.1.
            Self::Ruby31 => "ruby3.2",
            // Lambda no longer has .NET Core 3.1.
            Self::DotnetCore31 => "dotnet8",
            Self::ProvidedAl2023Arm64 => Self::ProvidedAl2023.name(),
            _ => self.name(),
        }
    }
}

/// Builds a base unless it exists. Its script has its own lock.
pub(crate) fn base(base: Base) -> PathBuf {
    let mut build = Command::new(repository().join("base-images/debian/build"));
    match base.name().strip_suffix("-arm64") {
        Some(name) => build.args([name, "--arch", "arm64"]),
        None => build.arg(base.name()),
    };
    succeed(&mut build);
    layout_of(base)
}

/// The OCI layout of a base.
pub(crate) fn layout_of(base: Base) -> PathBuf {
    repository().join("target/bases").join(base.name())
}

/// Compiles the programs of `examples/static-binary`.
pub(crate) fn build_static_binary() {
    let _lock = lock("static-binary");
    let mut build = Command::new(repository().join("examples/static-binary/build.sh"));
    // The variables that cargo sets describe limg, not the example.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_") && name != "CARGO_HOME" {
            build.env_remove(name.as_ref());
        }
    }
    succeed(build.env("CARGO_TARGET_DIR", repository().join("target/examples/static-binary")));
}

/// AWS's runtime interface emulator, from a base.
pub(crate) fn emulator() -> PathBuf {
    const NAME: &str = "usr/local/bin/aws-lambda-rie";
    let image = Image::of_layout(&base(Base::ProvidedAl2023), None);
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("aws-lambda-rie-{}", &image.digest[7..23]));
    let _lock = lock("emulator");
    if path.exists() {
        return path;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let new = folder.path().join("rie");
    std::fs::write(&new, image.read(NAME)).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(new, &path).unwrap();
    path
}

/// Waits for a lock that all tests share. Dropping the file releases it.
pub(crate) fn lock(name: &str) -> File {
    let file = File::create(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.lock"))).unwrap();
    file.lock().unwrap();
    file
}
