//! Names of ECR repositories, with placeholders.

use std::fmt;
use std::str::FromStr;

/// The placeholder for the project's name, without braces.
const PROJECT: &str = "project";
/// The placeholder for the function's name, without braces.
const FUNCTION: &str = "function";

/// The length of a repository's name in characters (ECR API reference, `CreateRepository`, `repositoryName`).
const LENGTH: std::ops::RangeInclusive<usize> = 2..=256;

/// The name of a function's ECR repository, with `{project}` and `{function}` as placeholders.
///
/// It is valid for ordinary names. [`RepositoryTemplate::repository`] checks the result for particular ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryTemplate(String);

/// Why a template, or the name that results from it, is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryTemplateError {
    /// An unknown name in braces.
    #[error("`{template}` has the unknown placeholder `{{{name}}}`")]
    Placeholder {
        /// The template.
        template: String,
        /// The text in the braces.
        name: String,
    },
    /// An opening brace without a closing one, or the reverse.
    #[error("`{template}` has an unmatched brace")]
    Brace {
        /// The template.
        template: String,
    },
    /// ECR does not accept the name.
    #[error("`{name}` is not a valid name for an ECR repository")]
    Name {
        /// The name, or the template itself if it is not valid for any names.
        name: String,
    },
}

impl RepositoryTemplateError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Placeholder { .. } => "use `{project}` or `{function}`",
            Self::Brace { .. } => "write `{project}` and `{function}` with both braces",
            Self::Name { .. } => {
                "use 2 to 256 lower-case letters and digits, with a single `.`, `_`, `-` or `/` between them"
            }
        }
    }
}

impl RepositoryTemplate {
    /// The template itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The repository of a function. Upper-case letters of the names become lower case.
    ///
    /// # Errors
    /// When ECR does not accept the resulting name.
    pub fn repository(&self, project: &str, function: &str) -> Result<String, RepositoryTemplateError> {
        let name = fill(&self.0, |placeholder| match placeholder {
            PROJECT => Some(project.to_lowercase()),
            FUNCTION => Some(function.to_lowercase()),
            _ => None,
        })?;
        if is_repository(&name) { Ok(name) } else { Err(RepositoryTemplateError::Name { name }) }
    }
}

impl Default for RepositoryTemplate {
    fn default() -> Self {
        Self(format!("{{{PROJECT}}}/{{{FUNCTION}}}"))
    }
}

impl FromStr for RepositoryTemplate {
    type Err = RepositoryTemplateError;

    fn from_str(text: &str) -> Result<Self, RepositoryTemplateError> {
        let template = Self(text.to_owned());
        // Any two valid names show whether the text around the placeholders is valid.
        match template.repository("shop", "orders") {
            Ok(_) => Ok(template),
            Err(RepositoryTemplateError::Name { .. }) => {
                Err(RepositoryTemplateError::Name { name: text.to_owned() })
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for RepositoryTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The template with each placeholder replaced by its value.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, RepositoryTemplateError> {
    let brace = || RepositoryTemplateError::Brace { template: template.to_owned() };
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or_else(brace)?;
        if before.contains('}') || name.contains('{') {
            return Err(brace());
        }
        let unknown =
            || RepositoryTemplateError::Placeholder { template: template.to_owned(), name: name.to_owned() };
        filled.push_str(before);
        filled.push_str(&value(name).ok_or_else(unknown)?);
        rest = behind;
    }
    if rest.contains('}') {
        return Err(brace());
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Whether ECR accepts a name: words of lower-case letters and digits with one separator between them (ECR API
/// reference, `CreateRepository`, the pattern of `repositoryName`). Other registries also allow `__` and `--`.
fn is_repository(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    LENGTH.contains(&name.len()) && name.split(['/', '.', '_', '-']).all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(template: &str, project: &str, function: &str) -> Result<String, RepositoryTemplateError> {
        template.parse::<RepositoryTemplate>()?.repository(project, function)
    }

    #[test]
    fn names_replace_the_placeholders() {
        for (template, expected) in [
            ("{project}/{function}", "shop/createorder"),
            ("{function}", "createorder"),
            ("team-a/{project}_{function}.lambda", "team-a/shop_createorder.lambda"),
            ("{project}{function}", "shopcreateorder"),
            ("lambdas", "lambdas"),
            ("{function}/{function}", "createorder/createorder"),
        ] {
            assert_eq!(repository(template, "shop", "CreateOrder").as_deref(), Ok(expected), "{template}");
        }
        assert_eq!(RepositoryTemplate::default().repository("shop", "a").as_deref(), Ok("shop/a"));
    }

    #[test]
    fn invalid_templates_are_rejected() {
        for (template, error) in [
            ("{stage}/{function}", "`{stage}/{function}` has the unknown placeholder `{stage}`"),
            ("{}", "`{}` has the unknown placeholder `{}`"),
            ("{Project}", "`{Project}` has the unknown placeholder `{Project}`"),
            ("{project", "`{project` has an unmatched brace"),
            ("project}", "`project}` has an unmatched brace"),
            ("{{project}}", "`{{project}}` has an unmatched brace"),
            ("}{project}", "`}{project}` has an unmatched brace"),
            ("", "`` is not a valid name for an ECR repository"),
            ("a", "`a` is not a valid name for an ECR repository"),
            ("Shop/{function}", "`Shop/{function}` is not a valid name for an ECR repository"),
            ("/{function}", "`/{function}` is not a valid name for an ECR repository"),
            ("{function}/", "`{function}/` is not a valid name for an ECR repository"),
            ("{project}//{function}", "`{project}//{function}` is not a valid name for an ECR repository"),
            ("{project}--{function}", "`{project}--{function}` is not a valid name for an ECR repository"),
            ("{function}:v1", "`{function}:v1` is not a valid name for an ECR repository"),
            ("ünit/{function}", "`ünit/{function}` is not a valid name for an ECR repository"),
        ] {
            assert_eq!(repository(template, "p", "f").unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn names_that_ecr_does_not_accept_are_rejected() {
        let long = "f".repeat(257);
        for (template, project, function) in
            [("{project}/{function}", "shop", "a--b"), ("{project}", "a__b", "f"), ("{function}", "p", &long)]
        {
            let error = repository(template, project, function).unwrap_err();
            assert!(matches!(error, RepositoryTemplateError::Name { .. }), "{template}: {error}");
        }
    }
}
