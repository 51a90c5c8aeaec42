//! Real packages of Python and Node.js for other systems, versions and C libraries than the function's.

use serde_json::json;

use crate::support::{Base, Workspace, base, succeed, tool};

/// Functions on the open bases: `python` with the code in `python`, `node` with the code in `node`.
fn project() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("python/app.py", "def handler(event, context): ...\n");
    workspace.write("node/app.js", "exports.handler = () => {};\n");
    let definition = json!({
        "bases": {
            "python3.11": { "image": format!("oci:{}", base(Base::Python311).display()) },
            "nodejs22.x": { "image": format!("oci:{}", base(Base::Nodejs22).display()) },
        },
        "functions": {
            "python": { "runtime": "python3.11", "handler": "app.handler", "code": "python" },
            "node": { "runtime": "nodejs22.x", "handler": "app.handler", "code": "node" },
        },
    });
    workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
    workspace
}

/// Installs wheels for a platform into the code of `python`.
fn pip(workspace: &Workspace, platform: &str, version: &str, packages: &[&str]) {
    let mut pip = tool("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--platform", platform]);
    pip.args(["--python-version", version, "--target"]).arg(workspace.path("python"));
    succeed(pip.args(packages));
}

/// Installs packages for a platform into the code of `node`.
fn npm(workspace: &Workspace, platform: &[&str], packages: &[&str]) {
    let mut npm = tool("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    succeed(npm.arg(workspace.path("node")).args(platform).args(packages));
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn wheels_for_another_system_python_or_c_library_are_errors() {
    for (platform, version, code) in [
        ("macosx_11_0_arm64", "3.11", "wrong-architecture"),
        ("win_amd64", "3.11", "wrong-architecture"),
        ("manylinux2014_aarch64", "3.11", "wrong-architecture"),
        ("manylinux2014_x86_64", "3.12", "wrong-language-version"),
        ("musllinux_1_1_x86_64", "3.11", "wrong-libc"),
    ] {
        let workspace = project();
        pip(&workspace, platform, version, &["markupsafe", "pydantic-core"]);
        let failed = workspace.build_fails(2, &["python", "-o", "oci:out"]);
        assert!(failed.stderr.contains(&format!("[{code}]")), "{platform}: {}", failed.stderr);
        assert!(failed.stderr.contains("--python-version 3.11"), "{platform}: {}", failed.stderr);
    }
}

#[test]
#[ignore = "needs PyPI and the open bases; `make test` runs it"]
fn wheels_that_fit_and_launchers_for_windows_are_fine() {
    let workspace = project();
    pip(
        &workspace,
        "manylinux2014_x86_64",
        "3.11",
        &["markupsafe", "pydantic-core", "psutil", "setuptools", "pip"],
    );
    let built = succeed(&mut workspace.limg(&["build", "python", "-o", "oci:out"]));
    assert!(!built.stderr.contains("warning"), "{}", built.stderr);
}

#[test]
#[ignore = "needs npm's registry and the open bases; `make test` runs it"]
fn packages_of_npm_for_another_system_or_c_library_are_errors() {
    for (platform, code) in [
        (["--os=darwin", "--cpu=arm64", "--libc=glibc"], "wrong-architecture"),
        (["--os=win32", "--cpu=x64", "--libc=glibc"], "wrong-architecture"),
        (["--os=linux", "--cpu=x64", "--libc=musl"], "wrong-libc"),
    ] {
        let workspace = project();
        npm(&workspace, &platform, &["sharp", "esbuild"]);
        let failed = workspace.build_fails(2, &["node", "-o", "oci:out"]);
        assert!(failed.stderr.contains(&format!("[{code}]")), "{platform:?}: {}", failed.stderr);
        // The same command with the advice of the error.
        npm(&workspace, &["--os=linux", "--cpu=x64", "--libc=glibc"], &["sharp", "esbuild", "node-notifier"]);
        succeed(&mut workspace.limg(&["build", "node", "-o", "oci:out"]));
    }
}
