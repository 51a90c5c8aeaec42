//! `limg.lock`, written by several limgs at once.

use crate::support::{Context, registry, write_base};

/// How many limgs write pins at the same time.
const PROCESSES: usize = 8;

/// A project whose functions have one base each, all in a registry.
fn project() -> Context {
    let context = Context::new();
    write_base(&context.root().join("base"), "amd64");
    let host = registry::serve(&context.root().join("base"));
    let base =
        |number| format!("  base{number}: {{ image: \"{host}/base{number}:1\", contract: python3.12 }}\n");
    let function =
        |number| format!("  f{number}: {{ runtime: base{number}, handler: app.handler, code: app.py }}\n");
    let bases: Vec<_> = (0..PROCESSES).map(base).collect();
    let functions: Vec<_> = (0..PROCESSES).map(function).collect();
    context.write("limg.yaml", format!("bases:\n{}functions:\n{}", bases.concat(), functions.concat()));
    context.write("app.py", "");
    context
}

#[test]
fn limgs_that_run_at_once_keep_the_pins_of_each_other() {
    for round in 0..8 {
        let context = project();
        let running: Vec<_> = (0..PROCESSES)
            .map(|number| {
                let (function, base) = (format!("f{number}"), format!("base{number}"));
                let output = format!("oci-archive:{function}.tar");
                // Stores of their own, as those of several users: the lock must not depend on a common store.
                let mut command = match number % 2 {
                    0 => context.command(&["update", &base]),
                    _ => context.command(&["build", &function, "-o", &output]),
                };
                command.env("LIMG_STORE", context.root().join(format!("store{number}")));
                command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
                command.spawn().unwrap()
            })
            .collect();
        for process in running {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let lock = std::fs::read_to_string(context.path("limg.lock")).unwrap();
        let missing: Vec<_> =
            (0..PROCESSES).filter(|number| !lock.contains(&format!("/base{number}:1"))).collect();
        assert!(missing.is_empty(), "round {round}: the pins of {missing:?} are lost:\n{lock}");
        context.assert_clean();
    }
}
