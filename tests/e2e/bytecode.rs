//! Python byte code that is up to date when the image is built, and only that, is up to date in the image.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Base, Docker, Image, Workspace, base, docker, fails, succeed, tool};

/// A Python package as the code of two functions: a folder and a zip.
struct Package {
    workspace: Workspace,
}

/// The result of importing `package.module` from a folder.
struct Import {
    /// The value of `package.module.ANSWER`.
    answer: String,
    /// The log of the import.
    log: String,
}

impl Import {
    fn from(folder: &Path) -> Self {
        let mut python = tool("python3");
        python.args(["-v", "-c", "import package.module; print(package.module.ANSWER)"]);
        // `-v` logs whether byte code is used. As on Lambda's read-only file system, new byte code cannot be written.
        python.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", folder).current_dir(folder);
        let finished = succeed(&mut python);
        Self { answer: finished.text().trim().to_owned(), log: finished.stderr }
    }

    fn used_byte_code(&self, file: &str) -> bool {
        let is_about_file = |line: &&str| line.contains("__pycache__") && line.contains(file);
        self.log.lines().filter(is_about_file).any(|line| line.contains(" matches "))
    }

    fn found_stale_byte_code(&self, module: &str) -> bool {
        self.log.contains(&format!("bytecode is stale for '{module}'"))
    }
}

impl Package {
    fn new() -> Self {
        let workspace = Workspace::new();
        workspace.write_program("code/bootstrap", "#!/nothing\n");
        workspace.write("code/package/__init__.py", "");
        workspace.write("code/package/module.py", "ANSWER = 'first'\n");
        workspace.write(
            "limg.yaml",
            "project: bytecode\n\
             bases: { nothing: { image: scratch, contract: provided.al2023 } }\n\
             functions:\n  \
               folder: { runtime: nothing, code: code, exclude: ['!__pycache__/'] }\n  \
               zip: { runtime: nothing, code: code.zip }\n",
        );
        Self { workspace }
    }

    fn compile(&self) {
        let mut compile = tool("python3");
        compile.args(["-m", "compileall", "-q", "--invalidation-mode", "timestamp", "package"]);
        succeed(compile.env("PYTHONPYCACHEPREFIX", "").current_dir(self.workspace.path("code")));
    }

    fn zip(&self) {
        let _absent = fs::remove_file(self.workspace.path("code.zip"));
        succeed(tool("zip").args(["-q", "-r", "../code.zip", "."]).current_dir(self.workspace.path("code")));
    }

    /// Builds a function and unpacks its code with all times, as Lambda would mount it.
    fn unpacked(&self, function: &str) -> PathBuf {
        self.workspace.build(&[function, "-o", "oci:images"]);
        let image = Image::of_layout(&self.workspace.path("images"), Some(function));
        let folder = self.workspace.path(format!("unpacked-{function}"));
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        for layer in &image.layers {
            succeed(tool("tar").args(["-xzf"]).arg(layer).arg("-C").arg(&folder));
        }
        folder.join("var/task")
    }
}

#[test]
#[ignore = "needs Python and zip; `make test` runs it"]
fn up_to_date_byte_code_is_used() {
    let package = Package::new();
    package.compile();
    package.zip();
    for function in ["folder", "zip"] {
        let import = Import::from(&package.unpacked(function));
        assert_eq!(import.answer, "first");
        for file in ["package/__init__.py", "package/module.py"] {
            assert!(import.used_byte_code(file), "{function}: {file} was compiled again:\n{}", import.log);
        }
        assert!(!import.log.contains("stale"), "{function}:\n{}", import.log);
    }
}

