//! Globs of `package`, as the library reads them that Serverless uses (micromatch 4), in pieces that gitignore knows too.
//!
//! Both know `*`, `?`, `**` and `[…]`. Of what only micromatch knows, alternatives such as `{a,b}`, `(a|b)`, `@(a|b)` and
//! `?(a)` become several globs; `!(…)`, `+(…)`, `*(…)` and classes such as `[[:alpha:]]` have no counterpart.

/// How many globs one with alternatives may become.
const ALTERNATIVES_AT_MOST: usize = 256;

/// How deep alternatives may be nested.
const NESTED_AT_MOST: usize = 16;

/// The longest glob that is looked at, in characters.
const LENGTH_AT_MOST: usize = 1000;

/// A path that a glob matches, in segments. Each is `**`, or text in the syntax of both gitignore and micromatch without a
/// slash.
pub(super) type Segments = Vec<String>;

/// What a glob matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What any of these match. None match nothing: a path never begins or ends with a slash.
    Paths(Vec<Segments>),
    /// Something above the folder that it is relative to.
    Outside,
    /// More than gitignore can express: some of what is below a folder.
    Below(Segments),
}

/// Reads a glob, without the `!` in front of it.
pub(super) fn read(glob: &str) -> Meaning {
    let glob: Vec<char> = glob.chars().collect();
    let mut alternatives = Vec::new();
    let is_read = glob.len() <= LENGTH_AT_MOST && expand(&[], &glob, 0, &mut alternatives).is_some();
    if !is_read {
        return below(&glob);
    }
    let mut paths = Vec::new();
    for alternative in alternatives {
        match segments(&alternative) {
            Some(Path::Inside(path)) if paths.contains(&path) => {}
            Some(Path::Inside(path)) => paths.push(path),
            Some(Path::None) => {}
            Some(Path::Outside) => return Meaning::Outside,
            None => return below(&glob),
        }
    }
    Meaning::Paths(paths)
}

/// Whether `!` with this glob leaves out folders too: Serverless does not list the content of a folder that such a pattern
/// names without a placeholder at its end (fast-glob 3, which reads `package.patterns` first).
pub(super) fn names_folders(path: &[String]) -> bool {
    path.last().is_some_and(|name| !name.contains(|character| "*?[]{}()\\".contains(character)))
}

/// Whether `FOLDER/**` matches a file in the place of the folder too, which micromatch decides by the end of its name.
pub(super) fn matches_without_slash(folder: &[String]) -> bool {
    folder.last().is_some_and(|name| !name.ends_with('*') || name.ends_with("\\*"))
}

/// The folder up to the first segment with a special character: all that the glob matches is below it.
fn below(glob: &[char]) -> Meaning {
    let text: String = glob.iter().collect();
    let text = text.trim_start_matches("./");
    let is_plain =
        |segment: &&str| !segment.contains(|c| "*?[]{}()\\\"|!+@".contains(c)) && !segment.is_empty();
    let folder: Segments =
        text.split('/').take_while(is_plain).map(|name| escape_end(name.to_owned())).collect();
    match folder.first().map(String::as_str) {
        Some("..") => Meaning::Outside,
        _ => Meaning::Below(folder.into_iter().take_while(|name| name != "." && name != "..").collect()),
    }
}

/// Replaces alternatives: adds a text without any for each combination. Nothing if that is not possible.
fn expand(done: &[char], rest: &[char], depth: usize, found: &mut Vec<String>) -> Option<()> {
    let mut done = done.to_vec();
    let mut at = 0;
    while let Some(&character) = rest.get(at) {
        match character {
            '\\' => {
                done.extend([character, *rest.get(at + 1)?]);
                at += 2;
            }
            '[' => {
                let Some(end) = rest[at..].iter().position(|other| *other == ']') else {
                    done.extend(['\\', character]);
                    at += 1;
                    continue;
                };
                let (class, after) = (&rest[at..=at + end], &rest[at + end + 1..]);
                if class[1..end].iter().any(|character| "-*+?.^${}(|)[\\".contains(*character)) {
                    done.extend(class);
                    at += end + 1;
                    continue;
                }
                // A class of plain characters matches its own text too.
                let text = [&['\\'], &class[..end], &['\\', ']']].concat();
                for option in [class, &text] {
                    alternative(&[&done, option].concat(), after, depth, found)?;
                }
                return Some(());
            }
            '{' | '(' => {
                let Some(end) = closing(&rest[at..]) else {
                    done.extend(['\\', character]);
                    at += 1;
                    continue;
                };
                let (inner, after) = (&rest[at + 1..at + end], &rest[at + end + 1..]);
                let options = if character == '{' { braces(inner)? } else { parentheses(&mut done, inner)? };
                for option in options {
                    alternative(&done, &[&option, after].concat(), depth, found)?;
                }
                return Some(());
            }
            '}' | ')' => {
                done.extend(['\\', character]);
                at += 1;
            }
            '"' | '|' => return None,
            _ => {
                done.push(character);
                at += 1;
            }
        }
    }
    found.push(done.into_iter().collect());
    Some(())
}

/// The same for one of several alternatives, if there are not too many.
fn alternative(done: &[char], rest: &[char], depth: usize, found: &mut Vec<String>) -> Option<()> {
    let is_possible = depth < NESTED_AT_MOST && found.len() < ALTERNATIVES_AT_MOST;
    is_possible.then(|| expand(done, rest, depth + 1, found))?
}

