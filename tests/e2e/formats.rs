//! Other tools read every format in which limg writes images, and limg reads every format of bases.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{
    Base, Docker, EngineSocket, Entry, Files, Image, Registry, Workspace, assert_same, base, docker, listing,
    sha256, succeed, tool, unique, without_owners,
};

/// Runs skopeo, which must succeed, without the machine's policy.
fn skopeo(arguments: &[&str]) -> Vec<u8> {
    let mut command = tool("skopeo");
    succeed(command.arg("--insecure-policy").args(arguments)).stdout
}

fn umoci(arguments: &[&str]) {
    succeed(tool("umoci").args(arguments));
}

/// A workspace with a small base, the layout `base`, and a function `f` of a layer and two files of code.
///
/// umoci makes the base: two images, `amd64` and `arm64`, with two layers each.
struct Project {
    workspace: Workspace,
    name: String,
}

const BOOTSTRAP: &[u8] = b"#!/bin/sh\nexit 1\n";

impl Project {
    fn new(name: &str) -> Self {
        Self::named(unique(name))
    }

    fn named(name: String) -> Self {
        let workspace = Workspace::new();
        workspace.write_program("code/bootstrap", BOOTSTRAP);
        workspace.write("code/data.json", "{}");
        workspace.write("layer/python/words.py", "WORDS = 3\n");
        workspace.write_program("layer/bin/tool", "#!/bin/sh\n");
        symlink("../python/words.py", workspace.path("layer/bin/words")).unwrap();
        let project = Self { workspace, name };
        project.make_base();
        project.stand_on("oci:base:amd64");
        project
    }

    fn make_base(&self) {
        let workspace = &self.workspace;
        workspace.write("below/etc/os-release", "ID=below\n");
        workspace.write_program("below/usr/bin/program", "#!/nothing\n");
        symlink("usr/bin", workspace.path("below/bin")).unwrap();
        fs::create_dir_all(workspace.path("below/var/task")).unwrap();
        fs::create_dir_all(workspace.path("below/srv/secret")).unwrap();
        fs::set_permissions(workspace.path("below/srv/secret"), fs::Permissions::from_mode(0o711)).unwrap();
        workspace.write("above/os-release", "ID=above\n");
        let base = workspace.path("base").display().to_string();
        umoci(&["init", "--layout", &base]);
        for architecture in ["amd64", "arm64"] {
            let image = format!("{base}:{architecture}");
            workspace.write("below/etc/machine", architecture);
            umoci(&["new", "--image", &image]);
            for (source, place) in [("below", "/"), ("above", "/etc")] {
                let source = workspace.path(source).display().to_string();
                umoci(&["insert", "--rootless", "--image", &image, &source, place]);
            }
            umoci(&[
                "config",
                "--image",
                &image,
                "--architecture",
                architecture,
                "--os",
                "linux",
                "--config.env",
                "FROM_BASE=yes",
                "--config.label",
                "kept=yes",
                "--config.workingdir",
                "/srv",
            ]);
        }
        // Removes what intermediate steps have left, so that the layout has only the two images.
        umoci(&["gc", "--layout", &base]);
    }

    /// Writes the definition, with the function on this base.
    fn stand_on(&self, image: &str) {
        self.stand_on_for(image, "x86_64");
    }

    fn stand_on_for(&self, image: &str, architecture: &str) {
        let definition = json!({
            "project": self.name,
            "bases": { "small": { "image": image, "contract": "provided.al2023" } },
            "layers": { "data": { "path": "layer" } },
            "functions": { "f": {
                "runtime": "small", "code": "code", "layers": ["data"], "architecture": architecture,
                "environment": { "STAGE": "test" },
            } },
        });
        // JSON is YAML.
        self.workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
    }

    fn path(&self, relative: &str) -> String {
        self.workspace.path(relative).display().to_string()
    }

    /// Builds to one destination and returns the function's report.
    fn build(&self, destination: &str) -> Value {
        self.workspace.build(&["-o", destination])["f"].take()
    }

