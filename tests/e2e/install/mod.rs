//! Packages that limg installs, with the real uv and pip, from `PyPI`.

mod frameworks;
mod sources;
mod vendors;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Base, Docker, Image, Workspace, base, fails, repository, succeed};

/// The folder with uv.
fn uv_folder() -> PathBuf {
    repository().join("target/uv/bin")
}

/// A project with a function whose packages a list names.
fn project(install: &Value) -> Workspace {
    let workspace = Workspace::new();
    workspace.write(
        "code/app.py",
        "import idna, six\n\ndef handler(event, context):\n    return six.__version__\n",
    );
    let definition = json!({
        "project": "install",
        "bases": { "python3.11": { "image": format!("oci:{}", base(Base::Python311).display()) } },
        "functions": {
            "f": { "runtime": "python3.11", "handler": "app.handler", "code": "code", "install": install },
        },
    });
    workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
    workspace
}

/// limg with uv on its search path, or without.
fn limg(workspace: &Workspace, arguments: &[&str], has_uv: bool) -> Command {
    let mut limg = workspace.limg(arguments);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let without = std::env::split_paths(&path).filter(|folder| !folder.join("uv").exists());
    let folders: Vec<PathBuf> = has_uv.then(uv_folder).into_iter().chain(without).collect();
    limg.env("PATH", std::env::join_paths(folders).unwrap());
    // How this machine reaches PyPI.
    let is_of_network = |name: &str| {
        ["PIP_", "UV_", "SSL_", "REQUESTS_"].iter().any(|prefix| name.starts_with(prefix))
            || name.to_ascii_lowercase().ends_with("_proxy")
    };
    limg.envs(std::env::vars().filter(|(name, _)| is_of_network(name)));
    limg
}

fn uv(folder: &Path, arguments: &[&str]) -> String {
    let mut uv = Command::new(uv_folder().join("uv"));
    succeed(uv.args(arguments).current_dir(folder)).text()
}

/// The names of the files of an image in the task root, without those of metadata.
fn installed(workspace: &Workspace) -> Vec<String> {
    let files = Image::of_layout(&workspace.path(".limg/images"), Some("f")).files();
    let names = files.keys().filter_map(|path| path.strip_prefix("var/task/"));
    names.filter(|name| !name.contains('/')).map(str::to_owned).collect()
}

