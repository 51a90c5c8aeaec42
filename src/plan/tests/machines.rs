//! Programs and libraries for another machine than the function's.

use super::*;

const X86_64: u16 = 62;
const ARM64: u16 = 183;

#[test]
fn what_lambda_starts_must_be_for_the_functions_machine() {
    let mut bench = Bench::new("provided.al2023").extension("log", &[], &[], None);
    bench.parts.extensions = vec![binaries(&[("/opt/extensions/log", ARM64), ("/opt/arm64/wrap", ARM64)])];
    bench.parts.code = binaries(&[("/var/task/bootstrap", ARM64)]);
    bench.function.wrapper = Some(Wrapper::InImage(path("/opt/arm64/wrap")));
    assert_eq!(
        bench.problems(),
        [
            "wrong-architecture: `/opt/extensions/log` of extension log, which Lambda would start as an extension, is \
             built for arm64, and the function's architecture is x86_64",
            "wrong-architecture: the custom runtime `/var/task/bootstrap` is built for arm64, and the function's \
             architecture is x86_64",
            "wrong-architecture: the wrapper `/opt/arm64/wrap` is built for arm64, and the function's architecture is \
             x86_64",
        ],
        "each is told once, whatever its path says"
    );
    bench.function.architecture = Architecture::Arm64;
    bench.planned();
}

#[test]
fn libraries_for_another_machine_are_one_problem_for_each_tree() {
    let mut bench = Bench::new("python3.12").layer("numpy", &[]).layer("mixed", &[]);
    let module = |name: &str| format!("/opt/python/numpy/{name}.cpython-312-x86_64-linux-gnu.so");
    let modules = ["a", "b", "c", "d", "e"].map(module);
    let files: Vec<_> = modules.iter().map(|path| (path.as_str(), X86_64)).collect();
    bench.parts.layers[0] = binaries(&files);
    bench.parts.layers[1] = binaries(&[("/opt/lib/a.so.1", 40), ("/opt/bin/tool", 243)]);
    bench.parts.code = binaries(&[("/var/task/tool", X86_64)]);
    bench.function.architecture = Architecture::Arm64;
    assert_eq!(
        bench.problems(),
        [
            format!(
                "wrong-architecture: the layer `numpy` brings `{}`, `{}`, `{}` and 2 more, built for x86_64, and the \
                 function's architecture is arm64",
                modules[0], modules[1], modules[2]
            ),
            "wrong-architecture: the layer `mixed` brings `/opt/bin/tool`, `/opt/lib/a.so.1`, built for 32-bit arm \
             and riscv64, and the function's architecture is arm64"
                .to_owned(),
            "wrong-architecture: the code of `orders` brings `/var/task/tool`, built for x86_64, and the function's \
             architecture is arm64"
                .to_owned(),
        ]
    );
    let Err(PlanError::Problems(problems)) = bench.plan() else { panic!("it has problems") };
    let help = problems[0].help.as_deref().unwrap();
    for words in ["--platform manylinux2014_aarch64", "`exclude:`", "`architecture: x86_64`"] {
        assert!(help.contains(words), "{help}");
    }
    assert!(!problems[1].help.as_deref().unwrap().contains("`architecture:"), "no function can load both");
}

#[test]
fn a_package_for_another_machine_alone_is_a_problem() {
    let module = |machine: &str| format!("/var/task/node_modules/@img/sharp-linux-{machine}/lib/sharp.node");
    let mut bench = Bench::new("nodejs22.x");
    bench.parts.code = binaries(&[(&module("arm64"), ARM64), ("/var/task/node_modules/x/x.node", X86_64)]);
    assert!(bench.problems()[0].contains(&module("arm64")));
    bench.parts.code = binaries(&[(&module("arm64"), ARM64), (&module("x64"), X86_64)]);
    bench.planned();
}

#[test]
fn a_layer_that_is_trusted_is_warned_of_and_one_without_exclude_is_not_advised_it() {
    let version = |ignore_compatibility| {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:layer:tools:3".parse().unwrap();
        LayerSource::Version(VersionSource { arn, ignore_compatibility })
    };
    let mut bench = Bench::new("python3.12").layer("tools", &[]);
    bench.parts.layers[0] = binaries(&[("/opt/lib/a.so", ARM64)]);
    bench.function.layers[0].source = version(false);
    let Err(PlanError::Problems(problems)) = bench.plan() else { panic!("it has problems") };
    assert!(!problems[0].help.as_deref().unwrap().contains("exclude"), "{problems:?}");
    bench.function.layers[0].source = version(true);
    let plan = bench.planned();
    assert!(matches!(&plan.notes[..], [Event::Warning(warning)] if warning.code == "wrong-architecture"));
}

#[test]
fn files_for_several_machines_beside_each_other_are_no_problem() {
    let mut bench = Bench::new("nodejs22.x").layer("below", &[]).layer("above", &[]);
    bench.parts.code = binaries(&[
        ("/var/task/node_modules/x/prebuilds/linux-arm64/x.node", ARM64),
        ("/var/task/node_modules/x/prebuilds/linux-x64/x.node", X86_64),
    ]);
    bench.parts.layers = vec![binaries(&[("/opt/lib/x.so", ARM64)]), binaries(&[("/opt/lib/x.so", X86_64)])];
    assert!(bench.planned().names().contains(&"layer below"), "what another layer replaces is not loaded");
}