    /// The expected files of the image, without owners.
    fn expected(&self) -> Files {
        let mut files = self.own();
        let base = [
            ("bin", Entry::link("usr/bin")),
            ("etc", Entry::folder(0o755)),
            ("etc/machine", Entry::file(0o644, b"amd64")),
            ("etc/os-release", Entry::file(0o644, b"ID=above\n")),
            ("srv", Entry::folder(0o755)),
            ("srv/secret", Entry::folder(0o711)),
            ("usr", Entry::folder(0o755)),
            ("usr/bin", Entry::folder(0o755)),
            ("usr/bin/program", Entry::file(0o755, b"#!/nothing\n")),
        ];
        files.extend(base.map(|(path, entry)| (path.to_owned(), entry)));
        files
    }

    /// The files of the function and its layer.
    #[expect(clippy::unused_self, reason = "they belong to the project")]
    fn own(&self) -> Files {
        let own = [
            ("opt", Entry::folder(0o755)),
            ("opt/bin", Entry::folder(0o755)),
            ("opt/bin/tool", Entry::file(0o755, b"#!/bin/sh\n")),
            ("opt/bin/words", Entry::link("../python/words.py")),
            ("opt/python", Entry::folder(0o755)),
            ("opt/python/words.py", Entry::file(0o644, b"WORDS = 3\n")),
            ("var", Entry::folder(0o755)),
            ("var/task", Entry::folder(0o755)),
            ("var/task/bootstrap", Entry::file(0o755, BOOTSTRAP)),
            ("var/task/data.json", Entry::file(0o644, b"{}")),
        ];
        own.map(|(path, entry)| (path.to_owned(), entry)).into()
    }

    /// Checks the config of the function's image.
    fn check_config(&self, config: &Value) {
        let environment: Vec<&str> =
            config["Env"].as_array().unwrap().iter().map(|variable| variable.as_str().unwrap()).collect();
        assert!(
            environment.contains(&"FROM_BASE=yes") && environment.contains(&"STAGE=test"),
            "{environment:?}"
        );
        assert_eq!(config["Entrypoint"], json!(["/var/task/bootstrap"]), "{}", self.name);
        assert_eq!(config["WorkingDir"], "/var/task");
        assert_eq!(config["Labels"]["kept"], "yes");
    }
}

