//! How Terraform spells the settings that help asks for.

use crate::definition::document::Vocabulary;
use crate::finding::Setting;

/// The words of this format.
pub(in crate::definition) const VOCABULARY: Vocabulary =
    Vocabulary { setting, variables: "variables", sections: &[] };

/// The words where `--arch` overrides the plan.
pub(in crate::definition) const VOCABULARY_UNDER_OPTION: Vocabulary =
    Vocabulary { setting: setting_under_option, ..VOCABULARY };

fn setting_under_option(of: Setting) -> Option<String> {
    match of {
        Setting::Architecture(architecture) => Some(format!("use `--arch {architecture}`")),
        Setting::OtherArchitecture => Some("use another `--arch`".to_owned()),
        other => setting(other),
    }
}

fn setting(setting: Setting) -> Option<String> {
    Some(match setting {
        Setting::Architecture(architecture) => {
            format!("set `architectures = [\"{architecture}\"]` for the function")
        }
        Setting::OtherArchitecture => "change the function's `architectures`".to_owned(),
        Setting::Exclude => "add it to `.limgignore` in the code's folder".to_owned(),
        Setting::ExcludeSeveral => "add them to `.limgignore` in the code's folder".to_owned(),
        Setting::Keep => "add `!PATTERN` to `.limgignore` to keep it".to_owned(),
        Setting::KeepMatching(pattern) => format!("add `!{pattern}` to `.limgignore` to keep `{pattern}`"),
        Setting::Handler => "add `handler`".to_owned(),
        Setting::LayerFiles => "download the layer, and use `--layer ARN=PATH`".to_owned(),
        Setting::FollowLinks | Setting::EntryPoint | Setting::IgnoreCompatibility => return None,
    })
}