const REQUIREMENTS: &str = "six==1.17.0\nidna==3.10\n";

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn packages_of_every_kind_of_list_are_installed() {
    let pyproject = "[project]\nname = \"shop\"\nversion = \"1\"\nrequires-python = \">=3.11\"\n\
                     dependencies = [\"six==1.17.0\", \"idna==3.10\"]\n";
    let workspace = project(&json!(true));
    let folder = workspace.path("code");
    let mut digests = Vec::new();
    let mut build = |name: &str| {
        let built = succeed(&mut limg(&workspace, &["build", "--format", "json"], true)).json();
        let names = installed(&workspace);
        for module in ["six.py", "idna"] {
            assert!(names.iter().any(|name| name == module), "{name}: {names:?}");
        }
        digests.push(built["functions"]["f"]["digest"].clone());
    };
    workspace.write("code/.limgignore", "*\n!app.py\n");
    workspace.write("code/requirements.txt", REQUIREMENTS);
    build("requirements.txt");
    let pylock = uv(
        &folder,
        &["pip", "compile", "requirements.txt", "--universal", "--no-header", "--format", "pylock.toml"],
    );
    workspace.write("code/pylock.toml", pylock);
    build("pylock.toml");
    for name in ["pylock.toml", "requirements.txt"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    workspace.write("code/pyproject.toml", pyproject);
    build("pyproject.toml");
    uv(&folder, &["lock", "--quiet"]);
    build("uv.lock");
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn a_member_of_a_workspace_gets_what_it_needs_of_the_lock_file_and_of_other_members() {
    let project_of = |name: &str, needs: &str, more: &str| {
        format!(
            "[project]\nname = \"{name}\"\nversion = \"1\"\nrequires-python = \">=3.11\"\ndependencies = [{needs}]\n{more}"
        )
    };
    let workspace = project(&json!(true));
    workspace.write(
        "pyproject.toml",
        project_of("root", "\"attrs\"", "[tool.uv.workspace]\nmembers = [\"code\", \"words\"]\n"),
    );
    let words = "[tool.uv.sources]\nwords = { workspace = true }\n";
    workspace.write("code/pyproject.toml", project_of("shop", "\"six==1.17.0\", \"idna==3.10\"", ""));
    let backend = "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n";
    workspace.write("words/pyproject.toml", project_of("words", "\"idna\"", backend));
    workspace.write("words/src/words/__init__.py", "WORD = 'hello'\n");
    uv(&workspace.path("."), &["lock", "--quiet"]);
    succeed(&mut limg(&workspace, &["build"], true));
    let names = installed(&workspace);
    let has = |names: &[String], name: &str| names.iter().any(|own| own == name);
    assert!(has(&names, "six.py") && has(&names, "idna") && !has(&names, "attr"), "{names:?}");

    workspace.write("code/pyproject.toml", project_of("shop", "\"six==1.17.0\", \"words\"", words));
    uv(&workspace.path("."), &["lock", "--quiet"]);
    let refused = fails(2, &mut limg(&workspace, &["build"], true)).stderr;
    assert!(
        refused.contains("words is not a wheel") && refused.contains("a member of the workspace"),
        "{refused}"
    );
    let built = succeed(&mut limg(&workspace, &["build", "--allow-source"], true)).stderr;
    assert!(built.contains("[built-from-source]"), "{built}");
    assert!(has(&installed(&workspace), "words") && has(&installed(&workspace), "idna"));
    assert!(!workspace.path("words/build").exists(), "the folder of the member is as it was");
    let mut again = workspace.limg(&["build", "--allow-source"]);
    let again = succeed(again.env("PATH", "/nowhere")).stderr;
    assert!(!again.contains("running"), "{again}");
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn pip_alone_installs_the_same_as_uv() {
    let workspace = project(&json!(true));
    workspace.write("code/requirements.txt", REQUIREMENTS);
    let with = succeed(&mut limg(&workspace, &["build", "--format", "json"], true)).json();
    std::fs::remove_file(workspace.path("limg.lock")).unwrap();
    std::fs::remove_dir_all(workspace.path("store")).unwrap();
    let without = succeed(&mut limg(&workspace, &["build", "--format", "json"], false)).json();
    assert_eq!(with["functions"], without["functions"]);
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn a_list_without_hashes_is_pinned_until_it_changes() {
    let workspace = project(&json!("code/requirements.txt"));
    workspace.write("code/requirements.txt", "six\nidna\n");
    let stderr = fails(2, &mut limg(&workspace, &["build", "--locked"], true)).stderr;
    assert!(stderr.contains("limg.lock does not pin the packages of code/requirements.txt"), "{stderr}");
    succeed(&mut limg(&workspace, &["build"], true));
    let lock = std::fs::read_to_string(workspace.path("limg.lock")).unwrap();
    assert!(
        lock.contains("  code/requirements.txt python3.11 x86_64:\n") || lock.contains("python3.11 x86_64"),
        "{lock}"
    );
    // Neither uv nor pip is needed while the wheels are in the store.
    let mut locked = workspace.limg(&["build", "--locked"]);
    succeed(locked.env("PATH", "/nowhere"));
    workspace.write("code/requirements.txt", "six\nidna<3.10\n");
    fails(2, &mut limg(&workspace, &["build", "--locked"], true));
    let updated = succeed(&mut limg(&workspace, &["update"], true)).text();
    assert!(updated.contains("idna-3.9"), "{updated}");
    succeed(&mut limg(&workspace, &["build", "--locked"], true));
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn wheels_that_need_a_newer_c_library_are_named_with_what_would_do() {
    let workspace = project(&json!(true));
    workspace.write("code/requirements.txt", "six\nnumpy==2.4.6\n");
    for has_uv in [true, false] {
        let stderr = fails(2, &mut limg(&workspace, &["build"], has_uv)).stderr;
        assert!(stderr.contains("requirements.txt:2"), "{stderr}");
        assert!(
            stderr.contains("use numpy 2.2.6, the newest version with a wheel for python3.11"),
            "{stderr}"
        );
        assert!(stderr.contains("python3.12 on, which has glibc 2.34"), "{stderr}");
    }
}

#[test]
#[ignore = "needs Docker, PyPI and the open bases; `make test` runs it"]
fn a_function_runs_with_installed_packages_in_its_code_and_in_a_layer() {
    let docker = Docker::new("install");
    let workspace = project(&json!(true));
    workspace.write("code/requirements.txt", "six==1.17.0\n");
    workspace.write("layer.txt", "pyyaml==6.0.3\n");
    workspace.write("code/app.py", "import six, yaml\n\ndef handler(event, context):\n    return [six.__version__, yaml.__with_libyaml__]\n");
    let definition = std::fs::read_to_string(workspace.path("limg.yaml")).unwrap();
    let mut definition: Value = serde_json::from_str(&definition).unwrap();
    definition["project"] = json!(docker.prefix);
    definition["layers"] = json!({ "yaml": { "install": "layer.txt" } });
    definition["functions"]["f"]["layers"] = json!(["yaml"]);
    workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
    let invoked = succeed(&mut limg(&workspace, &["invoke", "f", "-e", "{}"], true));
    assert_eq!(invoked.json(), json!(["1.17.0", true]));
}

/// A function that says which of its imports Python has compiled.
const COMPILED: &str = "\
import sys

compiled = []

def watch(event, args):
    if event == 'compile' and str(args[1]).endswith('.py'):
        compiled.append(args[1])

sys.addaudithook(watch)
import six
import yaml

def handler(event, context):
    return [compiled[:1], six.__cached__, yaml.__cached__]
";

#[test]
#[ignore = "needs Docker, PyPI and the open bases; `make test` runs it"]
fn installed_packages_are_imported_from_bytecode() {
    let docker = Docker::new("bytecode");
    let workspace = project(&json!(true));
    workspace.write("code/requirements.txt", "six==1.17.0\n");
    workspace.write("layer.txt", "pyyaml==6.0.3\n");
    workspace.write("code/app.py", COMPILED);
    let definition = std::fs::read_to_string(workspace.path("limg.yaml")).unwrap();
    let mut definition: Value = serde_json::from_str(&definition).unwrap();
    definition["project"] = json!(docker.prefix);
    definition["layers"] = json!({ "yaml": { "install": "layer.txt" } });
    definition["functions"]["f"]["layers"] = json!(["yaml"]);
    let mut compiled_with = |mode: Option<&str>| {
        if let Some(mode) = mode {
            definition["defaults"] = json!({ "bytecode": mode });
        }
        workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
        let arguments = ["invoke", "f", "-e", "{}", "--as-lambda"];
        succeed(&mut limg(&workspace, &arguments, true)).json()
    };
    let cached = [
        "/var/task/__pycache__/six.cpython-311.pyc",
        "/opt/python/yaml/__pycache__/__init__.cpython-311.pyc",
    ];
    assert_eq!(compiled_with(None), json!([[], cached[0], cached[1]]));
    assert_eq!(compiled_with(Some("compile")), json!([[], cached[0], cached[1]]));
    assert_eq!(compiled_with(Some("strip")), json!([["/var/task/six.py"], cached[0], cached[1]]));
}

#[test]
#[ignore = "needs the open bases; `make test` runs it"]
fn a_missing_tool_is_named_with_what_brings_it() {
    let workspace = project(&json!(true));
    workspace.write("code/requirements.txt", REQUIREMENTS);
    let mut build = workspace.limg(&["build"]);
    let stderr = fails(3, build.env("PATH", "/nowhere")).stderr;
    assert!(stderr.contains("there is no `uv`") && stderr.contains("pip install uv"), "{stderr}");
}