/// The digests of a function's own layers.
fn own_layers(function: &Value) -> Vec<String> {
    function["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].to_string()).collect()
}

#[test]
#[ignore = "needs skopeo, umoci and docker-registry; `make test` runs it"]
fn an_oci_layout_is_read_by_skopeo_and_umoci_and_survives_a_registry() {
    let project = Project::new("layout");
    let built = project.build("oci:images");
    let digest = built["digest"].as_str().unwrap();
    let source = format!("oci:{}:f", project.path("images"));
    assert_eq!(built["destinations"], json!([source]));

    let raw = skopeo(&["inspect", "--raw", &source]);
    assert_eq!(format!("sha256:{}", sha256(&raw)), digest);
    let image = Image::of_layout(&project.workspace.path("images"), Some("f"));
    assert_eq!(image.digest, digest);
    project.check_config(&image.config["config"]);
    assert_same("limg", &without_owners(&image.files()), "the sources", &project.expected());

    let bundle = project.path("bundle");
    umoci(&["unpack", "--rootless", "--image", &format!("{}:f", project.path("images")), &bundle]);
    assert_same("umoci", &listing(&Path::new(&bundle).join("rootfs")), "the sources", &project.expected());

    let registry = Registry::start();
    let remote = format!("docker://{}/e2e/f:v1", registry.address);
    skopeo(&["copy", "--dest-tls-verify=false", &source, &remote]);
    assert_eq!(skopeo(&["inspect", "--raw", "--tls-verify=false", &remote]), raw);
    skopeo(&["copy", "--src-tls-verify=false", &remote, &format!("oci:{}:f", project.path("back"))]);
    assert_eq!(Image::of_layout(&project.workspace.path("back"), Some("f")).digest, digest);
}

#[test]
#[ignore = "needs skopeo and umoci; `make test` runs it"]
fn several_builds_add_images_to_one_oci_layout() {
    let project = Project::new("layout-again");
    let first = project.build("oci:images:one");
    project.workspace.write("code/data.json", "[]");
    let second = project.build("oci:images:two");
    assert_ne!(first["digest"], second["digest"]);
    for (name, built) in [("one", &first), ("two", &second)] {
        let raw = skopeo(&["inspect", "--raw", &format!("oci:{}:{name}", project.path("images"))]);
        assert_eq!(built["digest"], format!("sha256:{}", sha256(&raw)));
    }
    // The same name now belongs to the new image.
    project.build("oci:images:one");
    let image = Image::of_layout(&project.workspace.path("images"), Some("one"));
    assert_eq!(second["digest"], image.digest);
}

#[test]
#[ignore = "needs skopeo and umoci; `make test` runs it"]
fn an_oci_archive_is_read_by_skopeo() {
    let project = Project::new("oci-archive");
    let built = project.build("oci-archive:f.tar");
    let source = format!("oci-archive:{}:f", project.path("f.tar"));
    let raw = skopeo(&["inspect", "--raw", &source]);
    assert_eq!(built["digest"], format!("sha256:{}", sha256(&raw)));
    skopeo(&["copy", &source, &format!("oci:{}:f", project.path("back"))]);
    let image = Image::of_layout(&project.workspace.path("back"), Some("f"));
    assert_eq!(built["digest"], image.digest);
    assert_same("skopeo", &without_owners(&image.files()), "the sources", &project.expected());
    let again = project.workspace.path("again.tar");
    project.build("oci-archive:again.tar");
    assert_eq!(fs::read(again).unwrap(), fs::read(project.workspace.path("f.tar")).unwrap());
}

#[test]
#[ignore = "needs skopeo, umoci and Docker; `make test` runs it"]
fn a_docker_archive_is_read_by_docker_and_skopeo() {
    let docker_images = Docker::new("docker-archive");
    let project = Project::named(docker_images.prefix.clone());
    let built = project.build("docker-archive:f.tar");
    succeed(docker().args(["load", "--input", &project.path("f.tar")]));
    let loaded = docker_images.inspect("f");
    // Not by id: in containerd, that is the digest of a manifest that the engine generates.
    let layers: Vec<&Value> = loaded["RootFS"]["Layers"].as_array().unwrap().iter().collect();
    let own: Vec<&Value> =
        built["layers"].as_array().unwrap().iter().map(|layer| &layer["diff_id"]).collect();
    assert_eq!(layers[layers.len() - own.len()..], own);
    assert_eq!(loaded["Architecture"], "amd64");
    project.check_config(&loaded["Config"]);

    let source = format!("docker-archive:{}:{}", project.path("f.tar"), docker_images.name("f"));
    skopeo(&["copy", &source, &format!("oci:{}:f", project.path("back"))]);
    let image = Image::of_layout(&project.workspace.path("back"), Some("f"));
    assert_same("skopeo", &without_owners(&image.files()), "the sources", &project.expected());
}

#[test]
#[ignore = "needs umoci and Docker; `make test` runs it"]
fn loading_into_docker_sends_only_missing_layers() {
    let docker_images = Docker::new("docker-daemon");
    let project = Project::named(docker_images.prefix.clone());
    let megabyte: u64 = 1 << 20;
    project.workspace.write("layer/noise", noise(3 * megabyte));
    let socket = EngineSocket::open();
    let load = || {
        let mut command = project.workspace.limg(&["build", "--format", "json", "-o", "docker-daemon:"]);
        succeed(command.env("DOCKER_HOST", socket.address())).json()["functions"]["f"].take()
    };

    let built = load();
    // The edited image takes its name.
    docker_images.remove_too(built["image_id"].as_str().unwrap());
    let first = socket.sent();
    assert!(first > 3 * megabyte, "only {first} bytes were sent");
    let loaded = docker_images.inspect("f");
    assert_eq!(loaded["Id"], built["image_id"]);
    project.check_config(&loaded["Config"]);

    load();
    let unchanged = socket.sent();
    assert!(unchanged < 20_000, "{unchanged} bytes were sent for an image that the engine has");

    project.workspace.write("code/data.json", "[\"edited\"]");
    let edited = load();
    let sent = socket.sent();
    assert!(sent < 100_000, "{sent} bytes were sent for an edit of the code");
    assert_eq!(docker_images.inspect("f")["Id"], edited["image_id"]);

    // The layers that were not sent are in the image.
    let archive = project.path("saved.tar");
    succeed(docker().args(["save", "--output", &archive, &docker_images.name("f")]));
    let mut expected = project.expected();
    expected.insert("var/task/data.json".to_owned(), Entry::file(0o644, b"[\"edited\"]"));
    expected.insert("opt/noise".to_owned(), Entry::file(0o644, &noise(3 * megabyte)));
    let saved = Image::of_docker_archive(Path::new(&archive));
    assert_same("docker", &without_owners(&saved.files()), "the sources", &expected);
}

#[test]
#[ignore = "needs umoci and Docker; `make test` runs it"]
fn layers_are_compressed_only_for_destinations_that_need_it() {
    let docker_images = Docker::new("docker-daemon");
    let project = Project::named(docker_images.prefix.clone());
    let both = project.workspace.build(&["-o", "docker-daemon:", "-o", "oci:images"])["f"].take();
    assert_eq!(project.workspace.blobs(), 2, "a layer and the code, each once");

    fs::remove_dir_all(project.workspace.path("store")).unwrap();
    let alone = project.build("docker-daemon:");
    assert_eq!(project.workspace.blobs(), 0);
    assert_eq!((&alone["digest"], &alone["image_id"]), (&Value::Null, &both["image_id"]));
    assert_eq!(docker_images.inspect("f")["Id"], alone["image_id"]);
    for (plain, compressed) in
        alone["layers"].as_array().unwrap().iter().zip(both["layers"].as_array().unwrap())
    {
        assert_eq!((&plain["digest"], &plain["size"]), (&Value::Null, &Value::Null));
        assert_eq!(plain["diff_id"], compressed["diff_id"]);
    }
    let again = project.build("docker-daemon:");
    assert!(again["layers"].as_array().unwrap().iter().all(|layer| layer["reused"] == true), "{again}");
    let human = succeed(&mut project.workspace.limg(&["build", "-q", "-o", "docker-daemon:"])).stdout;
    let line =
        format!("f  {}  docker-daemon:{}\n", alone["image_id"].as_str().unwrap(), docker_images.name("f"));
    assert_eq!(String::from_utf8(human).unwrap(), line);

    let later = project.build("oci:images");
    assert_eq!((&later["digest"], own_layers(&later)), (&both["digest"], own_layers(&both)));
    assert_eq!(project.workspace.blobs(), 2);
}

/// Bytes that cannot be compressed, the same every time.
fn noise(size: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..size / 8).flat_map(next).collect()
}

