//! The Python of a base image, for sources that no Python of this machine can compile.
//!
//! It runs only if the user allows that, and only on Linux on its own architecture. Nothing of this machine is shared with it:
//! it starts with its own loader and libraries, from a temporary folder of the store. That folder has regular files only,
//! found by following the links of the image inside the image. It is not a sandbox: the program may do what the user may.

use std::collections::BTreeMap;

use tokio::runtime::Handle;

use super::base::LoadedBase;
use super::context::Context;
use super::error::{BaseError, PipelineError};
use super::layer_bytes;
use crate::bytecode::{BasePython, BytecodeError, Interpreter, PythonVersion, Unpacked};
use crate::event::Event;
use crate::extract::{self, ExtractError};
use crate::files::{Overlay, OverlayFile, OverlayNode};
use crate::project::{Architecture, ImagePath};
use crate::tree::IMAGE_SIZE_LIMIT;

/// Where Python may be installed: AWS's base images, what is built from source, and Linux distributions. The error for a base
/// without one lists them, too.
const PREFIXES: [&str; 3] = ["/var/lang", "/usr/local", "/usr"];

/// The folders of the libraries of Python that no program needs to compile.
const NOT_NEEDED: [&str; 4] = ["site-packages", "dist-packages", "test", "__pycache__"];

/// The folder of the shared libraries and the loader, below the temporary folder.
const LIBRARIES: &str = "libraries";

/// Unpacks the Python of a base, whose layers are fetched if the store lacks them, to compile the sources of the layer `name`.
/// This blocks.
pub(super) fn unpack(
    base: &LoadedBase,
    version: PythonVersion,
    architecture: Architecture,
    name: &str,
    context: &Context,
) -> Result<Interpreter, PipelineError> {
    let line = format!("unpacking Python {version} of the base image `{}` to run it", base.name);
    context.reporter.report(Event::Program { line });
    let files = files(base, version, architecture, context)
        .map_err(|source| PipelineError::Base { base: base.name.clone(), source })?;
    let why = |base| {
        let source = BytecodeError::NoInterpreter { version, base };
        PipelineError::Bytecode { name: name.to_owned(), source }
    };
    let unpacked = files.ok_or_else(|| why(BasePython::Missing(base.name.clone())))?;
    let interpreter = Interpreter::of_base(unpacked, version);
    let interpreter = interpreter.ok_or_else(|| why(BasePython::Unusable(base.name.clone())))?;
    context.base_programs.keep(base.image.config_digest(), version, interpreter.clone());
    Ok(interpreter)
}

/// Unpacks what Python needs to compile, if the base has a Python of the version.
fn files(
    base: &LoadedBase,
    version: PythonVersion,
    architecture: Architecture,
    context: &Context,
) -> Result<Option<Unpacked>, BaseError> {
    let layers = base.image.layers();
    if let Some(origin) = &base.origin {
        let layers = layers.iter().map(|layer| (layer, origin));
        Handle::current().block_on(layer_bytes::fetch(layers, context))?;
    }
    let image = extract::view(layers)?;
    let Some(Chosen { interpreter, program, loader, files }) = choose(&image, version, architecture) else {
        return Ok(None);
    };
    let size = files.values().map(|file| file.size).fold(0, u64::saturating_add);
    if size > IMAGE_SIZE_LIMIT {
        return Err(ExtractError::TooLarge { path: interpreter, size }.into());
    }
    let folder = context.store.temporary_folder()?;
    extract::unpack(layers, &files, folder.path())?;
    Ok(Some(Unpacked {
        folder,
        loader: loader.relative().to_owned(),
        libraries: LIBRARIES,
        program: program.relative().to_owned(),
        name: format!("`{interpreter}` of the base image `{}`", base.name),
    }))
}

/// What is unpacked of an image.
struct Chosen {
    /// Where the image has its Python.
    interpreter: ImagePath,
    /// The place of the program below the folder.
    program: ImagePath,
    /// The place of the loader.
    loader: ImagePath,
    /// All files by their places.
    files: BTreeMap<ImagePath, OverlayFile>,
}

