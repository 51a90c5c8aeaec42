//! limg's image of each example is the same as that of its Dockerfile, file by file, and as that of the Dockerfile that limg
//! writes.

use std::path::{Path, PathBuf};

use crate::support::{
    Base, Entry, Example, Files, Image, assert_same, base, docker, finish, repository, succeed, tool,
};

/// The images of an example: limg's and that of its Dockerfile.
struct Pair {
    _example: Example,
    limg: Image,
    docker: Image,
}

impl Pair {
    /// With the Dockerfile in `Dockerfiles/`.
    fn build(name: &str, function: &str, on: Option<Base>) -> Self {
        let dockerfile = repository().join("Dockerfiles").join(format!("{name}.Dockerfile"));
        Self::build_with(name, function, on, |example| (dockerfile, example.workspace.path("")))
    }

    /// With the Dockerfile that limg writes.
    fn of_limg(name: &str, function: &str, on: Option<Base>) -> Self {
        Self::build_with(name, function, on, |example| {
            let context = example.workspace.path("context");
            succeed(example.workspace.limg(&["dockerfile", function, "-o"]).arg(&context));
            (context.join("Dockerfile"), context)
        })
    }

    /// With a Dockerfile and its context.
    fn build_with(
        name: &str,
        function: &str,
        on: Option<Base>,
        dockerfile: impl FnOnce(&Example) -> (PathBuf, PathBuf),
    ) -> Self {
        let example = Example::new(name);
        let archive = example.workspace.path("by-dockerfile.tar");
        let (dockerfile, context) = dockerfile(&example);
        build_dockerfile(&example, &dockerfile, &context, on, &archive);
        example.workspace.build(&[function, "-o", "oci:by-limg"]);
        let limg = Image::of_layout(&example.workspace.path("by-limg"), Some(function));
        Self { _example: example, limg, docker: Image::of_docker_archive(&archive) }
    }

    /// Compares the images. `intended` are the files that must differ: limg's entry and that of the Dockerfile.
    fn compare(&self, intended: &[(&str, Entry, Entry)]) {
        let (mut limg, mut docker) = (self.limg.files(), self.docker.files());
        for (path, by_limg, by_docker) in intended {
            let take = |files: &mut Files| {
                let entry = files.remove(*path).unwrap_or_else(|| panic!("no {path}"));
                assert_eq!(entry.owner, Some((0, 0)), "{path}");
                Entry { owner: None, ..entry }
            };
            assert_eq!((&take(&mut limg), &take(&mut docker)), (by_limg, by_docker), "{path}");
        }
        assert_same("limg", &limg, "docker", &docker);

        let mut environment = self.limg.environment();
        assert!(environment.remove("LIMG_E2E").is_some(), "the variable of the copied example");
        // limg's own Dockerfile has it too.
        let mut by_docker = self.docker.environment();
        by_docker.remove("LIMG_E2E");
        assert_eq!(environment, by_docker);
        for key in ["Entrypoint", "Cmd", "WorkingDir"] {
            assert_eq!(self.limg.config["config"][key], self.docker.config["config"][key], "{key}");
        }
        for key in ["architecture", "os"] {
            assert_eq!(self.limg.config[key], self.docker.config[key], "{key}");
        }
    }
}

/// Builds an example's Dockerfile and saves the image.
fn build_dockerfile(example: &Example, dockerfile: &Path, context: &Path, on: Option<Base>, archive: &Path) {
    let base_name = example.docker.name("base");
    let mut build = docker();
    // Every client has the classic builder, and all that it leaves behind can be found and removed.
    build.env("DOCKER_BUILDKIT", "0").args(["build", "--no-cache", "--force-rm"]);
    if let Some(on) = on {
        let layout = format!("oci:{}", base(on).display());
        let to = format!("docker-daemon:{base_name}");
        succeed(tool("skopeo").args(["--insecure-policy", "copy", "--quiet", &layout, &to]));
        build.args(["--build-arg", &format!("BASE={base_name}")]);
    }
    let tag = example.docker.name("by-dockerfile");
    build.args(["--tag", &tag, "--file"]).arg(dockerfile).arg(context);
    let finished = finish(&mut build);
    remove_stages(example, on.map(|_| base_name), &finished.text());
    assert!(finished.code == 0, "{}\n{}", finished.text(), finished.stderr);
    succeed(docker().args(["save", &tag, "--output"]).arg(archive));
}

/// Removes the images of all steps at the end, the last ones first. Those of the last stage are removed with the
/// image, but those of earlier stages would stay.
fn remove_stages(example: &Example, base: Option<String>, output: &str) {
    let inspect =
        |name: &str| succeed(docker().args(["image", "inspect", "--format", "{{.Id}}", name])).text();
    let base = base.map(|name| inspect(&name)).unwrap_or_default();
    let steps = output.lines().filter_map(|line| line.strip_prefix(" ---> ")).map(str::trim);
    let is_id = |step: &&str| step.bytes().all(|byte| byte.is_ascii_hexdigit()) && !base.contains(*step);
    for step in steps.filter(is_id).collect::<Vec<_>>().into_iter().rev() {
        example.docker.remove_too(step);
    }
}

#[test]
#[ignore = "needs Docker, skopeo and the open bases; `make test` runs it"]
fn python_layers() {
    Pair::build("python-layers", "greet", Some(Base::Python311)).compare(&[]);
}

#[test]
#[ignore = "needs Docker, skopeo and the open bases; `make test` runs it"]
fn custom_runtime() {
    let read = |path: &str| std::fs::read(repository().join(path)).unwrap();
    let launcher = read("base-images/launcher.sh");
    let bootstrap = read("examples/custom-runtime/layers/shell-runtime/bootstrap");
    // The entry point of a `provided` base runs only this path. The Dockerfile copies the runtime there. limg copies
    // its launcher, which searches the same paths as Lambda and supports AWS_LAMBDA_EXEC_WRAPPER.
    let intended = ("var/runtime/bootstrap", Entry::file(0o755, &launcher), Entry::file(0o755, &bootstrap));
    Pair::build("custom-runtime", "echo", Some(Base::ProvidedAl2023)).compare(&[intended]);
}

#[test]
#[ignore = "needs Docker and a C compiler; `make test` runs it"]
fn static_binary() {
    Pair::build("static-binary", "words", None).compare(&[]);
}

#[test]
#[ignore = "needs Docker, skopeo and the open bases; `make test` runs it"]
fn limg_writes_the_dockerfile_of_python_layers() {
    Pair::of_limg("python-layers", "greet", Some(Base::Python311)).compare(&[]);
}

#[test]
#[ignore = "needs Docker, skopeo and the open bases; `make test` runs it"]
fn limg_writes_the_dockerfile_of_a_custom_runtime() {
    Pair::of_limg("custom-runtime", "echo", Some(Base::ProvidedAl2023)).compare(&[]);
}

#[test]
#[ignore = "needs Docker and a C compiler; `make test` runs it"]
fn limg_writes_the_dockerfile_of_a_static_binary() {
    Pair::of_limg("static-binary", "words", None).compare(&[]);
}
