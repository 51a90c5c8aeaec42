//! How SAM and CloudFormation templates spell the settings that help asks for.

use crate::definition::document::Vocabulary;
use crate::finding::Setting;

/// The words of this format.
pub(in crate::definition) const VOCABULARY: Vocabulary =
    Vocabulary::new(setting, "Variables", &["Resources"]);

fn setting(setting: Setting) -> Option<String> {
    Some(match setting {
        Setting::Architecture(architecture) => {
            format!("set `Architectures: [{architecture}]` for the function")
        }
        Setting::OtherArchitecture => "change the function's `Architectures`".to_owned(),
        Setting::Exclude => "add it to `.limgignore` in the code's folder".to_owned(),
        Setting::ExcludeSeveral => "add them to `.limgignore` in the code's folder".to_owned(),
        Setting::Keep => "add `!PATTERN` to `.limgignore` to keep it".to_owned(),
        Setting::KeepMatching(pattern) => format!("add `!{pattern}` to `.limgignore` to keep `{pattern}`"),
        Setting::Handler => "add `Handler:`".to_owned(),
        Setting::KeepBytecode => "use `--bytecode keep`".to_owned(),
        Setting::CompileBytecode => "use `--bytecode compile`".to_owned(),
        Setting::LayerFiles => "download the layer, and use `--layer ARN=PATH`".to_owned(),
        Setting::FollowLinks
        | Setting::EntryPoint
        | Setting::IgnoreCompatibility
        | Setting::InstallRequirements => {
            return None;
        }
    })
}
