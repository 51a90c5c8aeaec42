//! How `serverless.yml` spells the settings that help asks for.

use crate::definition::document::Vocabulary;
use crate::finding::Setting;

/// The words of this format.
pub(in crate::definition) const VOCABULARY: Vocabulary =
    Vocabulary::new(setting, "environment", &["functions", "layers"]);

fn setting(setting: Setting) -> Option<String> {
    Some(match setting {
        Setting::Architecture(architecture) => format!("set `architecture: {architecture}` for the function"),
        Setting::OtherArchitecture => "change the function's `architecture`".to_owned(),
        Setting::Exclude => "add it with a `!` in front to `package.patterns`".to_owned(),
        Setting::ExcludeSeveral => "add them with a `!` in front to `package.patterns`".to_owned(),
        Setting::Keep => "add it to `package.patterns` to keep it".to_owned(),
        Setting::KeepMatching(pattern) => format!("add `{pattern}` to `package.patterns` to keep it"),
        Setting::Handler => "add `handler:`".to_owned(),
        Setting::KeepBytecode => "use `--bytecode keep`".to_owned(),
        Setting::CompileBytecode => "use `--bytecode compile`".to_owned(),
        Setting::LayerFiles => "download the layer, and use `--layer ARN=PATH`".to_owned(),
        Setting::InstallRequirements => {
            "use the plugin `serverless-python-requirements` and run `serverless package`".to_owned()
        }
        Setting::FollowLinks | Setting::EntryPoint | Setting::IgnoreCompatibility => return None,
    })
}