#[test]
#[ignore = "needs Python and zip; `make test` runs it"]
fn byte_code_of_an_edited_source_is_not_used() {
    let package = Package::new();
    package.compile();
    // The content has the same length and an old time, so only the time differs.
    let module = package.workspace.write("code/package/module.py", "ANSWER = 'other'\n");
    succeed(tool("touch").args(["-d", "2001-01-01 00:00:00"]).arg(module));
    package.zip();
    for function in ["folder", "zip"] {
        let import = Import::from(&package.unpacked(function));
        assert_eq!(import.answer, "other", "{function}: old byte code was run\n{}", import.log);
        assert!(import.found_stale_byte_code("package.module"), "{function}:\n{}", import.log);
        assert!(import.used_byte_code("package/__init__.py"), "{function}:\n{}", import.log);
    }
    // An edit after a build.
    package.compile();
    let import = Import::from(&package.unpacked("folder"));
    assert!(import.answer == "other" && import.used_byte_code("package/module.py"), "{}", import.log);
    package.workspace.write("code/package/module.py", "ANSWER = 'third'\n");
    let import = Import::from(&package.unpacked("folder"));
    assert!(import.answer == "third" && import.found_stale_byte_code("package.module"), "{}", import.log);
}

#[test]
#[ignore = "needs Docker, skopeo and the open bases; `make test` runs it"]
fn byte_code_compiled_by_the_bases_python_is_used_in_the_container() {
    let (engine, workspace) = (Docker::new("bytecode"), Workspace::new());
    workspace.write(
        "code/app.py",
        "import package.module\n\ndef handler(event, context):\n    return package.module.ANSWER\n",
    );
    workspace.write("code/package/__init__.py", "");
    workspace.write("code/package/module.py", "ANSWER = 'first'\n");
    let layout = base(Base::Python311).display().to_string();
    workspace.write(
        "limg.yaml",
        format!(
            "project: {prefix}\n\
             bases: {{ python: {{ image: 'oci:{layout}', contract: python3.11 }} }}\n\
             functions:\n  \
               f: {{ runtime: python, handler: app.handler, code: code, exclude: ['!__pycache__/'], environment: {{ PYTHONVERBOSE: '1' }} }}\n",
            prefix = engine.prefix,
        ),
    );
    let image = engine.name("base");
    let (from, to) = (format!("oci:{layout}"), format!("docker-daemon:{image}"));
    succeed(tool("skopeo").args(["--insecure-policy", "copy", "--quiet", &from, &to]));
    let code = format!("{}:/var/task", workspace.path("code").display());
    let mut compile = docker();
    compile.args(["run", "--rm", "--volume", &code, "--entrypoint", "/var/lang/bin/python3.11", &image]);
    succeed(compile.args(["-m", "compileall", "-q", "--invalidation-mode", "timestamp", "/var/task"]));
    assert!(workspace.path("code/package/__pycache__/module.cpython-311.pyc").exists());

    for mode in [&[][..], &["--as-lambda"]] {
        let invoked = succeed(workspace.limg(&["invoke", "f"]).args(mode));
        assert_eq!(invoked.json(), "first");
        let log = invoked.stderr;
        for module in ["app", "package/__init__", "package/module"] {
            let line = format!(" matches /var/task/{module}.py");
            assert!(log.contains(&line), "{line:?} is not in\n{log}");
        }
        assert!(!log.contains("bytecode is stale"), "{log}");
    }
}

#[test]
#[ignore = "needs Python and zip; `make test` runs it"]
fn byte_code_of_a_source_that_a_later_layer_replaces_is_not_used() {
    let package = Package::new();
    package.compile();
    let workspace = &package.workspace;
    fs::create_dir(workspace.path("lower")).unwrap();
    fs::rename(workspace.path("code/package"), workspace.path("lower/package")).unwrap();
    workspace.write("upper/package/module.py", "ANSWER = 'other'\n");
    workspace.write(
        "limg.yaml",
        "project: bytecode\n\
         bases: { nothing: { image: scratch, contract: provided.al2023 } }\n\
         layers: { lower: { path: lower, exclude: ['!__pycache__/'] }, upper: { path: upper } }\n\
         defaults: { runtime: nothing, code: code }\n\
         functions:\n  \
           both: { layers: [lower, upper] }\n  \
           one: { layers: [lower] }\n",
    );
    for (function, answer) in [("both", "other"), ("one", "first")] {
        let task = package.unpacked(function);
        let import = Import::from(&task.join("../../opt"));
        assert_eq!(import.answer, answer, "{function}:\n{}", import.log);
        assert!(import.used_byte_code("package/__init__.py"), "{function}:\n{}", import.log);
        assert_eq!(
            import.used_byte_code("package/module.py"),
            function == "one",
            "{function}:\n{}",
            import.log
        );
    }
}