#[test]
#[ignore = "needs skopeo, umoci and Docker; `make test` runs it"]
fn a_base_gives_the_same_layers_in_every_format() {
    let docker_images = Docker::new("bases");
    let project = Project::named(docker_images.prefix.clone());
    let layout = format!("oci:{}:amd64", project.path("base"));
    let name = docker_images.name("base");
    skopeo(&["copy", &layout, &format!("oci-archive:{}:amd64", project.path("base.oci.tar"))]);
    skopeo(&["copy", &layout, &format!("docker-daemon:{name}")]);
    succeed(docker().args(["save", "--output", &project.path("base.docker.tar"), &name]));
    for archive in ["base.oci.tar", "base.docker.tar"] {
        succeed(tool("gzip").args(["--keep", &project.path(archive)]));
    }

    let bases = [
        "oci:base:amd64".to_owned(),
        "oci-archive:base.oci.tar".to_owned(),
        "docker-archive:base.docker.tar".to_owned(),
        format!("docker-archive:base.docker.tar:{name}"),
        "oci-archive:base.oci.tar.gz".to_owned(),
        format!("docker-archive:base.docker.tar.gz:{name}"),
        format!("docker-daemon:{name}"),
    ];
    let expected = own_layers(&project.build("oci:images"));
    assert_eq!(expected.len(), 2, "a layer and the code");
    for base in &bases {
        project.stand_on(base);
        let built = project.build("oci:images");
        assert_eq!(own_layers(&built), expected, "{base}");
        let image = Image::of_layout(&project.workspace.path("images"), Some("f"));
        project.check_config(&image.config["config"]);
        assert_same(base, &without_owners(&image.files()), "the sources", &project.expected());
    }
    // On `scratch`, the image has only these layers.
    project.stand_on("scratch");
    assert_eq!(own_layers(&project.build("oci:images")), expected);
    let image = Image::of_layout(&project.workspace.path("images"), Some("f"));
    assert_same("scratch", &without_owners(&image.files()), "the sources", &project.own());
}

