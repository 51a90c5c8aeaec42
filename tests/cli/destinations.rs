//! The destinations of images.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::build::shop;
use crate::support::{Archive, Context, Layout};

#[test]
fn every_destination_gets_the_same_image() {
    let context = shop();
    let report = context.build(&[
        "orders",
        "-o",
        "oci:out/layout:v1",
        "-o",
        "oci-archive:out/deep/oci.tar",
        "-o",
        "docker-archive:out/docker.tar",
    ]);
    assert_eq!(
        report.destinations("orders"),
        [
            "oci:[DIR]/project/out/layout:v1",
            "oci-archive:[DIR]/project/out/deep/oci.tar:orders",
            "docker-archive:[DIR]/project/out/docker.tar:shop/orders:latest",
        ]
    );
    assert!(!context.path(".limg").exists(), "the default destination is not used if another is named");
    let layout = Layout::open(&context.path("out/layout")).image("v1");
    let archive = Archive::open(&context.path("out/deep/oci.tar")).oci_image("orders");
    let docker = Archive::open(&context.path("out/docker.tar")).docker_image("shop/orders:latest");
    assert_eq!(layout.manifest, archive.manifest);
    assert_eq!(layout.config, docker.config);
    assert_eq!(layout.files, archive.files);
    assert_eq!(layout.files, docker.files);
    context.assert_clean();
}

#[test]
fn archives_contain_all_functions_and_each_blob_once() {
    let context = shop();
    context.limg(&["build", "-o", "oci-archive:a.tar", "-o", "docker-archive:d.tar", "--tag", "v2"]).ok();
    let archive = Archive::open(&context.path("a.tar"));
    let docker = Archive::open(&context.path("d.tar"));
    for function in ["orders", "bills"] {
        let image = archive.oci_image(&format!("{function}:v2"));
        assert_eq!(image.config, docker.docker_image(&format!("shop/{function}:v2")).config);
    }
}

#[test]
fn an_archive_is_the_same_every_time() {
    let context = shop();
    for kind in ["oci-archive", "docker-archive"] {
        for name in ["one.tar", "two.tar"] {
            context.limg(&["build", "-o", &format!("{kind}:{name}")]).ok();
        }
        let read = |name: &str| std::fs::read(context.path(name)).unwrap();
        assert!(read("one.tar") == read("two.tar"), "{kind}");
    }
}

#[test]
fn a_layout_keeps_its_other_images() {
    let context = shop();
    context.limg(&["build", "orders", "-o", "oci:out"]).ok();
    context.limg(&["build", "bills", "-o", "oci:out", "--tag", "v1"]).ok();
    let first = Layout::open(&context.path("out")).image("orders");
    context.write("orders/app.py", "changed\n");
    context.limg(&["build", "bills", "-o", "oci:out", "--tag", "v1"]).ok();
    let layout = Layout::open(&context.path("out"));
    assert_eq!(layout.names(), ["orders", "bills:v1"]);
    assert_eq!(layout.image("orders").config, first.config);
    assert_eq!(layout.image("bills:v1").files["/var/task/app.py"], "644 changed\n");
    context.assert_clean();
}

#[test]
fn an_image_from_limg_can_be_a_base() {
    let context = shop();
    context
        .limg(&[
            "build",
            "bills",
            "-o",
            "oci:out:v1",
            "-o",
            "docker-archive:d.tar",
            "-o",
            "oci-archive:o.tar",
        ])
        .ok();
    let expected = Layout::open(&context.path("out")).image("v1");
    for image in
        ["oci:out:v1", "oci:out", "docker-archive:d.tar:shop/bills:latest", "oci-archive:o.tar:bills"]
    {
        context.write(
            "next.yaml",
            format!(
                "bases: {{ python3.12: {{ image: \"{image}\" }} }}\n\
                 functions: {{ next: {{ runtime: python3.12, handler: a.b, code: layers }} }}\n"
            ),
        );
        context.limg(&["build", "-f", "next.yaml"]).ok();
        let next = Layout::open(&context.path(".limg/images")).image("next");
        for (path, content) in &expected.files {
            assert_eq!(next.files.get(path), Some(content), "{image}: {path}");
        }
        assert_eq!(next.layers.len(), expected.layers.len() + 1);
    }
}

