//! What programs, libraries and packages are built for.

use super::help;
use crate::files::{base_of, elf, linked, mach_o, windows};
use crate::finding::{Code, Finding};
use crate::plan::tests::fixture::{Fixture, binaries, in_image, loaded, path, tree};
use crate::project::{Architecture, LayerSource, VersionSource};
use crate::tree::{FileNode, Node};

const X86_64: u16 = 62;
pub(super) const ARM64: u16 = 183;

/// Executable files with these contents, and others as [`tree`] reads them.
fn of_bytes(files: &[(&str, Vec<u8>)], others: &[&str]) -> crate::files::SourceTree {
    let mut tree = tree(others);
    for (place, content) in files {
        tree.insert(path(place), Node::File(FileNode::of_bytes(content, true)));
    }
    loaded(tree)
}

fn mac() -> Vec<u8> {
    mach_o(&[0x0100_000c])
}

fn linux() -> Vec<u8> {
    elf(X86_64, 2, 1)
}

/// The codes of the findings about a function's code.
fn codes(runtime: &str, files: &[(&str, Vec<u8>)], others: &[&str]) -> Vec<Code> {
    findings(runtime, files, others).iter().map(|finding| finding.code).collect()
}

fn findings(runtime: &str, files: &[(&str, Vec<u8>)], others: &[&str]) -> Vec<Finding> {
    let mut fixture = Fixture::new(runtime);
    fixture.trees.code = of_bytes(files, others);
    fixture.findings()
}

#[test]
fn what_lambda_starts_must_be_for_the_functions_machine() {
    let mut fixture = Fixture::new("provided.al2023").extension("log", &[], &[], None);
    fixture.trees.extensions = vec![binaries(&[("/opt/extensions/log", ARM64), ("/opt/arm64/wrap", ARM64)])];
    fixture.trees.code = binaries(&[("/var/task/bootstrap", ARM64)]);
    fixture.function.wrapper = Some(in_image("/opt/arm64/wrap"));
    assert_eq!(
        fixture.errors(),
        [
            "wrong-architecture: the extension `/opt/extensions/log` of extension log is built for arm64, but the \
             function's architecture is x86_64",
            "wrong-architecture: the custom runtime `/var/task/bootstrap` is built for arm64, but the function's \
             architecture is x86_64",
            "wrong-architecture: the wrapper `/opt/arm64/wrap` is built for arm64, but the function's architecture is \
             x86_64",
        ],
        "each is reported once"
    );
    fixture.function.architecture = Architecture::Arm64;
    fixture.checked();
}

#[test]
fn libraries_for_another_machine_are_one_problem_for_each_tree() {
    let mut fixture = Fixture::new("python3.12").layer("numpy", &[]).layer("mixed", &[]);
    let module = |name: &str| format!("/opt/python/numpy/{name}.cpython-312-x86_64-linux-gnu.so");
    let modules = ["a", "b", "c", "d", "e"].map(module);
    let files: Vec<_> = modules.iter().map(|path| (path.as_str(), X86_64)).collect();
    fixture.trees.layers[0] = binaries(&files);
    fixture.trees.layers[1] = binaries(&[("/opt/lib/a.so.1", 40), ("/opt/bin/tool", 243)]);
    fixture.trees.code = binaries(&[("/var/task/tool", X86_64)]);
    fixture.function.architecture = Architecture::Arm64;
    assert_eq!(
        fixture.errors(),
        [
            format!(
                "wrong-architecture: the layer `numpy` contains `{}`, `{}`, `{}` and 2 more, built for x86_64, but the \
                 function's architecture is arm64",
                modules[0], modules[1], modules[2]
            ),
            "wrong-architecture: the layer `mixed` contains `/opt/bin/tool`, `/opt/lib/a.so.1`, built for 32-bit arm \
             and riscv64, but the function's architecture is arm64"
                .to_owned(),
            "wrong-architecture: the code of `orders` contains `/var/task/tool`, built for x86_64, but the function's \
             architecture is arm64"
                .to_owned(),
        ]
    );
    let findings = fixture.findings();
    let shown = help(&findings[0]);
    for words in ["--platform manylinux2014_aarch64", "`exclude`", "`architecture: x86_64`"] {
        assert!(shown.contains(words), "{shown}");
    }
    assert!(!help(&findings[1]).contains("`architecture:"), "no function can load both");
}

