//! How the repositories of functions are named in ECR.

use std::fmt;
use std::str::FromStr;

/// What stands for the project's name.
const PROJECT: &str = "project";
/// What stands for the function's name.
const FUNCTION: &str = "function";

/// The length of a repository's name in characters (ECR API reference, `CreateRepository`, `repositoryName`).
const LENGTH: std::ops::RangeInclusive<usize> = 2..=256;

/// The name of a function's repository in ECR, in which `{project}` and `{function}` stand for names.
///
/// It is good for ordinary names; whether it is good for particular ones, [`RepositoryTemplate::repository`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryTemplate(String);

/// Why a template, or what it makes of some names, cannot name a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryTemplateError {
    /// Something else than a known name in braces.
    #[error("`{{{name}}}` in `{template}` stands for nothing")]
    Placeholder {
        /// The template.
        template: String,
        /// What is in the braces.
        name: String,
    },
    /// A brace without the other.
    #[error("`{template}` has a brace without its other")]
    Brace {
        /// The template.
        template: String,
    },
    /// ECR does not take the name.
    #[error("`{name}` cannot be the name of a repository in ECR")]
    Name {
        /// The name, or the template itself when it is good for no names.
        name: String,
    },
}

impl RepositoryTemplateError {
    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Placeholder { .. } => "known are `{project}` and `{function}`",
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
    /// When ECR does not take the name that comes out.
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
        // Any two names that are good in themselves show whether what stands around them is good.
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

/// The template with what `value` gives for each name in braces.
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

/// Whether ECR takes a name: words of lower-case letters and digits with one separator between two of them (ECR API
/// reference, `CreateRepository`, the pattern of `repositoryName`). That is narrower than the grammar of other registries,
/// which allow `__` and `--`.
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
    fn names_stand_where_the_template_has_them() {
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
    fn a_template_that_is_good_for_no_names_is_refused() {
        for (template, error) in [
            ("{stage}/{function}", "`{stage}` in `{stage}/{function}` stands for nothing"),
            ("{}", "`{}` in `{}` stands for nothing"),
            ("{Project}", "`{Project}` in `{Project}` stands for nothing"),
            ("{project", "`{project` has a brace without its other"),
            ("project}", "`project}` has a brace without its other"),
            ("{{project}}", "`{{project}}` has a brace without its other"),
            ("}{project}", "`}{project}` has a brace without its other"),
            ("", "`` cannot be the name of a repository in ECR"),
            ("a", "`a` cannot be the name of a repository in ECR"),
            ("Shop/{function}", "`Shop/{function}` cannot be the name of a repository in ECR"),
            ("/{function}", "`/{function}` cannot be the name of a repository in ECR"),
            ("{function}/", "`{function}/` cannot be the name of a repository in ECR"),
            ("{project}//{function}", "`{project}//{function}` cannot be the name of a repository in ECR"),
            ("{project}--{function}", "`{project}--{function}` cannot be the name of a repository in ECR"),
            ("{function}:v1", "`{function}:v1` cannot be the name of a repository in ECR"),
            ("ünit/{function}", "`ünit/{function}` cannot be the name of a repository in ECR"),
        ] {
            assert_eq!(repository(template, "p", "f").unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn names_that_ecr_does_not_take_are_refused_when_they_are_met() {
        let long = "f".repeat(257);
        for (template, project, function) in
            [("{project}/{function}", "shop", "a--b"), ("{project}", "a__b", "f"), ("{function}", "p", &long)]
        {
            let error = repository(template, project, function).unwrap_err();
            assert!(matches!(error, RepositoryTemplateError::Name { .. }), "{template}: {error}");
        }
    }
}
