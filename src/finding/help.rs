//! What to do about a finding or a failure.
//!
//! A room below the definition does not know how the user's format spells a setting. It names the [`Setting`] by its
//! meaning, and the room that read the document supplies the words.

/// What to do: one or more alternatives, the best first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Help(Vec<Advice>);

/// One thing that the user can do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Advice {
    /// An imperative clause: lower case, no full stop.
    Text(String),
    /// A change of the definition, worded by the format that the user wrote.
    Setting(Setting),
}

/// A setting that help can ask for. Each format has its own key for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// Set the function's architecture to this one, in Lambda's words.
    Architecture(&'static str),
    /// Set the function's architecture to that of its programs.
    OtherArchitecture,
    /// Exclude files that the function does not need.
    Exclude,
    /// The same, where a message names several files.
    ExcludeSeveral,
    /// Keep something that is excluded without a pattern of the user's.
    Keep,
    /// Keep what this pattern in gitignore syntax matches although limg would leave it out by itself.
    KeepMatching(&'static str),
    /// Follow symbolic links that leave their directory.
    FollowLinks,
    /// Give the function a handler.
    Handler,
    /// Say how the base image starts the handler.
    EntryPoint,
    /// Use a published layer even if it does not declare that it is compatible.
    IgnoreCompatibility,
    /// Use a downloaded copy of a published layer.
    LayerFiles,
    /// Do without bytecode that limg would make.
    KeepBytecode,
    /// Let limg make bytecode.
    CompileBytecode,
    /// Let the tool that the definition belongs to install the packages of a `requirements.txt`.
    InstallRequirements,
}

impl Help {
    /// A change of the definition.
    #[must_use]
    pub fn setting(setting: Setting) -> Self {
        Self(vec![Advice::Setting(setting)])
    }

    /// The same with a further alternative.
    #[must_use]
    pub fn or(mut self, other: impl Into<Self>) -> Self {
        self.0.extend(other.into().0);
        self
    }

    /// The same without changes of the definition; nothing if no alternative is left.
    #[must_use]
    pub fn without_settings(self) -> Option<Self> {
        let texts: Vec<_> = self.0.into_iter().filter(|advice| matches!(advice, Advice::Text(_))).collect();
        (!texts.is_empty()).then_some(Self(texts))
    }

    /// The help as one clause; `words` says how the user's format spells a setting, or nothing if it has no such
    /// setting. Nothing if no alternative is left.
    #[must_use]
    pub fn render(&self, words: impl Fn(Setting) -> Option<String>) -> Option<String> {
        let clauses: Vec<String> = self
            .0
            .iter()
            .filter_map(|advice| match advice {
                Advice::Text(text) => Some(text.clone()),
                Advice::Setting(setting) => words(*setting),
            })
            .collect();
        let (last, others) = clauses.split_last()?;
        Some(if others.is_empty() { last.clone() } else { format!("{}, or {last}", others.join(", ")) })
    }
}

impl From<&str> for Help {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Help {
    fn from(text: String) -> Self {
        Self(vec![Advice::Text(text)])
    }
}

impl From<Setting> for Help {
    fn from(setting: Setting) -> Self {
        Self::setting(setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_read_as_one_clause() {
        let words = |setting| match setting {
            Setting::Exclude => Some("exclude it".to_owned()),
            _ => None,
        };
        let render = |help: Help| help.render(words).unwrap_or_default();
        assert_eq!(render("rename it".into()), "rename it");
        assert_eq!(render(Help::from("rename it").or(Setting::Exclude)), "rename it, or exclude it");
        let three = Help::from("rename it").or("move it").or(Setting::Exclude);
        assert_eq!(render(three), "rename it, move it, or exclude it");
    }

    #[test]
    fn a_setting_that_a_format_lacks_is_left_out() {
        let none = |_| None;
        assert_eq!(Help::from("rename it").or(Setting::Exclude).render(none).as_deref(), Some("rename it"));
        assert_eq!(Help::setting(Setting::Exclude).render(none), None);
    }
}