#[test]
fn a_package_for_another_machine_alone_is_a_problem() {
    let module = |machine: &str| format!("/var/task/node_modules/@img/sharp-linux-{machine}/lib/sharp.node");
    let mut fixture = Fixture::new("nodejs22.x");
    fixture.trees.code = binaries(&[(&module("arm64"), ARM64), ("/var/task/node_modules/x/x.node", X86_64)]);
    assert!(fixture.errors()[0].contains(&module("arm64")));
    fixture.trees.code = binaries(&[(&module("arm64"), ARM64), (&module("x64"), X86_64)]);
    fixture.checked();
}

#[test]
fn a_trusted_layer_gives_a_warning_and_a_layer_without_exclude_no_such_advice() {
    let version = |ignore_compatibility| {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:layer:tools:3".parse().unwrap();
        LayerSource::Version(VersionSource { arn, ignore_compatibility })
    };
    let mut fixture = Fixture::new("python3.12").layer("tools", &[]);
    fixture.trees.layers[0] = binaries(&[("/opt/lib/a.so", ARM64)]);
    fixture.function.layers[0].source = version(false);
    assert!(!help(&fixture.findings()[0]).contains("exclude"));
    fixture.function.layers[0].source = version(true);
    assert_eq!(fixture.warnings(), [Code::WrongArchitecture]);
}

#[test]
fn files_for_several_machines_next_to_each_other_are_fine() {
    let mut fixture = Fixture::new("nodejs22.x").layer("below", &[]).layer("above", &[]);
    fixture.trees.code = binaries(&[
        ("/var/task/node_modules/x/prebuilds/linux-arm64/x.node", ARM64),
        ("/var/task/node_modules/x/prebuilds/linux-x64/x.node", X86_64),
    ]);
    fixture.trees.layers =
        vec![binaries(&[("/opt/lib/x.so", ARM64)]), binaries(&[("/opt/lib/x.so", X86_64)])];
    assert!(
        fixture.checked().0.names().contains(&"layer below"),
        "what another layer replaces is not loaded"
    );
}

#[test]
fn what_lambda_starts_must_be_for_linux_and_the_bases_c_library() {
    let mut fixture = Fixture::new("provided.al2023");
    for (file, message) in [
        (
            mac(),
            "wrong-architecture: the custom runtime `/var/task/bootstrap` is built for macOS on arm64, but the function \
                 runs on Linux on x86_64",
        ),
        (
            windows(0x8664, false),
            "wrong-architecture: the custom runtime `/var/task/bootstrap` is built for Windows on \
                                  x86_64, but the function runs on Linux on x86_64",
        ),
        (
            linked("/lib/ld-musl-x86_64.so.1", &[], &[]),
            "wrong-libc: the custom runtime `/var/task/bootstrap` is linked to \
                                                        musl, but the base `provided.al2023` has glibc",
        ),
    ] {
        fixture.trees.code = of_bytes(&[("/var/task/bootstrap", file)], &[]);
        assert_eq!(fixture.errors(), [message]);
    }
    fixture.trees.code =
        of_bytes(&[("/var/task/bootstrap", linked("/lib64/ld-linux-x86-64.so.2", &[], &[]))], &[]);
    fixture.checked();
    let mut alpine = Fixture::on_scratch("provided.al2023");
    alpine.index = base_of(&[&["lib/", "lib/ld-musl-x86_64.so.1"]]);
    alpine.trees.code = fixture.trees.code;
    assert!(alpine.errors()[0].contains("is linked to glibc, but the base `provided.al2023` has musl"));
}

