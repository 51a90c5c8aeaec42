//! The memory that a build takes does not grow with what is built.

use std::fs::File;
use std::io::{Read as _, Write as _};

use crate::support::{Workspace, succeed, tool};

const MEGABYTE: u64 = 1 << 20;

/// Runs a program and says how much memory it held at most, in KiB, as the kernel counted it.
const MEASURE: &str = "
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
";

/// Builds a function with a layer of this size into these destinations; gives the peak in bytes.
fn peak(size: u64, destinations: &[&str]) -> u64 {
    let workspace = Workspace::new();
    workspace.write_program("code/bootstrap", "#!/nothing\n");
    workspace.write(
        "limg.yaml",
        "project: memory\n\
         bases: { nothing: { image: scratch, contract: provided.al2023 } }\n\
         layers: { large: { path: layer } }\n\
         functions: { f: { runtime: nothing, code: code, layers: [large] } }\n",
    );
    // Some that cannot be compressed, so that the blob is large too; the rest a hole.
    let mut file = File::create(workspace.write("layer/large", "")).unwrap();
    let noise = std::io::copy(&mut File::open("/dev/urandom").unwrap().take(size / 8), &mut file).unwrap();
    file.flush().unwrap();
    file.set_len(size).unwrap();
    assert_eq!(noise, size / 8);

    let limg = workspace.limg(&["build"]);
    let mut measured = tool("python3");
    measured.args(["-c", MEASURE]).arg(limg.get_program()).args(limg.get_args());
    for destination in destinations {
        measured.args(["-o", destination]);
    }
    measured.current_dir(limg.get_current_dir().unwrap());
    measured.envs(limg.get_envs().filter_map(|(name, value)| Some((name, value?))));
    succeed(&mut measured).text().trim().parse::<u64>().unwrap() * 1024
}

#[test]
#[ignore = "needs Python; `make test` runs it"]
fn a_large_layer_takes_no_more_memory_than_a_small_one() {
    let destinations = ["oci:images", "oci-archive:f.oci.tar", "docker-archive:f.docker.tar"];
    let small = peak(MEGABYTE, &destinations);
    let large = peak(600 * MEGABYTE, &destinations);
    eprintln!("peak: {} KiB for 1 MiB, {} KiB for 600 MiB", small / 1024, large / 1024);
    assert!(large < small + 25 * MEGABYTE, "{small} bytes for 1 MiB, {large} bytes for 600 MiB");
    assert!(large < 100 * MEGABYTE, "{large} bytes");
}
