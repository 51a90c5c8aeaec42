//! Values for the parameters of a template, as the SAM CLI and the AWS CLI take them: `A=1 B="two words"` or
//! `ParameterKey=A,ParameterValue=1` (AWS SAM developer guide, sam deploy, `--parameter-overrides`).

use std::str::FromStr;

/// Values by the names of parameters, in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ParameterOverrides(pub Vec<(String, String)>);

impl FromStr for ParameterOverrides {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        words(text)?.iter().map(|word| assignment(word)).collect::<Result<_, _>>().map(Self)
    }
}

impl ParameterOverrides {
    /// The values in `samconfig.toml`. What the deployed stack or another file has is left out: `UsePreviousValue`, and
    /// `file://` with the path of a file.
    ///
    /// # Errors
    /// When a text has another form.
    pub(crate) fn of_samconfig(text: &str) -> Result<Self, String> {
        let words = words(text)?;
        let is_elsewhere =
            |word: &&String| word.starts_with("file://") || word.contains(",UsePreviousValue=");
        words
            .iter()
            .filter(|word| !is_elsewhere(word))
            .map(|word| assignment(word))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Splits a text at spaces outside of quotes, and removes the quotes.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, '\\') => {
                let escaped = letters.next().unwrap_or('\\');
                let word = word.get_or_insert_default();
                // Elsewhere a backslash is part of the value, such as that of a path on Windows.
                if !matches!(escaped, '"' | '\'' | '\\' | ' ') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    match quote {
        Some(quote) => Err(format!("a {quote} is not closed")),
        None => Ok(words),
    }
}

fn assignment(word: &str) -> Result<(String, String), String> {
    let form = "use NAME=VALUE";
    let (name, value) = match word.strip_prefix("ParameterKey=") {
        Some(rest) => {
            rest.split_once(",ParameterValue=").ok_or("use ParameterKey=NAME,ParameterValue=VALUE")?
        }
        None => word.split_once('=').ok_or(form)?,
    };
    // The names that CloudFormation accepts (AWS CloudFormation user guide, Parameters: alphanumeric).
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(form.to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_elsewhere_is_left_out_of_samconfig() {
        let text =
            "ParameterKey=A,ParameterValue=1 ParameterKey=B,UsePreviousValue=true file://c.json D=file://x";
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let expected = ParameterOverrides([("A", "1"), ("D", "file://x")].map(own).into());
        assert_eq!(ParameterOverrides::of_samconfig(text), Ok(expected));
        assert!(
            ParameterOverrides::of_samconfig("A").is_err() && text.parse::<ParameterOverrides>().is_err()
        );
    }

    #[test]
    fn values_are_read_as_the_sam_cli_reads_them() {
        for (text, expected) in [
            ("", &[][..]),
            ("A=1", &[("A", "1")]),
            ("A=1 B=2", &[("A", "1"), ("B", "2")]),
            ("A=\"two words\" B='x \"y\"'", &[("A", "two words"), ("B", "x \"y\"")]),
            ("A= B=a=b", &[("A", ""), ("B", "a=b")]),
            ("A=\"\"", &[("A", "")]),
            (r#"A=a\"b\ c B=C:\dir"#, &[("A", "a\"b c"), ("B", r"C:\dir")]),
            (
                "ParameterKey=A,ParameterValue=1 ParameterKey=B,ParameterValue=x,y",
                &[("A", "1"), ("B", "x,y")],
            ),
            ("  A=1\n  B=2\n", &[("A", "1"), ("B", "2")]),
        ] {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let expected = ParameterOverrides(expected.iter().map(own).collect());
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for bad in ["A", "=1", "A-B=1", "ParameterKey=A", "A=\"x"] {
            assert!(bad.parse::<ParameterOverrides>().is_err(), "{bad}");
        }
    }
}