#[test]
fn packages_of_node_for_another_system_are_errors() {
    let sharp =
        |platform: &str| format!("/var/task/node_modules/@img/sharp-{platform}/lib/sharp-{platform}.node");
    let found = findings("nodejs22.x", &[(&sharp("darwin-arm64"), mac())], &[]);
    let message = "the code of `orders` contains `/var/task/node_modules/@img/sharp-darwin-arm64/lib/\
                   sharp-darwin-arm64.node`, built for macOS on arm64, but the function runs on Linux on x86_64";
    assert_eq!((found[0].code, found[0].message.as_str()), (Code::WrongArchitecture, message));
    let advice = help(&found[0]);
    assert!(advice.contains("`npm install --os=linux --cpu=x64 --libc=glibc`"), "{advice}");
    assert!(!advice.contains("`architecture:"), "{advice}");
    let both = [(sharp("darwin-arm64"), mac()), (sharp("linux-x64"), linux())];
    let both = both.each_ref().map(|(path, content)| (path.as_str(), content.clone()));
    assert_eq!(codes("nodejs22.x", &both, &[]), []);
    for (file, content) in [
        ("@esbuild/win32-x64/esbuild.exe", windows(0x8664, false)),
        ("@esbuild/darwin-x64/bin/esbuild", mac()),
        ("ffmpeg-static/ffmpeg", mac()),
        ("better-sqlite3/build/Release/better_sqlite3.node", mac()),
    ] {
        let file = format!("/var/task/node_modules/{file}");
        assert_eq!(codes("nodejs22.x", &[(&file, content)], &[]), [Code::WrongArchitecture], "{file}");
    }
}

