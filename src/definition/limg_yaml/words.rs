//! How `limg.yaml` spells the settings that help asks for.

use crate::definition::document::Vocabulary;
use crate::finding::Setting;

/// The words of this format.
pub(in crate::definition) const VOCABULARY: Vocabulary =
    Vocabulary::new(setting, "environment", &["bases", "layers", "extensions", "functions"]);

fn setting(setting: Setting) -> Option<String> {
    Some(match setting {
        Setting::Architecture(architecture) => format!("set `architecture: {architecture}` for the function"),
        Setting::OtherArchitecture => "change the function's `architecture`".to_owned(),
        Setting::Exclude => "add it to `exclude`".to_owned(),
        Setting::ExcludeSeveral => "add them to `exclude`".to_owned(),
        Setting::Keep => "add `!PATTERN` to `exclude` to keep it".to_owned(),
        Setting::KeepMatching(pattern) => format!("add `!{pattern}` to `exclude` to keep `{pattern}`"),
        Setting::FollowLinks => "set `follow: true` to copy what the link points to".to_owned(),
        Setting::Handler => "add `handler:`".to_owned(),
        Setting::EntryPoint => "add `entrypoint:` to the base under `bases`".to_owned(),
        Setting::IgnoreCompatibility => {
            "set `ignore_compatibility: true` if you know that the layer works".to_owned()
        }
        Setting::KeepBytecode => "set `bytecode: keep`".to_owned(),
        Setting::CompileBytecode => "set `bytecode: compile`".to_owned(),
        Setting::LayerFiles => "download the layer and give its `path`".to_owned(),
        Setting::InstallRequirements => return None,
    })
}