/// The position of what closes the bracket at the start.
fn closing(text: &[char]) -> Option<usize> {
    let mut open = Vec::new();
    let mut is_escaped = false;
    for (at, &character) in text.iter().enumerate() {
        match character {
            _ if is_escaped => {}
            '{' | '(' => open.push(character),
            '}' | ')' => {
                let expected = if character == '}' { '{' } else { '(' };
                if open.pop() != Some(expected) {
                    return None;
                }
                if open.is_empty() {
                    return Some(at);
                }
            }
            _ => {}
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    None
}

/// What is between braces: one of several texts, or of a range of characters. A single text keeps its braces.
fn braces(inner: &[char]) -> Option<Vec<Vec<char>>> {
    let options = split(inner, ',');
    if options.len() > 1 {
        return Some(options);
    }
    match inner {
        [first, '.', '.', last] if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => {
            let (first, last) = (first.min(last), first.max(last));
            Some(vec![vec!['[', *first, '-', *last, ']']])
        }
        _ if inner.windows(2).any(|pair| pair == ['.', '.']) => None,
        _ => Some(vec![[&['\\', '{'], inner, &['\\', '}']].concat()]),
    }
}

/// What is between parentheses. A character in front of them says how often.
fn parentheses(done: &mut Vec<char>, inner: &[char]) -> Option<Vec<Vec<char>>> {
    let mut options = split(inner, '|');
    let is_escaped = done.len() > 1 && done[done.len() - 2] == '\\';
    match done.last() {
        Some('!' | '+' | '*') if !is_escaped => return None,
        Some('@') if !is_escaped => {
            done.pop();
        }
        Some('?') if !is_escaped => {
            done.pop();
            options.push(Vec::new());
        }
        _ => {}
    }
    Some(options)
}

/// Splits a text at a separator that is not in brackets of its own.
fn split(text: &[char], separator: char) -> Vec<Vec<char>> {
    let (mut options, mut depth, mut is_escaped) = (vec![Vec::new()], 0_usize, false);
    for &character in text {
        let is_separator = character == separator && depth == 0 && !is_escaped;
        match character {
            _ if is_escaped => {}
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_escaped = character == '\\' && !is_escaped;
        match options.last_mut() {
            Some(option) if !is_separator => option.push(character),
            _ => options.push(Vec::new()),
        }
    }
    options
}

enum Path {
    /// Below the folder that the glob is relative to.
    Inside(Segments),
    /// Nothing can match.
    None,
    /// Above that folder.
    Outside,
}

/// Reads a glob without alternatives; nothing if gitignore cannot express it.
fn segments(glob: &str) -> Option<Path> {
    let mut glob = glob;
    while let Some(rest) = glob.strip_prefix("./") {
        glob = rest;
    }
    if glob.starts_with("../") {
        return Some(Path::Outside);
    }
    // micromatch has a shortcut for this form, which makes it match in all folders.
    if let Some(suffix) = glob.strip_prefix("**.").filter(|suffix| is_suffix(suffix)) {
        return Some(Path::Inside(vec!["**".to_owned(), format!("*.{suffix}")]));
    }
    if glob.starts_with('!') {
        return None;
    }
    let mut path = Segments::new();
    for segment in glob.split('/') {
        if matches!(segment, "" | "." | "..") {
            return Some(Path::None);
        }
        path.push(if segment == "**" { segment.to_owned() } else { name(segment)? });
    }
    Some(Path::Inside(path))
}

fn is_suffix(text: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    text.split('.').all(is_word)
}

/// Writes a segment in gitignore's syntax.
fn name(segment: &str) -> Option<String> {
    let mut name = String::new();
    let mut rest = segment.chars();
    while let Some(character) = rest.next() {
        match character {
            '*' if name.ends_with('*') && !name.ends_with("\\*") => {}
            '\\' => {
                // The library that reads gitignore syntax does not know a backslash at the end of a name.
                let escaped = rest.next().filter(|escaped| *escaped != '\\' && !is_dropped(*escaped))?;
                name.extend([character, escaped]);
            }
            '[' => {
                let (class, after) = rest.as_str().split_once(']')?;
                name += &self::class(class)?;
                rest = after.chars();
            }
            ']' => name += "\\]",
            _ => name.push(character),
        }
    }
    (!name.ends_with(is_dropped)).then(|| escape_end(name))
}

/// Whether the library that reads gitignore syntax drops a character at the end of a line, escaped or not.
fn is_dropped(character: char) -> bool {
    character.is_whitespace() && character != ' '
}

/// Writes a class of characters. `^` negates it, `!` is one of its characters; it never matches a slash.
fn class(class: &str) -> Option<String> {
    let (negation, characters) = match class.strip_prefix('^') {
        Some(characters) => ("^", characters),
        None => ("", class),
    };
    let is_plain = |character: char| character.is_alphanumeric() || "_-.@+!~,=#% ".contains(character);
    let plain: Vec<char> = characters.chars().collect();
    let is_ordered = |window: &[char]| window[1] != '-' || (window[0] != '-' && window[0] <= window[2]);
    let suits = !plain.is_empty()
        && plain.iter().copied().all(is_plain)
        && plain.first() != Some(&'-')
        && plain.last() != Some(&'-')
        && plain.windows(3).all(is_ordered);
    let slash = if negation.is_empty() { "" } else { "/" };
    // A `!` at the start would negate it in gitignore.
    let (start, end) = match characters.strip_prefix('!') {
        Some(others) if !others.starts_with('-') => (others, "!"),
        Some(_) => return None,
        None => (characters, ""),
    };
    if (negation, start, end) == ("", "", "!") {
        return Some("!".to_owned());
    }
    suits.then(|| format!("[{negation}{start}{end}{slash}]"))
}

/// gitignore drops spaces at the end of a line.
fn escape_end(mut name: String) -> String {
    if name.ends_with(' ') && !name.ends_with("\\ ") {
        name.truncate(name.len() - 1);
        name += "\\ ";
    }
    name
}