#[test]
fn files_for_another_system_that_nothing_loads_are_fine() {
    for (runtime, files, others) in [
        (
            "nodejs22.x",
            vec![("/var/task/node_modules/fsevents/fsevents.node", mac())],
            &[r#"/var/task/node_modules/fsevents/package.json={"name": "fsevents", "os": ["darwin"]}"#][..],
        ),
        (
            "nodejs22.x",
            vec![
                ("/var/task/node_modules/node-notifier/vendor/terminal-notifier", mac()),
                ("/var/task/node_modules/node-notifier/vendor/notifu.exe", windows(0x14c, false)),
            ],
            &[],
        ),
        ("python3.12", vec![("/var/task/pip/_vendor/distlib/t64.exe", windows(0x8664, false))], &[]),
        ("python3.12", vec![("/var/task/setuptools/gui-64.exe", windows(0x8664, false))], &[]),
        ("python3.12", vec![("/var/task/data/model.so", b"\xca\xfe\xba\xbe\0\0\0\x3d".to_vec())], &[]),
        (
            "dotnet8",
            vec![("/var/task/App", mac()), ("/var/task/App.dll", windows(0x8664, true))],
            &["/var/task/App.runtimeconfig.json"],
        ),
        (
            "dotnet8",
            vec![
                ("/var/task/runtimes/osx/native/libsqlite.dylib", mac()),
                ("/var/task/runtimes/win-x64/native/sqlite.dll", windows(0x8664, false)),
                ("/var/task/runtimes/linux-x64/native/libsqlite.so", linux()),
            ],
            &[],
        ),
    ] {
        assert_eq!(codes(runtime, &files, others), [], "{files:?}");
    }
}

#[test]
fn modules_for_another_python_are_errors() {
    let code = |files: &[&str]| {
        let files: Vec<_> = files.iter().map(|file| (*file, linux())).collect();
        codes("python3.11", &files, &[])
    };
    for name in [
        "cpython-312-x86_64-linux-gnu",
        "cpython-39-x86_64-linux-gnu",
        "cpython-311t-x86_64-linux-gnu",
        "cpython-313t-x86_64-linux-gnu",
    ] {
        assert_eq!(
            code(&[&format!("/var/task/numpy/core/x.{name}.so")]),
            [Code::WrongLanguageVersion],
            "{name}"
        );
        assert_eq!(code(&[&format!("/var/task/x.{name}.so")]), [Code::WrongLanguageVersion], "{name}");
    }
    for files in [
        &["/var/task/x/a.cpython-311-x86_64-linux-gnu.so"][..],
        &["/var/task/x/a.cpython-312-x86_64-linux-gnu.so", "/var/task/x/a.cpython-311-x86_64-linux-gnu.so"],
        &["/var/task/x.cpython-312-x86_64-linux-gnu.so", "/var/task/x.cpython-311-x86_64-linux-gnu.so"],
        &["/var/task/x/a.abi3.so"],
        &["/var/task/x/a.so"],
        &["/opt/python/lib/python3.12/site-packages/x/a.cpython-312-x86_64-linux-gnu.so"],
    ] {
        assert_eq!(code(files), [], "{files:?}");
    }
    let helper = ["/var/task/x/a.cpython-312-x86_64-linux-gnu.so", "/var/task/x/libhelper.so"];
    let files = helper.map(|file| (file, linux()));
    let found = findings("python3.11", &files, &[]);
    let message = "the code of `orders` contains `/var/task/x/a.cpython-312-x86_64-linux-gnu.so`, built for Python 3.12, but \
                   the runtime is Python 3.11";
    assert_eq!(found[0].message, message);
    let command = "`pip install --platform manylinux2014_x86_64 --python-version 3.11 --only-binary=:all: --target ... x`";
    assert!(help(&found[0]).contains(command), "{}", help(&found[0]));
    assert_eq!(codes("nodejs22.x", &files, &[]), [], "no Python runs there");
}

#[test]
fn names_of_other_builds_and_implementations_of_python_are_read() {
    for (name, built_for) in [
        ("a.cpython-311d-x86_64-linux-gnu.so", "a debug build of Python 3.11"),
        ("a.cpython-313t-x86_64-linux-gnu.so", "free-threaded Python 3.13"),
        ("a.pypy310-pp73-x86_64-linux-gnu.so", "PyPy 3.10"),
    ] {
        let found = findings("python3.11", &[(&format!("/var/task/x/{name}"), linux())], &[]);
        assert!(found[0].message.contains(&format!("built for {built_for}, but")), "{}", found[0].message);
    }
}

#[test]
fn the_advice_names_only_what_is_a_package() {
    let advice = |runtime: &str, file: &str| help(&findings(runtime, &[(file, mac())], &[])[0]);
    let module = advice("python3.12", "/var/task/_cffi_backend.cpython-312-darwin.so");
    assert!(module.contains("pip install") && !module.contains("_cffi_backend"), "{module}");
    assert!(advice("python3.12", "/var/task/run").contains("build it for Linux on x86_64"));
    assert!(advice("python3.12", "/var/task/numpy/core/a.so").contains("--target ... numpy`"));
    let hidden = advice("nodejs22.x", "/var/task/node_modules/.prisma/client/engine.node");
    assert!(hidden.contains("npm install") && !hidden.contains(".prisma"), "{hidden}");
}

#[test]
fn a_wheel_must_have_a_tag_that_fits() {
    let code = |runtime: &str, tags: &[&str], files: &[(&str, Vec<u8>)]| {
        let tags: Vec<_> = tags.iter().map(|tag| format!("Tag: {tag}\n")).collect();
        let wheel = format!("/var/task/x-1.0.dist-info/WHEEL=Wheel-Version: 1.0\n{}", tags.concat());
        let record = "/var/task/x-1.0.dist-info/RECORD=x/__init__.py,,\nx/a.so,,\nx/a.dylib,,\n";
        codes(runtime, files, &[&wheel, record, "/var/task/x/__init__.py"])
    };
    for (tag, expected) in [
        ("cp311-cp311-manylinux_2_17_x86_64", None),
        ("cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64", None),
        ("cp311-cp311-linux_x86_64", None),
        ("cp38-abi3-manylinux2014_x86_64", None),
        ("py3-none-manylinux1_x86_64", None),
        ("py2.py3-none-any", None),
        ("py3-none-any", None),
        ("cp312-cp312-manylinux_2_17_x86_64", Some(Code::WrongLanguageVersion)),
        ("cp312-abi3-manylinux_2_17_x86_64", Some(Code::WrongLanguageVersion)),
        ("cp313-cp313t-manylinux_2_17_x86_64", Some(Code::WrongLanguageVersion)),
        ("pp310-pypy310_pp73-manylinux_2_17_x86_64", Some(Code::WrongLanguageVersion)),
        ("cp311-cp311-musllinux_1_2_x86_64", Some(Code::WrongLibc)),
        ("cp311-cp311-manylinux_2_17_aarch64", Some(Code::WrongArchitecture)),
        ("cp311-cp311-manylinux_2_17_i686", Some(Code::WrongArchitecture)),
        ("cp311-cp311-macosx_11_0_arm64", Some(Code::WrongArchitecture)),
        ("cp38-abi3-macosx_10_12_universal2", Some(Code::WrongArchitecture)),
        ("cp311-cp311-win_amd64", Some(Code::WrongArchitecture)),
        ("py3-none-win32", Some(Code::WrongArchitecture)),
    ] {
        assert_eq!(code("python3.11", &[tag], &[]), expected.as_slice(), "{tag}");
        assert_eq!(code("nodejs22.x", &[tag], &[]), [], "{tag}");
    }
    let other = "cp311-cp311-macosx_11_0_arm64";
    assert_eq!(code("python3.11", &[other, "cp311-cp311-manylinux2014_x86_64"], &[]), []);
    assert_eq!(code("python3.11", &[], &[]), []);
    let library = |content| [("/var/task/x/a.so", content)];
    assert_eq!(code("python3.11", &[other], &library(mac())), [Code::WrongArchitecture], "once");
    assert_eq!(code("python3.11", &["py3-none-any"], &library(mac())), [], "the wheel knows better");
    let second = [("/var/task/x/b.so", linux())];
    assert_eq!(code("python3.11", &[other], &second), [], "a second wheel is installed in the same folder");
    let musl = "cp311-cp311-musllinux_1_2_x86_64";
    assert_eq!(
        code("python3.11", &[musl], &library(linux())),
        [Code::WrongLibc],
        "its own libraries prove nothing"
    );
}

#[test]
fn add_ons_for_another_node_are_errors() {
    let add_on = |names: &[&str]| linked("", &["libc.so.6"], names);
    let place = "/var/task/node_modules/better-sqlite3/build/Release/better_sqlite3.node";
    let code = |runtime: &str, names: &[&str]| codes(runtime, &[(place, add_on(names))], &[]);
    assert_eq!(code("nodejs22.x", &["node_register_module_v127"]), []);
    assert_eq!(code("nodejs22.x", &["napi_register_module_v1"]), []);
    assert_eq!(code("nodejs22.x", &[]), []);
    assert_eq!(code("nodejs20.x", &["node_register_module_v127"]), [Code::WrongLanguageVersion]);
    assert_eq!(code("python3.12", &["node_register_module_v127"]), []);
    let found = findings("nodejs22.x", &[(place, add_on(&["node_register_module_v108"]))], &[]);
    assert!(found[0].message.ends_with("built for Node.js 18, but the runtime is Node.js 22"), "{found:?}");
    assert!(help(&found[0]).contains("`npm rebuild better-sqlite3`"));

    let prebuilt = |name: &str| format!("/var/task/node_modules/x/prebuilds/linux-x64/{name}");
    let names = |names: &[&str]| {
        let files: Vec<_> = names.iter().map(|name| (prebuilt(name), add_on(&[]))).collect();
        let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), content.clone())).collect();
        codes("nodejs22.x", &files, &[])
    };
    assert_eq!(names(&["node.abi108.node"]), [Code::WrongLanguageVersion]);
    assert_eq!(names(&["node.abi108.node", "node.abi127.node"]), []);
    assert_eq!(names(&["node.napi.node"]), []);
}