/// Chooses Python, its standard library, its loader, and all shared libraries that it might load. Nothing if the image has no
/// Python of the version, or no loader of glibc.
///
/// Python looks for its standard library in the folders above its own, so that it works in any folder.
fn choose(image: &Overlay, version: PythonVersion, architecture: Architecture) -> Option<Chosen> {
    let mut paths = PREFIXES.iter().map(|prefix| path(&format!("{prefix}/bin/python{version}")));
    let (interpreter, (real, program)) =
        paths.find_map(|path| Some((path.clone()?, file(image, path.as_ref()?)?)))?;
    // A link in /var/lang may lead to the Python of a distribution.
    let prefix = real.folder().rsplit_once('/').map_or("", |(prefix, _)| prefix);
    let (loader, multiarch) = match architecture {
        Architecture::X86_64 => ("/lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"),
        Architecture::Arm64 => ("/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu"),
    };
    let (_, loader_file) = file(image, &path(loader)?)?;
    let loader = path(&format!("/{LIBRARIES}/{}", path(loader)?.name()))?;
    let place = path(&format!("/bin/python{version}"))?;
    let mut files = BTreeMap::from([(place.clone(), program.clone()), (loader.clone(), loader_file.clone())]);
    for name in ["lib", "lib64"] {
        let of_python = format!("{name}/python{version}");
        add(image, &format!("{prefix}/{of_python}"), &mut files, |relative| {
            let is_needed = !relative.split('/').any(|name| NOT_NEEDED.contains(&name));
            is_needed.then(|| format!("/{of_python}/{relative}"))
        });
    }
    let of_prefix = ["lib", "lib64"].map(|name| format!("{prefix}/{name}"));
    let of_system = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(str::to_owned);
    let of_architecture = ["/lib", "/usr/lib"].map(|folder| format!("{folder}/{multiarch}"));
    for folder in of_prefix.into_iter().chain(of_system).chain(of_architecture) {
        add(image, &folder, &mut files, |name| {
            let has_version = name.contains(".so.");
            let is_library = has_version || name.rsplit_once('.').is_some_and(|(_, ending)| ending == "so");
            (is_library && !name.contains('/')).then(|| format!("/{LIBRARIES}/{name}"))
        });
    }
    Some(Chosen { interpreter, program: place, loader, files })
}

/// Adds files below a folder of the image, which may be a link, at the places that `place` gives their relative paths. The first
/// file of a place stays.
fn add(
    image: &Overlay,
    folder: &str,
    files: &mut BTreeMap<ImagePath, OverlayFile>,
    place: impl Fn(&str) -> Option<String>,
) {
    let Some(folder) = path(folder).and_then(|folder| image.resolve(&folder)) else { return };
    for (from, _) in image.below(folder.as_str()) {
        let to = place(&from.as_str()[folder.as_str().len() + 1..]).and_then(|place| path(&place));
        if let Some(to) = to
            && let Some((_, found)) = file(image, from)
        {
            files.entry(to).or_insert_with(|| found.clone());
        }
    }
}

/// The file that a path of the image leads to, and where it is. Sparse files have not their whole content in the archive.
fn file<'i>(image: &'i Overlay, path: &ImagePath) -> Option<(&'i ImagePath, &'i OverlayFile)> {
    let real = image.resolve(path)?;
    match &image.get(real.as_str())?.node {
        OverlayNode::File(file) if !file.is_sparse => Some((real, file)),
        _ => None,
    }
}

