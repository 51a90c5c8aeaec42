//! References to images in registries that differ by function.

use std::fmt;
use std::str::FromStr;

use super::{ImageReference, ImageReferenceError};

/// What stands for the function's name.
const FUNCTION: &str = "{function}";

/// A reference to an image in a registry, in which `{function}` may stand for a function's name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceTemplate(String);

impl ReferenceTemplate {
    /// The reference for a function.
    ///
    /// # Errors
    /// When no repository or tag can have the function's name in it.
    pub fn reference(&self, function: &str) -> Result<ImageReference, ImageReferenceError> {
        self.0.replace(FUNCTION, &function.to_lowercase()).parse()
    }
}

impl FromStr for ReferenceTemplate {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What it is for an ordinary name tells whether it is right.
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
    fn a_function_stands_where_the_template_has_it() {
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
    fn what_is_no_reference_is_refused_as_it_was_written() {
        for text in
            ["", "a.b/Shop/{function}", "shop/{project}", "shop/{function", "https://a/{function}", "a b"]
        {
            let error = text.parse::<ReferenceTemplate>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is no reference to an image in a registry"));
        }
    }
}
