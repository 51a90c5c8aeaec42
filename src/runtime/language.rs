//! The language of a runtime.

/// A language with handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Node,
    Ruby,
    Java,
    DotNet,
}

impl Language {
    /// The language of a runtime id. Nothing for OS-only runtimes, whose programs may be written in any.
    #[must_use]
    pub(crate) fn of(runtime: &str) -> Option<Self> {
        let languages = [
            ("python", Self::Python),
            ("nodejs", Self::Node),
            ("ruby", Self::Ruby),
            ("java", Self::Java),
            ("dotnet", Self::DotNet),
        ];
        languages.into_iter().find_map(|(start, language)| runtime.starts_with(start).then_some(language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runtime_that_starts_handlers_has_a_language() {
        for id in crate::runtime::ids() {
            assert_eq!(Language::of(id).is_none(), id.starts_with("provided"), "{id}");
        }
    }
}
