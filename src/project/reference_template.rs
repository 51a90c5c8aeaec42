//! Image references with a placeholder for the function's name.

use std::fmt;
use std::str::FromStr;

use super::{ImageReference, ImageReferenceError};

/// The placeholder for the function's name.
const FUNCTION: &str = "{function}";

/// An image reference that may contain `{function}` as a placeholder for a function's name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceTemplate(String);

impl ReferenceTemplate {
    /// The reference for a function.
    ///
    /// # Errors
    /// When the function's name is not valid in a repository or tag.
    pub fn reference(&self, function: &str) -> Result<ImageReference, ImageReferenceError> {
        self.0.replace(FUNCTION, &function.to_lowercase()).parse()
    }
}

impl FromStr for ReferenceTemplate {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A template is valid if the reference for an ordinary name is.
        match text.replace(FUNCTION, "function").parse::<ImageReference>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(error.about(text)),
        }
    }
}

impl fmt::Display for ReferenceTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_name_replaces_the_placeholder() {
        for (template, expected) in [
            ("registry.example.com/shop/{function}:main", "registry.example.com/shop/createorder:main"),
            ("registry.example.com/shop/all", "registry.example.com/shop/all"),
            ("localhost:5000/{function}/{function}", "localhost:5000/createorder/createorder"),
            ("localhost:5000/shop:{function}", "localhost:5000/shop:createorder"),
        ] {
            let template: ReferenceTemplate = template.parse().unwrap();
            assert_eq!(template.reference("CreateOrder").unwrap().to_string(), expected);
        }
        let template: ReferenceTemplate = "localhost:5000/{function}".parse().unwrap();
        assert!(template.reference("_no_repository_").is_err());
    }

    #[test]
    fn invalid_templates_are_rejected_as_they_were_written() {
        for text in
            ["", "a.b/Shop/{function}", "shop/{project}", "shop/{function", "https://a/{function}", "a b"]
        {
            let error = text.parse::<ReferenceTemplate>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a valid image reference"));
        }
    }
}