/// A function with the open base of Python 3.11, whose code and packages are compiled.
fn compiled_on_python311() -> Workspace {
    let workspace = Workspace::new();
    workspace.write(
        "code/app.py",
        "NAMES = {'a', 'b'}\n\ndef handler(event, context):\n    return 1.5 in NAMES\n",
    );
    workspace
        .write("layer/python/tools/a.py", "class A:\n    def a(self, *, b=b'c'): yield from (b, 2 ** 70)\n");
    let layout = base(Base::Python311).display().to_string();
    workspace.write(
        "limg.yaml",
        format!(
            "project: bytecode\n\
             bases: {{ python: {{ image: 'oci:{layout}', contract: python3.11 }} }}\n\
             layers: {{ tools: {{ path: layer, bytecode: compile }} }}\n\
             defaults: {{ runtime: python, bytecode: compile, layers: [tools] }}\n\
             functions:\n  f: {{ handler: app.handler, code: code }}\n"
        ),
    );
    workspace
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[ignore = "needs Python and the open bases; `make test` runs it"]
fn the_python_of_the_base_compiles_the_same_bytecode_if_that_is_allowed() {
    let workspace = compiled_on_python311();
    let refused = fails(3, workspace.limg(&["build"]).env("PATH", "/nowhere")).stderr;
    let help = "use `--allow-base-programs` to run that of the base image";
    assert!(refused.contains("there is no Python 3.11") && refused.contains(help), "{refused}");

    // Variables that would change what the loader and Python load do not reach it.
    let variables = [("PATH", "/nowhere"), ("LD_PRELOAD", ""), ("PYTHONHOME", "/nowhere")];
    let mut build = workspace.limg(&["build", "--allow-base-programs", "-o", "oci:images"]);
    let messages = succeed(build.envs(variables)).stderr;
    for (words, times) in [
        ("unpacking Python 3.11 of the base image", 1),
        ("compiling the code of f with `/var/lang/bin/python3.11` of the base image", 1),
        ("compiling the layer tools with `/var/lang/bin/python3.11` of the base image", 1),
        ("ran on this machine to compile Python sources", 1),
        ("[base-program]", 1),
    ] {
        assert_eq!(messages.matches(words).count(), times, "{words}\n{messages}");
    }
    let of_base = Image::of_layout(&workspace.path("images"), Some("f"));
    // Nothing of it is left, and an unchanged build runs nothing.
    assert_eq!(fs::read_dir(workspace.path("store/tmp")).unwrap().count(), 0);
    let again = succeed(workspace.limg(&["build", "--allow-base-programs"]).env("PATH", "/nowhere")).stderr;
    assert!(!again.contains("unpacking") && !again.contains("base-program"), "{again}");

    // Another Python 3.11 makes the same image.
    let other = compiled_on_python311();
    let messages = succeed(&mut other.limg(&["build", "--allow-base-programs", "-o", "oci:images"])).stderr;
    assert!(
        messages.contains("compiling the code of f with /") && !messages.contains("base-program"),
        "{messages}"
    );
    let digests =
        |image: &Image| image.layers.iter().map(|layer| layer.file_name().unwrap().to_owned()).collect();
    let (of_base, of_machine): (Vec<_>, Vec<_>) =
        (digests(&of_base), digests(&Image::of_layout(&other.path("images"), Some("f"))));
    assert_eq!(of_base, of_machine);
}
