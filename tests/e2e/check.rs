//! What `limg check` predicts of images happens when they start, and images of other tools are judged as they are.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::{Base, Docker, Workspace, base, docker, finish, succeed, tool};

/// The user that Lambda runs functions as, or one like it.
const USER: &str = "993:990";

/// A program that Lambda would start: what limg finds about it, and what starting it shows.
struct Case {
    /// The program in the image.
    program: &'static str,
    /// The code of the finding.
    finds: &'static str,
    /// A part of what the engine or the program prints.
    shows: &'static str,
}

const CASES: [Case; 9] = [
    Case { program: "/opt/lost", finds: "missing-entrypoint", shows: "no such file or directory" },
    Case { program: "/opt/closed", finds: "closed-path", shows: "permission denied" },
    Case { program: "/opt/plain", finds: "not-a-program", shows: "permission denied" },
    Case { program: "/opt/interpreter", finds: "missing-interpreter", shows: "no such file or directory" },
    Case { program: "/opt/windows", finds: "not-a-program", shows: "no such file or directory" },
    Case { program: "/opt/machine", finds: "wrong-architecture", shows: "exec format error" },
    Case { program: "/opt/musl", finds: "missing-interpreter", shows: "no such file or directory" },
    Case { program: "/opt/newer", finds: "newer-library", shows: "version `GLIBC_2.99' not found" },
    Case { program: "/opt/library", finds: "missing-library", shows: "error while loading shared libraries" },
];

/// A program that the host's compiler makes.
fn compiled(workspace: &Workspace) -> Vec<u8> {
    let source = workspace
        .write("program.c", "#include <stdio.h>\nint main(void) { return puts(\"started\") < 0; }\n");
    let program = workspace.path("program");
    succeed(tool("cc").arg(source).arg("-o").arg(&program));
    std::fs::read(program).unwrap()
}

/// Replaces a text by another one of the same length.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut found = 0;
    for at in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "the program does not contain {from}");
    bytes
}

/// The newest version of glibc that a program needs, with two digits after the point.
fn newest_glibc(program: &[u8]) -> String {
    let text = String::from_utf8_lossy(program);
    let versions =
        text.match_indices("GLIBC_2.").map(|(at, _)| text[at..].chars().take(10).collect::<String>());
    versions.filter(|version| version[8..].parse::<u32>().is_ok()).max().expect("it needs glibc")
}

/// The codes of all findings.
pub(crate) fn findings(workspace: &Workspace, image: &str) -> (i32, Vec<(String, String)>) {
    let checked = finish(&mut workspace.limg(&["check", image, "--format", "json"]));
    let report = checked.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = report["findings"].as_array().unwrap().iter();
    (checked.code, found.map(|finding| (text(&finding["code"]), text(&finding["severity"]))).collect())
}

fn archive_base(docker: &Docker) -> String {
    let name = docker.name("base");
    let (from, to) = (format!("oci:{}", base(Base::Python311).display()), format!("docker-daemon:{name}"));
    succeed(tool("skopeo").args(["--insecure-policy", "copy", "--quiet", &from, &to]));
    name
}

#[test]
#[ignore = "needs Docker, skopeo, a C compiler and the open bases; `make test` runs it"]
fn what_is_predicted_of_a_program_happens() {
    let (docker_images, workspace) = (Docker::new("check"), Workspace::new());
    let from = archive_base(&docker_images);
    let program = compiled(&workspace);
    let loader = "/lib64/ld-linux-x86-64.so.2";
    // One that no emulator of the host runs.
    let machine = [&program[..18], &999_u16.to_le_bytes(), &program[20..]].concat();
    for (name, content, mode) in [
        ("closed", b"#!/bin/sh\necho started\n".to_vec(), 0o744),
        ("plain", b"#!/bin/sh\necho started\n".to_vec(), 0o644),
        ("interpreter", b"#!/bin/lost\n".to_vec(), 0o755),
        ("windows", b"#!/bin/sh\r\necho started\r\n".to_vec(), 0o755),
        ("machine", machine, 0o755),
        ("musl", replaced(&program, loader, "/lib/ld-musl-x86_64.so.1xxx"), 0o755),
        ("newer", replaced(&program, &newest_glibc(&program), "GLIBC_2.99"), 0o755),
        ("library", replaced(&program, "libc.so.6", "libz.so.9"), 0o755),
        ("good", program.clone(), 0o755),
    ] {
        let path = workspace.write(format!("context/opt/{name}"), content);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let build = |program: &str| {
        let dockerfile = format!("FROM {from}\nCOPY opt /opt\nENTRYPOINT [\"{program}\"]\n");
        workspace.write("context/Dockerfile", dockerfile);
        let name = docker_images.name(program.trim_start_matches("/opt/"));
        succeed(
            docker()
                .env("DOCKER_BUILDKIT", "0")
                .args(["build", "--quiet", "--tag", &name])
                .arg(workspace.path("context")),
        );
        name
    };
    for Case { program, finds, shows } in CASES {
        let name = build(program);
        let (code, found) = findings(&workspace, &format!("docker-daemon:{name}"));
        assert_eq!(code, 2, "{program}: {found:?}");
        assert!(found.contains(&(finds.to_owned(), "error".to_owned())), "{program}: {found:?}");
        let started = finish(docker().args(["run", "--rm", "--user", USER, &name]));
        let printed = format!("{}{}", started.text(), started.stderr);
        assert!(started.code != 0 && printed.contains(shows), "{program}: {} {printed}", started.code);
    }
    let name = build("/opt/good");
    let (code, found) = findings(&workspace, &format!("docker-daemon:{name}"));
    // The others are in the image too, and may never be started.
    assert!(code == 0 && found.iter().all(|(_, severity)| severity == "warning"), "{found:?}");
    let started = succeed(docker().args(["run", "--rm", "--user", USER, &name]));
    assert_eq!(started.text(), "started\n");
}

#[test]
#[ignore = "needs skopeo, umoci and the open bases; `make test` runs it"]
fn images_of_other_tools_are_judged() {
    let workspace = Workspace::new();
    let from = format!("oci:{}", base(Base::Python311).display());
    let copy = |more: &[&str], to: &str| {
        let to = format!("oci:{}", workspace.path(to).display());
        succeed(tool("skopeo").args(["--insecure-policy", "copy", "--quiet"]).args(more).args([&from, &to]));
        to
    };
    let warning = |code: &str| (code.to_owned(), "warning".to_owned());
    let error = |code: &str| (code.to_owned(), "error".to_owned());
    let plain = copy(&[], "plain:latest");
    assert_eq!(findings(&workspace, &plain), (0, vec![warning("no-handler")]));
    let zstd = copy(&["--dest-compress", "--dest-compress-format", "zstd"], "zstd:latest");
    assert_eq!(
        findings(&workspace, &zstd),
        (2, vec![error("unsupported-media-type"), warning("no-handler")])
    );
    // umoci writes no entries for the folders above what it inserts.
    workspace.write("code/app.py", "def handler(event, context): ...\n");
    let layout = format!("{}:latest", workspace.path("plain").display());
    succeed(
        tool("umoci").args(["insert", "--image", &layout]).arg(workspace.path("code")).arg("/srv/deep/code"),
    );
    let (code, found) = findings(&workspace, &plain);
    assert!(code == 2 && found.contains(&error("missing-parent")), "{found:?}");
}