#[test]
fn a_folder_that_is_not_a_layout_is_not_changed() {
    let context = shop();
    let before = context.files("project");
    for destination in ["oci:orders", "oci:."] {
        let run = context.limg(&["build", "-o", destination]);
        let run = run.fails(
            2,
            &["failed to write the image to `oci:[DIR]/project", "no", "OCI image layout", "help: "],
        );
        assert!(!run.stderr.contains("built"), "it is rejected before anything is built: {}", run.stderr);
    }
    assert_eq!(context.files("project"), before);
    context.write("strange/index.json", "[1, 2]");
    context.limg(&["build", "-o", "oci:strange"]).fails(2, &["strange", "help: "]);
    assert_eq!(context.files("project/strange"), ["index.json"]);
    assert_eq!(std::fs::read_to_string(context.path("strange/index.json")).unwrap(), "[1, 2]");
}

#[test]
fn a_layout_from_an_interrupted_run_is_completed() {
    let context = shop();
    context.limg(&["build", "-o", "oci:out"]).ok();
    let out = context.path("out");
    std::fs::remove_file(out.join("index.json")).unwrap();
    std::fs::remove_file(out.join("oci-layout")).unwrap();
    let blob = std::fs::read_dir(out.join("blobs/sha256")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, "cut").unwrap();
    context.limg(&["build", "-o", "oci:out"]).ok();
    assert_eq!(Layout::open(&out).names(), ["orders", "bills"]);
}

#[test]
fn an_archive_is_written_completely_or_not_at_all() {
    let context = shop();
    context.limg(&["build", "bills", "-o", "oci-archive:a.tar"]).ok();
    let before = std::fs::read(context.path("a.tar")).unwrap();
    context.write("layers/words/python/words.py", "changed");
    // A file cannot contain an archive.
    context.limg(&["build", "-o", "oci-archive:limg.yaml/a.tar"]).fails(2, &["limg.yaml` is not a folder"]);
    assert!(std::fs::read(context.path("a.tar")).unwrap() == before);
    context.limg(&["build", "-o", "oci-archive:orders"]).fails(2, &["failed to write", "orders"]);
    assert!(context.path("orders/app.py").exists());
    context.assert_clean();
    context.limg(&["build", "-o", "oci-archive:a.tar"]).ok();
    Archive::open(&context.path("a.tar")).oci_image("orders");
}

#[test]
fn an_invalid_destination_is_rejected_before_anything_is_built() {
    let context = shop();
    for (destination, why) in [
        ("scratch", "`scratch` is always empty"),
        ("oci:", "needs a path"),
        ("docker-archive:", "needs a path"),
        ("tar:x", "not `oci:DIR`"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop", "not `oci:DIR`"),
        ("", "not `oci:DIR`"),
        ("oci:out:name", "several functions"),
    ] {
        let run = context.limg(&["build", "-o", destination]);
        run.fails(2, &["cannot write images to", why, "help: "]);
    }
    assert!(!context.store().exists(), "nothing was built");
    assert!(!context.path("out").exists());
}

#[test]
fn invalid_image_names_are_rejected() {
    let context = shop();
    for tag in ["", "a b", "a/b", "-a", ".a", "ä", &"a".repeat(129)] {
        let run = context.limg(&["build", &format!("--tag={tag}")]);
        run.fails(2, &["--tag"]);
    }
    let run = context.limg(&["build", "orders", "-o", "oci:out:v1", "--tag", "v2"]);
    run.fails(2, &["`oci:out:v1`", "`--tag` would name it twice"]);
    for name in ["Shop/orders", "shop//orders", "shop/orders:a b", "shop/orders:", "sh op"] {
        let run = context.limg(&["build", "orders", "-o", &format!("docker-archive:d.tar:{name}")]);
        run.fails(2, &["cannot write images to", "help: "]);
    }
    for name in ["shop/orders", "shop/orders:v1.2-x", "localhost:5000/shop/orders:v1", "orders"] {
        context.limg(&["build", "orders", "-o", &format!("docker-archive:d.tar:{name}")]).ok();
    }
    assert!(!context.path(".limg").exists());
}

#[test]
fn a_missing_base_layout_is_reported() {
    let context = Context::with(
        "bases: { b: { image: \"oci:nowhere\", contract: provided.al2023 } }\n\
         functions: { f: { runtime: b, code: fn } }\n",
    );
    context.limg(&["build"]).fails(
        2,
        &[
            "limg.yaml:1:",
            "failed to read the base image `oci:[DIR]/project/nowhere`",
            "index.json",
            "help: check the path",
        ],
    );
    assert!(!context.path(".limg").exists());
}

#[test]
fn images_are_readable_by_everyone() {
    let context = shop();
    let program = env!("CARGO_BIN_EXE_limg");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "umask 077; exec \"$0\" build -o oci:out -o docker-archive:d.tar", program]);
    shell.current_dir(context.path("")).env_clear().env("LIMG_STORE", context.store());
    context.run(&mut shell).ok();
    for file in
        context.files("project/out").iter().map(|file| format!("out/{file}")).chain(["d.tar".to_owned()])
    {
        let mode = std::fs::metadata(context.path(&file)).unwrap().permissions().mode() & 0o777;
        assert!(matches!(mode, 0o644 | 0o444), "{file}: {mode:o}");
    }
}