fn path(text: &str) -> Option<ImagePath> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::fixture::{parsed, tar};
    use crate::files::tests::overlay_of;

    /// The places of what is chosen of an image of these entries, each with the place of its content in the layer.
    fn chosen(entries: &[&str]) -> Option<Vec<(String, u32)>> {
        let tar = tar(&entries.iter().map(|text| parsed(text)).collect::<Vec<_>>());
        let version = PythonVersion::of("python3.11").unwrap();
        let Chosen { files, program, loader, .. } =
            choose(&overlay_of(&[&tar]), version, Architecture::X86_64)?;
        assert_eq!(program.as_str(), "/bin/python3.11");
        assert!(files.contains_key(&program) && files.contains_key(&loader));
        Some(files.into_iter().map(|(place, file)| (place.to_string(), file.origin.entry)).collect())
    }

    fn places(expected: &[(&str, u32)]) -> Vec<(String, u32)> {
        expected.iter().map(|(place, entry)| ((*place).to_owned(), *entry)).collect()
    }

    #[test]
    fn python_is_chosen_with_its_library_its_loader_and_shared_libraries() {
        let of_aws = [
            "var/lang/bin/python3.11",
            "var/lang/lib/libpython3.11.so.1.0",
            "var/lang/lib/python3.11/os.py",
            "var/lang/lib/python3.11/__pycache__/os.cpython-311.pyc",
            "var/lang/lib/python3.11/lib-dynload/resource.so",
            "var/lang/lib/python3.11/site-packages/six.py",
            "lib64 -> usr/lib64",
            "usr/lib64/ld-linux-x86-64.so.2",
            "usr/lib64/libc.so.6",
            "usr/lib64/gconv/X.so",
            "usr/bin/python3.11",
            "usr/lib/python3.11/os.py",
            "var/task/app.py",
        ];
        let expected = [
            ("/bin/python3.11", 0),
            ("/lib/python3.11/lib-dynload/resource.so", 4),
            ("/lib/python3.11/os.py", 2),
            ("/libraries/ld-linux-x86-64.so.2", 7),
            ("/libraries/libc.so.6", 8),
            ("/libraries/libpython3.11.so.1.0", 1),
        ];
        assert_eq!(chosen(&of_aws).unwrap(), places(&expected));
        let of_debian = [
            "var/lang/bin/python3.11 -> /usr/bin/python3.11",
            "usr/bin/python3.11",
            "usr/lib/python3.11/os.py",
            "lib -> usr/lib",
            "lib64 -> usr/lib64",
            "usr/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            "usr/lib/x86_64-linux-gnu/libz.so.1 -> libz.so.1.2",
            "usr/lib/x86_64-linux-gnu/libz.so.1.2",
        ];
        let expected = [
            ("/bin/python3.11", 1),
            ("/lib/python3.11/os.py", 2),
            ("/libraries/ld-linux-x86-64.so.2", 6),
            ("/libraries/libz.so.1", 8),
            ("/libraries/libz.so.1.2", 8),
        ];
        assert_eq!(chosen(&of_debian).unwrap(), places(&expected));
    }

    #[test]
    fn links_lead_only_to_files_of_the_image() {
        let loader = "lib64/ld-linux-x86-64.so.2";
        let hostile = [
            "usr/bin/python3.11",
            "usr/lib/python3.11/os.py -> ../../../../../../etc/passwd",
            "usr/lib/python3.11/up -> ../../../..",
            "usr/lib/python3.11/loop.py -> loop.py",
            "usr/lib/python3.11/missing.py -> /etc/shadow",
            "usr/lib/libhome.so -> /root/.ssh/id_rsa",
            "etc/passwd",
            loader,
        ];
        let expected =
            [("/bin/python3.11", 0), ("/lib/python3.11/os.py", 6), ("/libraries/ld-linux-x86-64.so.2", 7)];
        assert_eq!(chosen(&hostile).unwrap(), places(&expected));
        assert_eq!(chosen(&["usr/bin/python3.11 -> /proc/self/exe", loader]), None);
        assert_eq!(chosen(&["usr/bin/python3.11/", loader]), None);
        assert_eq!(chosen(&["usr/bin/python3.12", loader]), None, "another version");
        assert_eq!(chosen(&["usr/bin/python3.11", "lib/ld-musl-x86_64.so.1"]), None, "not glibc");
    }
}
