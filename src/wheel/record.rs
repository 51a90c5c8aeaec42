//! The file `RECORD`: what a wheel contains, and what an installation consists of (recording installed projects).

use std::collections::BTreeMap;
use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The hash algorithms that the format accepts: "sha256 or better".
const ALGORITHMS: [&str; 3] = ["sha256", "sha384", "sha512"];

/// What a row says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// `sha256=…` or a longer one in base64 for URLs without padding. None for the list itself and its signatures.
    pub(super) hash: Option<String>,
    /// The size in bytes, which the format leaves open.
    pub(super) size: Option<u64>,
}

/// Reads the rows of a wheel's list by their paths, or says what is wrong with one.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Row>, String> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let row = fields(line).and_then(|fields| row(&fields));
        let Some((path, row)) = row else {
            return Err(format!("its `RECORD` has the invalid line `{}`", crate::text::excerpt(line)));
        };
        if rows.insert(path.clone(), row).is_some() {
            return Err(format!("its `RECORD` lists `{}` twice", crate::text::excerpt(&path)));
        }
    }
    Ok(rows)
}

fn row(fields: &[String]) -> Option<(String, Row)> {
    let [path, hash, size] = fields else { return None };
    let hash = match hash.split_once('=') {
        None if hash.is_empty() => None,
        Some((algorithm, digest)) if ALGORITHMS.contains(&algorithm) => {
            Some(format!("{algorithm}={}", digest.trim_end_matches('=')))
        }
        _ => return None,
    };
    let size = if size.is_empty() { None } else { Some(size.parse().ok()?) };
    Some((path.clone(), Row { hash, size }))
}

/// The fields of a line of comma-separated values (RFC 4180); none if its quotation marks do not match.
fn fields(line: &str) -> Option<Vec<String>> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let mut field = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            // Two quotation marks stand for one.
            loop {
                let (text, after) = quoted.split_once('"')?;
                field.push_str(text);
                let Some(more) = after.strip_prefix('"') else { break rest = after };
                field.push('"');
                quoted = more;
            }
        }
        let (text, next) = rest.split_once(',').map_or((rest, None), |(text, next)| (text, Some(next)));
        fields.push(field + text);
        match next {
            Some(next) => rest = next,
            None => return Some(fields),
        }
    }
}

/// Adds a row to a list.
pub(super) fn write_row(list: &mut String, path: &str, hash: Option<&str>, size: Option<u64>) {
    if path.contains([',', '"']) {
        list.push('"');
        list.push_str(&path.replace('"', "\"\""));
        list.push('"');
    } else {
        list.push_str(path);
    }
    list.push(',');
    list.push_str(hash.unwrap_or_default());
    list.push(',');
    list.push_str(&size.map(|size| size.to_string()).unwrap_or_default());
    list.push('\n');
}

/// The hash of bytes, as limg writes it.
pub(super) fn hash_of(bytes: &[u8]) -> String {
    format!("sha256={}", URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)))
}

/// Whether what is read has a hash of [`parse`].
pub(super) fn has_hash(bytes: impl Read, hash: &str) -> io::Result<bool> {
    let (algorithm, expected) = hash.split_once('=').unwrap_or_default();
    let found = match algorithm {
        "sha384" => digest::<Sha384>(bytes),
        "sha512" => digest::<Sha512>(bytes),
        _ => digest::<Sha256>(bytes),
    };
    Ok(found? == expected)
}

fn digest<D: Digest>(mut bytes: impl Read) -> io::Result<String> {
    let mut hasher = D::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match bytes.read(&mut buffer)? {
            0 => return Ok(URL_SAFE_NO_PAD.encode(hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_read_with_any_ends_of_lines() {
        let rows =
            parse("a.py,sha256=AbC-_,12\r\n\"b,\"\"c.py\",sha512=x==,\r\n\r\na-1.dist-info/RECORD,,\n")
                .unwrap();
        assert_eq!(rows["a.py"], Row { hash: Some("sha256=AbC-_".to_owned()), size: Some(12) });
        assert_eq!(rows["b,\"c.py"], Row { hash: Some("sha512=x".to_owned()), size: None });
        assert_eq!(rows["a-1.dist-info/RECORD"], Row { hash: None, size: None });
    }

    #[test]
    fn other_rows_are_refused() {
        for line in
            ["a", "a,b", "a,md5=x,1", "a,sha256,1", "a,sha256=x,-1", "a,sha256=x,1,2", "\"a,,", "\"a\"\","]
        {
            assert_eq!(parse(line), Err(format!("its `RECORD` has the invalid line `{line}`")));
        }
        assert_eq!(parse("a,,\na,,\n"), Err("its `RECORD` lists `a` twice".to_owned()));
    }

    #[test]
    fn every_algorithm_is_computed() {
        // From Python's hashlib.
        for hash in [
            "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0",
            "sha384=ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP_W-2AhgcroefMI1i67KE0yCWn",
            "sha512=3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_uu9RU1EI2Q86A4qmslPpUyknw",
        ] {
            assert!(has_hash(&b"abc"[..], hash).unwrap(), "{hash}");
            assert!(!has_hash(&b"abd"[..], hash).unwrap(), "{hash}");
        }
        assert_eq!(hash_of(b"abc"), "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }

    proptest! {
        #[test]
        fn any_text_is_a_list_or_an_error(text in "([a-c,\"=\r\n0-9]|sha256|\\PC){0,60}") {
            let _parsed = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_again(path in "[^\r\n\u{b}\u{c}\u{1c}-\u{1e}\u{85}\u{2028}\u{2029}]{1,20}") {
            let mut list = String::new();
            write_row(&mut list, &path, Some("sha256=x"), Some(1));
            let rows = parse(&list).map_err(TestCaseError::fail)?;
            prop_assert_eq!(rows.keys().collect::<Vec<_>>(), [&path]);
        }
    }
}