#[test]
#[ignore = "needs skopeo and Docker; `make test` runs it"]
fn a_function_on_a_base_for_a_variant_of_the_architecture_responds() {
    let (docker, workspace) = (Docker::new("variant"), Workspace::new());
    let (plain, variant) = (workspace.path("plain.tar"), workspace.path("variant.tar"));
    let layout = format!("oci:{}", base(Base::Python311).display());
    skopeo(&["copy", &layout, &format!("docker-archive:{}", plain.display())]);
    let mut archive = tar::Builder::new(fs::File::create(variant).unwrap());
    for entry in tar::Archive::new(fs::File::open(plain).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let (mut header, path) = (entry.header().clone(), entry.path().unwrap().into_owned());
        let is_config =
            path.extension().is_some_and(|it| it == "json") && path.as_os_str() != "manifest.json";
        if is_config {
            let mut config: Value = serde_json::from_reader(entry).unwrap();
            config["variant"] = "v2".into();
            let config = serde_json::to_vec(&config).unwrap();
            header.set_size(config.len() as u64);
            archive.append_data(&mut header, path, &config[..]).unwrap();
        } else if header.entry_type().is_file() {
            archive.append_data(&mut header, path, &mut entry).unwrap();
        } else {
            let target = entry.link_name().unwrap().unwrap().into_owned();
            archive.append_link(&mut header, path, target).unwrap();
        }
    }
    archive.finish().unwrap();
    workspace.write("code/app.py", "def handler(event, context):\n    return event\n");
    let definition = json!({
        "project": docker.prefix,
        "bases": { "python3.11": { "image": "docker-archive:variant.tar" } },
        "functions": { "f": { "runtime": "python3.11", "code": "code", "handler": "app.handler" } },
    });
    workspace.write("limg.yaml", definition.to_string());
    assert_eq!(succeed(&mut workspace.limg(&["invoke", "-e", "7"])).json(), json!(7));
}

#[test]
#[ignore = "needs umoci; `make test` runs it"]
fn a_layout_for_several_architectures_gives_that_of_the_function() {
    let project = Project::new("multi");
    let layout = project.workspace.path("base");
    let machine = |index: &str, architecture: &str| {
        project.stand_on_for(index, architecture);
        project.build("oci:images");
        let image = Image::of_layout(&project.workspace.path("images"), Some("f"));
        let machine = image.files()["etc/machine"].node.clone();
        (image.config["architecture"].as_str().unwrap().to_owned(), machine)
    };
    let expected = |name: &str| (name.to_owned(), Entry::file(0o644, name.as_bytes()).node);

    // A nested index, as `docker buildx` and `skopeo copy --all` write it.
    let nested = nested_index(&layout);
    fs::write(layout.join("index.json"), serde_json::to_vec(&nested).unwrap()).unwrap();
    for image in ["oci:base", "oci:base:both"] {
        assert_eq!(machine(image, "x86_64"), expected("amd64"), "{image}");
        assert_eq!(machine(image, "arm64"), expected("arm64"), "{image}");
    }
}

/// The index of umoci's layout, with its entries moved into a nested index with platforms.
fn nested_index(layout: &Path) -> Value {
    let mut index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    for entry in index["manifests"].as_array_mut().unwrap() {
        let name = entry["annotations"]["org.opencontainers.image.ref.name"].take();
        entry["platform"] = json!({ "architecture": name, "os": "linux" });
        entry.as_object_mut().unwrap().remove("annotations");
    }
    let media_type = "application/vnd.oci.image.index.v1+json";
    index["mediaType"] = media_type.into();
    // `docker buildx` also adds attestations.
    let attestation = json!({ "architecture": "unknown", "os": "unknown" });
    let mut extra = index["manifests"][0].clone();
    extra["platform"] = attestation;
    index["manifests"].as_array_mut().unwrap().push(extra);
    let bytes = serde_json::to_vec(&index).unwrap();
    fs::write(layout.join("blobs/sha256").join(sha256(&bytes)), &bytes).unwrap();
    json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": media_type, "digest": format!("sha256:{}", sha256(&bytes)), "size": bytes.len(),
        "annotations": { "org.opencontainers.image.ref.name": "both" },
    }] })
}

