//! The stable names of everything that a definition can have wrong.
//!
//! Programs match on these names, so one is never renamed and never given a second meaning. The explanation is for
//! the documentation; what a user reads stands in the [`crate::problem::Problem`] itself.

/// Declares each code once, as a constant and as a row of [`ALL`].
macro_rules! codes {
    ($($(#[doc = $explanation:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $explanation])+ pub const $name: &str = $code;)+

        /// Every code with its explanation, in the order of their declaration.
        pub const ALL: &[(&str, &str)] = &[$(($code, concat!($($explanation),+))),+];
    };
}

codes! {
    /// The file holds nothing.
    EMPTY_DEFINITION = "empty-definition";
    /// A key that limg does not know.
    UNKNOWN_KEY = "unknown-key";
    /// A key that stands twice in one mapping.
    DUPLICATE_KEY = "duplicate-key";
    /// A key that must be there and is not.
    MISSING_KEY = "missing-key";
    /// A value of the wrong type, such as text where a list belongs.
    WRONG_TYPE = "wrong-type";
    /// A number below or above what Lambda accepts.
    OUT_OF_RANGE = "out-of-range";
    /// A word that is none of those that the key accepts.
    UNKNOWN_VALUE = "unknown-value";
    /// A YAML tag such as `!Ref`, which means nothing here.
    TAG = "tag";
    /// A merge key `<<` that names no mapping, or a second one.
    MERGE_KEY = "merge-key";
    /// A key that has a meaning only beside another one, which is not there.
    MISPLACED_KEY = "misplaced-key";
    /// A value of the right type that is empty.
    EMPTY_VALUE = "empty-value";
    /// The definition has no function.
    NO_FUNCTIONS = "no-functions";
    /// A name that cannot be used where limg must use it.
    BAD_NAME = "bad-name";
    /// Two functions whose names differ only in case.
    NAME_CLASH = "name-clash";
    /// A runtime that is neither in the catalogue nor in `bases`.
    UNKNOWN_RUNTIME = "unknown-runtime";
    /// A base whose name is no runtime id and that does not say which runtime's contract it keeps.
    MISSING_CONTRACT = "missing-contract";
    /// A contract that is no runtime id.
    UNKNOWN_CONTRACT = "unknown-contract";
    /// An image location that cannot be read as one.
    BAD_IMAGE = "bad-image";
    /// A handler that Lambda would refuse.
    BAD_HANDLER = "bad-handler";
    /// A layer that is not defined.
    UNKNOWN_LAYER = "unknown-layer";
    /// An extension that is not defined.
    UNKNOWN_EXTENSION = "unknown-extension";
    /// A layer or extension that one function lists twice.
    LISTED_TWICE = "listed-twice";
    /// A layer that says more than once where its files come from.
    SEVERAL_SOURCES = "several-sources";
    /// A text that is not the ARN of a layer version.
    BAD_ARN = "bad-arn";
    /// A path in an image that is not a plain one, or that lies where a layer has no files.
    BAD_IMAGE_PATH = "bad-image-path";
    /// Two versions of one layer in one function, which Lambda refuses.
    TWO_VERSIONS = "two-versions";
    /// A path where there is nothing.
    MISSING_PATH = "missing-path";
    /// A path that could not be looked at.
    UNREADABLE_PATH = "unreadable-path";
    /// A file that cannot be what its key says: a `.zip` that is none, a layer that is one file, a device.
    WRONG_FILE = "wrong-file";
    /// An extension that brings nothing.
    EMPTY_EXTENSION = "empty-extension";
    /// A wrapper whose path in the image is not a plain one.
    BAD_WRAPPER = "bad-wrapper";
    /// `wrapper` and `AWS_LAMBDA_EXEC_WRAPPER` at once.
    TWO_WRAPPERS = "two-wrappers";
    /// An entry point that is no list of words of which the first is the path of a program in the image.
    BAD_ENTRYPOINT = "bad-entrypoint";
    /// A handler wrapper of which limg does not know in which variable it looks for the function's own handler.
    UNKNOWN_HANDLER_WRAPPER = "unknown-handler-wrapper";
    /// Two handler wrappers that look into one variable, or a variable of one that is set already.
    HANDLER_VARIABLE_CLASH = "handler-variable-clash";
    /// An environment variable with a name or value that Lambda would refuse.
    BAD_VARIABLE = "bad-variable";
    /// An environment variable that Lambda sets itself.
    RESERVED_VARIABLE = "reserved-variable";
    /// A pattern that cannot be read as one of gitignore.
    BAD_PATTERN = "bad-pattern";
    /// A template, or what it makes of the names of project and function, that cannot name a repository in ECR.
    BAD_REPOSITORY = "bad-repository";
    /// A text that is not the number of an AWS account.
    BAD_ACCOUNT = "bad-account";
    /// A tag that ECR would refuse.
    BAD_TAG = "bad-tag";
    /// Warning: a variable that looks like a secret.
    POSSIBLE_SECRET = "possible-secret";
    /// Warning: more environment than Lambda lets a function's configuration have.
    LARGE_ENVIRONMENT = "large-environment";
    /// Warning: a layer, extension or base that no function uses.
    UNUSED = "unused";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_unique_kebab_case_and_explained() {
        let unique: BTreeSet<_> = ALL.iter().map(|(code, _)| code).collect();
        assert_eq!(unique.len(), ALL.len());
        for (code, explanation) in ALL {
            assert!(code.split('-').all(|word| word.chars().all(|c| c.is_ascii_lowercase())), "{code}");
            assert!(!code.contains("--") && explanation.trim().ends_with('.'), "{code}");
        }
    }
}
