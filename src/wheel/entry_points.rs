//! The file `entry_points.txt`: the programs that an installer creates (entry points specification).

/// A program that calls a function of the package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPoint {
    /// The name of the program.
    pub name: String,
    /// The module, such as `package.cli`.
    pub module: String,
    /// What is called in it, such as `main` or `Command.run`.
    pub object: String,
}

/// The groups that are programs. On Linux they do not differ.
const PROGRAMS: [&str; 2] = ["console_scripts", "gui_scripts"];

/// Reads the programs of `entry_points.txt`, sorted by name, or says what is wrong with one.
pub(super) fn parse(text: &str) -> Result<Vec<EntryPoint>, String> {
    let mut group = "";
    let mut programs = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            group = name;
        } else if PROGRAMS.contains(&group) {
            let program = program(line)
                .ok_or_else(|| format!("its entry point `{}` is not valid", crate::text::excerpt(line)))?;
            programs.push(program);
        }
    }
    // Of programs with one name the last one counts, as in pip.
    programs.reverse();
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    programs.dedup_by(|next, first| next.name == first.name);
    Ok(programs)
}

/// Reads `NAME = MODULE:OBJECT [EXTRAS]`.
fn program(line: &str) -> Option<EntryPoint> {
    let (name, value) = line.split_once('=')?;
    let (module, object) = value.split('[').next()?.split_once(':')?;
    let [name, module, object] = [name, module, object].map(str::trim);
    let is_file_name = !name.is_empty()
        && !matches!(name, "." | "..")
        && !name.contains(|c: char| c == '/' || c == '\\' || c.is_control());
    // They become part of a Python program.
    let are_names = [module, object].iter().all(|names| names.split('.').all(is_identifier));
    (is_file_name && are_names).then(|| EntryPoint {
        name: name.to_owned(),
        module: module.to_owned(),
        object: object.to_owned(),
    })
}

fn is_identifier(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_numeric())
        && !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn programs_are_read_and_other_groups_are_not() {
        let text = "# one\n[console_scripts]\nb = pkg.cli:Command.run [extra,other]\na=pkg:main\n\n\
                    [other]\nc = not valid\n[gui_scripts]\r\na = pkg:window\r\n";
        let programs = parse(text).unwrap();
        let shown: Vec<_> =
            programs.iter().map(|it| format!("{}={}:{}", it.name, it.module, it.object)).collect();
        assert_eq!(shown, ["a=pkg:window", "b=pkg.cli:Command.run"]);
    }

    #[test]
    fn what_cannot_be_a_program_is_refused() {
        for line in [
            "a = pkg",
            "a",
            "= pkg:main",
            "a = pkg:",
            "../a = pkg:main",
            ".. = pkg:main",
            "a = pkg:main; import os",
            "a = pkg..x:main",
            "a = 1pkg:main",
        ] {
            let error = parse(&format!("[console_scripts]\n{line}\n")).unwrap_err();
            assert_eq!(error, format!("its entry point `{line}` is not valid"));
        }
    }

    proptest! {
        #[test]
        fn any_text_has_programs_or_an_error(text in "(\\[console_scripts\\]\n)?([a-c=:\\[\\]. \n/]|\\PC){0,60}") {
            for program in parse(&text).unwrap_or_default() {
                prop_assert!(!program.name.contains('/') && !program.object.is_empty());
            }
        }
    }
}