/// A device, a pipe or a folder is never replaced by a file. A link is kept, and its target replaced.
#[test]
fn an_archive_replaces_only_files() {
    let context = shop();
    std::fs::create_dir(context.path("folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(context.path("socket")).unwrap();
    symlink("/dev/null", context.path("device")).unwrap();
    symlink("nowhere", context.path("dangling")).unwrap();
    for name in ["folder", "socket", "device", "dangling", "/dev/null"] {
        let run = context.limg(&["build", "-o", &format!("docker-archive:{name}")]);
        run.fails(2, &["failed to write the image to `docker-archive:", "cause: ", "help: name "]);
    }
    assert!(context.path("folder").is_dir() && context.path("device").is_symlink());
    context.write("real/a.tar", "");
    symlink("real/a.tar", context.path("link.tar")).unwrap();
    context.limg(&["build", "-o", "docker-archive:link.tar"]).ok();
    assert!(context.path("link.tar").is_symlink());
    Archive::open(&context.path("real/a.tar")).docker_image("shop/orders:latest");
    context.assert_clean();
}

/// As the oldest and the newest `docker save`, skopeo and limg itself write them, plain and in gzip.
#[test]
fn an_archive_replaces_only_archives_of_images() {
    let context = shop();
    let tar = |files: &[(&str, &str)]| {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap()
    };
    let gzip = |bytes: &[u8]| {
        let mut output = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        output.write_all(bytes).unwrap();
        output.finish().unwrap()
    };
    let list = r#"[{"Config":"a.json","RepoTags":null,"Layers":[]}]"#;
    let layout = tar(&[("blobs/sha256/a", "{}"), ("./index.json", "{}"), ("./oci-layout", "{}")]);
    let docker = tar(&[("a/VERSION", "1.0"), ("a.json", "{}"), ("manifest.json", list)]);
    let website = tar(&[("index.html", ""), ("index.json", "{}"), ("manifest.json", r#"{"name":"shop"}"#)]);
    for kind in ["oci-archive", "docker-archive"] {
        let destination = format!("{kind}:a.tar");
        let definition = context.path("limg.yaml");
        for kept in
            [&std::fs::read(definition).unwrap(), &website, &gzip(&website), &gzip(b"x"), &vec![0; 1024]]
        {
            context.write("a.tar", kept);
            let run = context.limg(&["build", "orders", "-o", &destination]).fails(
                2,
                &[
                    &format!("failed to write the image to `{kind}:[DIR]/project/a.tar`"),
                    "a.tar` is neither empty nor an archive of images",
                    "help: choose another path, or remove it",
                ],
            );
            assert!(!run.stderr.contains("built"), "it is rejected before anything is built: {}", run.stderr);
            assert!(std::fs::read(context.path("a.tar")).unwrap() == *kept);
        }
    }
    for kind in ["oci-archive", "docker-archive"] {
        let destination = format!("{kind}:a.tar");
        for replaced in [&vec![], &layout, &gzip(&layout), &docker, &gzip(&docker)] {
            context.write("a.tar", replaced);
            context.limg(&["build", "orders", "-o", &destination]).ok();
            // Its own archive is the last one.
            context.limg(&["build", "orders", "-o", &destination]).ok();
        }
    }
    Archive::open(&context.path("a.tar")).docker_image("shop/orders:latest");
    context.assert_clean();
}

#[test]
fn refs_are_one_image_a_line() {
    let context = Context::with(
        "defaults: { runtime: provided.al2023, code: fn }\n\
         bases: { provided.al2023: { image: scratch } }\n\
         functions: { one: {}, two: {} }\n",
    );
    let run = context.limg(&["build", "--format", "refs"]).ok();
    assert_eq!(run.stdout, "oci:[DIR]/project/.limg/images:one\noci:[DIR]/project/.limg/images:two\n");
    assert!(run.stderr.contains("built   code of one"), "{run:?}");
    let run = context
        .limg(&["build", "one", "-q", "--format", "refs", "-o", "oci:a b", "-o", "oci-archive:x"])
        .ok();
    assert_eq!(run.stdout, "oci:[DIR]/project/a b:one\noci-archive:[DIR]/project/x:one\n");
    assert_eq!(run.stderr, "");
    // What fails prints no reference.
    context.limg(&["build", "three", "--format", "refs"]).fails(2, &["unknown function `three`"]);
}