#[test]
#[ignore = "needs skopeo, umoci, docker-registry and Docker; `make test` runs it"]
fn an_image_keeps_dockers_media_types() {
    let docker_images = Docker::new("v2s2");
    let project = Project::named(docker_images.prefix.clone());
    let base = docker_layout(&project);
    project.stand_on(&format!("oci:{}", base.display()));
    let built = project.build("oci:images");
    let image = Image::of_layout(&project.workspace.path("images"), Some("f"));
    assert_eq!(built["digest"], image.digest);
    let types: Vec<&Value> = std::iter::once(&image.manifest)
        .chain([&image.manifest["config"]])
        .chain(image.manifest["layers"].as_array().unwrap())
        .map(|descriptor| &descriptor["mediaType"])
        .collect();
    let layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let head = [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
    ];
    assert_eq!(types[..2], head);
    assert_eq!(types[2..], [layer; 4]);
    assert_same("limg", &without_owners(&image.files()), "the sources", &project.expected());

    // A registry and Docker accept the manifest. Older versions of skopeo do not read such images from OCI layouts.
    let registry = Registry::start();
    let remote = format!("{}/{}:v1", registry.address, project.name);
    let folder = project.workspace.path("to-copy");
    succeed(tool("cp").arg("-r").arg(project.workspace.path("images/blobs/sha256")).arg(&folder));
    fs::copy(folder.join(&image.digest["sha256:".len()..]), folder.join("manifest.json")).unwrap();
    fs::copy(project.workspace.path("v2s2/version"), folder.join("version")).unwrap();
    let source = format!("dir:{}", folder.display());
    skopeo(&[
        "copy",
        "--preserve-digests",
        "--dest-tls-verify=false",
        &source,
        &format!("docker://{remote}"),
    ]);
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{remote}")]);
    assert_eq!(format!("sha256:{}", sha256(&raw)), image.digest);
    docker_images.remove_too(&remote);
    succeed(docker().args(["pull", "--quiet", &remote]));
    let pulled = succeed(docker().args(["image", "inspect", &remote])).json()[0].take();
    project.check_config(&pulled["Config"]);
}

/// A layout of the small base with Docker's media types, to which skopeo converts it. Some tools write such layouts.
fn docker_layout(project: &Project) -> PathBuf {
    let source = format!("oci:{}:amd64", project.path("base"));
    let folder = project.workspace.path("v2s2");
    skopeo(&["copy", "--format", "v2s2", &source, &format!("dir:{}", folder.display())]);
    let layout = project.workspace.path("docker-base");
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        fs::write(blobs.join(sha256(&bytes)), bytes).unwrap();
    }
    let manifest = fs::read(folder.join("manifest.json")).unwrap();
    let parsed: Value = serde_json::from_slice(&manifest).unwrap();
    let index = json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": parsed["mediaType"], "digest": format!("sha256:{}", sha256(&manifest)), "size": manifest.len(),
    }] });
    fs::write(layout.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
    layout
}

#[test]
#[ignore = "needs skopeo, umoci and Docker; `make test` runs it"]
fn a_base_for_another_platform_is_refused() {
    let docker_images = Docker::new("platform");
    let project = Project::named(docker_images.prefix.clone());
    let name = docker_images.name("base");
    let layout = format!("oci:{}:arm64", project.path("base"));
    skopeo(&["copy", &layout, &format!("docker-daemon:{name}")]);
    for base in ["oci:base:arm64".to_owned(), format!("docker-daemon:{name}")] {
        project.stand_on(&base);
        let failed = project.workspace.build_fails(2, &["-o", "oci:images"]);
        let named = base.rsplit([':', '/']).next().unwrap();
        for words in [named, "linux/arm64", "linux/amd64", "x86_64"] {
            assert!(failed.stderr.contains(words), "{words:?} is not in\n{}", failed.stderr);
        }
        assert!(!project.workspace.path("images").exists(), "a failed build leaves nothing");
    }
    // The same base works for the other architecture.
    project.stand_on_for("oci:base:arm64", "arm64");
    project.build("oci:images");
}