#[test]
fn libraries_for_another_c_library_are_errors() {
    let musl = || linked("", &["libc.musl-x86_64.so.1"], &[]);
    let glibc = || linked("", &["libc.so.6"], &[]);
    let sharp = |platform: &str| format!("/var/task/node_modules/@img/sharp-{platform}/lib/x.node");
    let (of_musl, of_glibc) = (sharp("linuxmusl-x64"), sharp("linux-x64"));
    assert_eq!(codes("nodejs22.x", &[(&of_musl, musl())], &[]), [Code::WrongLibc]);
    assert_eq!(codes("nodejs22.x", &[(&of_musl, linux())], &[]), [Code::WrongLibc], "by its name");
    assert_eq!(codes("nodejs22.x", &[(&of_musl, musl()), (&of_glibc, glibc())], &[]), []);
    assert_eq!(codes("nodejs22.x", &[("/var/task/lib/x.so", musl())], &[]), [Code::WrongLibc]);
    let module = "/var/task/x.cpython-311-x86_64-linux-musl.so";
    assert_eq!(codes("python3.11", &[(module, linux())], &[]), [Code::WrongLibc]);
    let static_program = "/var/task/node_modules/@biomejs/cli-linux-x64-musl/biome";
    assert_eq!(codes("nodejs22.x", &[(static_program, linux())], &[]), [], "it needs no library");

    let mut alpine = Fixture::on_debian("nodejs22.x");
    alpine.index =
        base_of(&[&["bin/", "bin/sh", "lib/", "lib/ld-musl-x86_64.so.1", "usr/", "usr/bin/", "usr/bin/env"]]);
    alpine = alpine.layer("client", &["/opt/nodejs/node_modules/aws-lambda-ric/x"]);
    alpine.trees.code = of_bytes(&[(&of_glibc, glibc())], &[]);
    assert!(alpine.errors()[0].starts_with("wrong-libc: "), "{:?}", alpine.errors());
    assert!(help(&alpine.findings()[0]).contains("--libc=musl"));
    alpine.trees.code = of_bytes(&[(&of_musl, musl())], &[]);
    alpine.checked();
}

