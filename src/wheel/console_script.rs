//! Programs of packages: the text of those that call an entry point, and the first line of those that a wheel contains.

use super::entry_points::EntryPoint;

/// How the first line of a script begins that runs with the interpreter of the installation ("Recommended installer
/// features"), `#!pythonw` too.
pub(super) const PLACEHOLDER: &[u8] = b"#!python";

/// A program that calls an entry point, with the text that pip 26 writes.
pub(super) fn launcher(program: &EntryPoint, interpreter: &str) -> String {
    let EntryPoint { module, object, .. } = program;
    let imported = object.split('.').next().unwrap_or(object);
    format!(
        "#!{interpreter}\nimport sys\nfrom {module} import {imported}\nif __name__ == '__main__':\n    \
         sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit({object}())\n"
    )
}

/// A script with the interpreter in its first line, in place of what begins with [`PLACEHOLDER`].
pub(super) fn with_interpreter(script: &[u8], interpreter: &str) -> Vec<u8> {
    let end = memchr::memchr(b'\n', script).map_or(script.len(), |end| end + 1);
    [format!("#!{interpreter}\n").as_bytes(), &script[end..]].concat()
}

/// Whether a file in the folder of scripts is a launcher that the build made for one of the programs: the installer's own
/// takes its place.
pub(super) fn is_launcher(file_name: &str, programs: &[EntryPoint]) -> bool {
    let suffix = [".exe", "-script.py", ".pya"].into_iter().find(|suffix| {
        let start = file_name.len().checked_sub(suffix.len());
        start.and_then(|start| file_name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    });
    let name = &file_name[..file_name.len() - suffix.map_or(0, str::len)];
    programs.iter().any(|program| program.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str) -> EntryPoint {
        EntryPoint { name: name.to_owned(), module: "pkg.cli".to_owned(), object: "Command.run".to_owned() }
    }

    #[test]
    fn a_launcher_imports_the_first_name_and_calls_all() {
        assert_eq!(
            launcher(&program("run"), "/var/lang/bin/python3"),
            "#!/var/lang/bin/python3\nimport sys\nfrom pkg.cli import Command\nif __name__ == '__main__':\n    \
             sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit(Command.run())\n"
        );
    }

    #[test]
    fn the_first_line_is_replaced() {
        for (script, expected) in
            [("#!python\nx\n", "#!/p\nx\n"), ("#!pythonw -E\r\nx", "#!/p\nx"), ("#!python", "#!/p\n")]
        {
            assert_eq!(with_interpreter(script.as_bytes(), "/p"), expected.as_bytes());
        }
    }

    #[test]
    fn launchers_of_the_build_are_recognised() {
        let programs = [program("run")];
        for (name, expected) in [
            ("run", true),
            ("run.EXE", true),
            ("run-script.py", true),
            ("run.pya", true),
            ("run.py", false),
            ("runé.exe", false),
            (".exe", false),
            ("é", false),
        ] {
            assert_eq!(is_launcher(name, &programs), expected, "{name}");
        }
    }
}
