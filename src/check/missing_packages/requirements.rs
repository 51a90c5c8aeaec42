//! The packages that a `requirements.txt` lists (pip documentation, "Requirements File Format"; PEP 508).

use crate::project::Architecture;

/// How deep files may include each other.
const DEPTH: usize = 8;

/// What markers are compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Environment {
    /// The version of Python, such as (3, 12).
    pub(super) python: (u32, u32),
    pub(super) architecture: Architecture,
}

/// The normalised names (PEP 503) of the packages that a list requires for certain. `read` gives the text of another file
/// that the list includes, by its path next to the list.
pub(super) fn names(
    text: &str,
    environment: Environment,
    read: &mut dyn FnMut(&str) -> Option<String>,
) -> Vec<String> {
    let mut names = Vec::new();
    add(text, environment, read, DEPTH, &mut names);
    names
}

fn add(
    text: &str,
    environment: Environment,
    read: &mut dyn FnMut(&str) -> Option<String>,
    depth: usize,
    names: &mut Vec<String>,
) {
    for line in text.trim_start_matches('\u{feff}').replace("\\\r\n", " ").replace("\\\n", " ").lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let included = ["--requirement", "-r"].iter().find_map(|option| line.strip_prefix(option));
        if let Some(file) = included {
            let file = file.trim_start_matches(['=', ' ']).trim();
            if depth > 0
                && let Some(text) = read(file)
            {
                add(&text, environment, read, depth - 1, names);
            }
        } else if let Some(name) = required(line, environment)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
}

/// The package that a line requires. Nothing for comments, options, files and addresses, and where a marker excludes it or
/// cannot be decided.
fn required(line: &str, environment: Environment) -> Option<String> {
    let (requirement, marker) = line.split_once(';').unwrap_or((line, ""));
    let end = requirement
        .find(|character: char| !character.is_ascii_alphanumeric() && !"._-".contains(character))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    let is_name = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let is_followed =
        rest.is_empty() || rest.starts_with(['=', '<', '>', '!', '~', '[', '(', '@', ' ', '\t']);
    let is_file = [".whl", ".zip", ".tar.gz"].iter().any(|suffix| name.ends_with(suffix));
    // Options such as `--hash` follow the marker.
    let marker = marker.split(" --").next().unwrap_or_default().trim();
    let applies = marker.is_empty() || applies(marker, environment) == Some(true);
    (is_name && is_followed && !is_file && applies).then(|| normalised(name))
}

/// A name as PEP 503 compares it.
pub(in crate::check) fn normalised(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// Whether a marker holds; nothing if that is not clear.
fn applies(marker: &str, environment: Environment) -> Option<bool> {
    if marker.contains(['(', ')']) {
        return None;
    }
    let all = |part: &str| {
        part.split(" and ").map(|atom| atom_applies(atom, environment)).collect::<Option<Vec<_>>>()
    };
    let parts = marker.split(" or ").map(all).collect::<Option<Vec<_>>>()?;
    Some(parts.iter().any(|part| part.iter().all(|holds| *holds)))
}

/// Whether one comparison holds.
fn atom_applies(atom: &str, environment: Environment) -> Option<bool> {
    let operator = ["<=", ">=", "==", "!=", "<", ">"].into_iter().find(|operator| atom.contains(operator))?;
    let (variable, value) = atom.split_once(operator)?;
    let (variable, value) = (variable.trim(), value.trim().trim_matches(['"', '\'']));
    let ordering = if matches!(variable, "python_version" | "python_full_version") {
        let mut numbers = value.split('.').map(str::parse::<u32>);
        let version = (numbers.next()?.ok()?, numbers.next().unwrap_or(Ok(0)).ok()?);
        environment.python.cmp(&version)
    } else {
        let own = match variable {
            "sys_platform" => "linux",
            "platform_system" => "Linux",
            "os_name" => "posix",
            "implementation_name" => "cpython",
            "platform_python_implementation" => "CPython",
            "platform_machine" => environment.architecture.linux_name(),
            _ => return None,
        };
        own.cmp(value)
    };
    Some(match operator {
        "==" => ordering.is_eq(),
        "!=" => ordering.is_ne(),
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        _ => ordering.is_ge(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<String> {
        let environment = Environment { python: (3, 12), architecture: Architecture::Arm64 };
        names(text, environment, &mut |file| (file == "more.txt").then(|| "more_1\n-r more.txt".to_owned()))
    }

    #[test]
    fn names_are_read_as_pip_reads_them() {
        let text = "\u{feff}# comment\n\
            requests[socks]>=2,<3  # why\r\n\
            Foo_Bar.baz\n\
            --index-url https://example.com/simple\n\
            -e .\n./local\nhttps://example.com/a.whl\ngit+https://example.com/x\nwheels/a-1-py3-none-any.whl\n\
            pinned==1 --hash=sha256:x \\\n    --hash=sha256:y\n\
            named @ https://example.com/named.zip\n\
            -r more.txt\n--requirement=missing.txt\n-c limits.txt\nrequests\n";
        assert_eq!(listed(text), ["requests", "foo-bar-baz", "pinned", "named", "more-1"]);
    }

    #[test]
    fn markers_decide() {
        for (marker, is_listed) in [
            ("python_version < \"3.8\"", false),
            ("python_version >= '3.9' and python_version < '4.0'", true),
            ("python_full_version >= '3.11.2'", true),
            ("sys_platform == 'win32'", false),
            ("sys_platform == 'win32' or os_name != 'nt'", true),
            ("platform_machine == 'aarch64'", true),
            ("extra == 'test'", false),
            ("(python_version > '3')", false),
        ] {
            assert_eq!(listed(&format!("a ; {marker}")), ["a"][..usize::from(is_listed)], "{marker}");
        }
    }
}