#[test]
fn a_native_module_next_to_the_same_in_python_is_passed_over() {
    let package = "/var/task/charset_normalizer";
    let tag = "cpython-39-darwin.so";
    let metadata = "/var/task/charset_normalizer-3.0.dist-info";
    let wheel = format!("{metadata}/WHEEL=Tag: cp39-cp39-macosx_11_0_arm64\n");
    let record = format!(
        "{metadata}/RECORD=charset_normalizer/md.py,,\ncharset_normalizer/md.{tag},,\ncharset_normalizer/md__mypyc.{tag},,\n"
    );
    let python = format!("{package}/md.py");
    let native = format!("{package}/md.{tag}");
    let mypyc = format!("{package}/md__mypyc.{tag}");
    let files = [(native.as_str(), mac()), (mypyc.as_str(), mac())];
    assert_eq!(codes("python3.11", &files, &[&wheel, &record, &python]), []);
    assert_eq!(codes("python3.11", &files, &[&wheel, &record]), [Code::WrongArchitecture]);
    assert_eq!(codes("python3.11", &files, &[&python]), [], "without metadata");
    for (name, others, is_found) in [
        ("yaml/_yaml.cpython-39-darwin.so", "yaml/__init__.py", false),
        ("markupsafe/_speedups.cp39-win_amd64.pyd", "markupsafe/__init__.py", false),
        ("a/b.cpython-39-darwin.so", "a/b/__init__.py", false),
        ("a/b.cpython-39-darwin.so", "a/c.py", true),
        // Python tries these first.
        ("a/b.so", "a/b.py", true),
        ("a/b.abi3.so", "a/b.py", true),
        ("a/b.cpython-311-x86_64-linux-gnu.so", "a/b.py", true),
    ] {
        let (name, others) = (format!("/var/task/{name}"), format!("/var/task/{others}"));
        let found = codes("python3.11", &[(&name, mac())], &[&others]);
        assert_eq!(found.contains(&Code::WrongArchitecture), is_found, "{name}");
    }
}
