//! A build's use of memory does not grow with the size of layers.

use std::fs::File;
use std::io::{Read as _, Write as _};

use crate::support::{Registry, Workspace, succeed, tool};

const MEGABYTE: u64 = 1 << 20;

/// Runs a program and prints its peak memory in KiB, as counted by the kernel.
const MEASURE: &str = "
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
";

/// Writes an archive whose entries begin with noise and continue with zeros. The arguments are its path, the size of
/// the noise, and the sizes of the entries.
const ARCHIVE: &str = "
import os, sys, zipfile
path, noise, *sizes = sys.argv[1], *map(int, sys.argv[2:])
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    for number, size in enumerate(sizes):
        with archive.open(f'file-{number}', 'w') as entry:
            entry.write(os.urandom(noise))
            for start in range(noise, size, 1 << 20):
                entry.write(bytes(min(1 << 20, size - start)))
";

/// Writes a file of this size: some noise, so that the blob is large too, and a hole.
fn write_file(workspace: &Workspace, size: u64) {
    let mut file = File::create(workspace.write("layer/large", "")).unwrap();
    let noise = std::io::copy(&mut File::open("/dev/urandom").unwrap().take(size / 8), &mut file).unwrap();
    file.flush().unwrap();
    file.set_len(size).unwrap();
    assert_eq!(noise, size / 8);
}

/// Writes an archive with entries of these sizes, each with so much noise.
fn write_archive(workspace: &Workspace, noise: u64, sizes: &[u64]) {
    let mut python = tool("python3");
    python.args(["-c", ARCHIVE]).arg(workspace.path("layer.zip")).arg(noise.to_string());
    succeed(python.args(sizes.iter().map(u64::to_string)));
}

/// Builds a function with the layer at that path to these destinations. Returns the peak memory in bytes.
fn peak(layer: &str, write: impl FnOnce(&Workspace), destinations: &[&str]) -> u64 {
    let workspace = Workspace::new();
    workspace.write_program("code/bootstrap", "#!/nothing\n");
    workspace.write(
        "limg.yaml",
        format!(
            "project: memory\n\
             bases: {{ nothing: {{ image: scratch, contract: provided.al2023 }} }}\n\
             layers: {{ large: {{ path: {layer} }} }}\n\
             functions: {{ f: {{ runtime: nothing, code: code, layers: [large] }} }}\n"
        ),
    );
    write(&workspace);
    let outputs = destinations.iter().flat_map(|destination| ["-o", destination]);
    peak_of(&workspace, &["build"].into_iter().chain(outputs).collect::<Vec<_>>())
}

/// Runs limg. Returns its peak memory in bytes.
fn peak_of(workspace: &Workspace, arguments: &[&str]) -> u64 {
    let limg = workspace.limg(arguments);
    let mut measured = tool("python3");
    measured.args(["-c", MEASURE]).arg(limg.get_program()).args(limg.get_args());
    measured.current_dir(limg.get_current_dir().unwrap());
    measured.envs(limg.get_envs().filter_map(|(name, value)| Some((name, value?))));
    succeed(&mut measured).text().trim().parse::<u64>().unwrap() * 1024
}

/// Pushes a function with a layer of this size, on a base with a layer as large in another registry. Returns the peak memory
/// in bytes.
fn peak_of_push(size: u64) -> u64 {
    let (workspace, registry, other) = (Workspace::new(), Registry::start(), Registry::start());
    workspace.write_program("code/bootstrap", "#!/nothing\n");
    let define = |name: &str, base: &str| {
        workspace.write(
            "limg.yaml",
            format!(
                "project: memory\n\
                 bases: {{ nothing: {{ image: \"{base}\", contract: provided.al2023 }} }}\n\
                 layers: {{ large: {{ path: layer }} }}\n\
                 functions: {{ {name}: {{ runtime: nothing, code: code, layers: [large] }} }}\n"
            ),
        );
        write_file(&workspace, size);
    };
    define("base", "scratch");
    succeed(&mut workspace.limg(&["push", "registry", &other.address]));
    define("f", &format!("{}/base:latest", other.address));
    // Another one, so that nothing is found in the store.
    std::fs::remove_dir_all(workspace.path("store")).unwrap();
    peak_of(&workspace, &["push", "registry", &registry.address])
}

#[test]
#[ignore = "needs Python and docker-registry; `make test` runs it"]
fn a_push_of_large_layers_needs_as_little_memory_as_one_of_small_layers() {
    let (small, large) = (peak_of_push(MEGABYTE), peak_of_push(400 * MEGABYTE));
    eprintln!("peak: {} KiB for 1 MiB, {} KiB for 400 MiB", small / 1024, large / 1024);
    assert!(large < small + 25 * MEGABYTE, "{small} bytes for 1 MiB, {large} bytes for 400 MiB");
    assert!(large < 100 * MEGABYTE, "{large} bytes");
}

#[test]
#[ignore = "needs Python; `make test` runs it"]
fn a_large_layer_needs_as_little_memory_as_a_small_one() {
    let destinations = ["oci:images", "oci-archive:f.oci.tar", "docker-archive:f.docker.tar"];
    let peak = |size| peak("layer", |workspace| write_file(workspace, size), &destinations);
    let (small, large) = (peak(MEGABYTE), peak(600 * MEGABYTE));
    eprintln!("peak: {} KiB for 1 MiB, {} KiB for 600 MiB", small / 1024, large / 1024);
    assert!(large < small + 25 * MEGABYTE, "{small} bytes for 1 MiB, {large} bytes for 600 MiB");
    assert!(large < 100 * MEGABYTE, "{large} bytes");
}

#[test]
#[ignore = "needs Python; `make test` runs it"]
fn a_large_archive_needs_as_little_memory_as_a_small_one() {
    // Entries whose deflate stream is reused as a whole, and one whose stream is split.
    let sizes = [&[MEGABYTE; 300][..], &[300 * MEGABYTE]].concat();
    let peak = |noise, sizes: &[u64]| {
        peak("layer.zip", |workspace| write_archive(workspace, noise, sizes), &["oci:images"])
    };
    let (small, large) = (peak(1000, &[MEGABYTE]), peak(MEGABYTE / 8, &sizes));
    eprintln!("peak: {} KiB for 1 MiB, {} KiB for 600 MiB", small / 1024, large / 1024);
    assert!(large < small + 60 * MEGABYTE, "{small} bytes for 1 MiB, {large} bytes for 600 MiB");
    assert!(large < 100 * MEGABYTE, "{large} bytes");
}
