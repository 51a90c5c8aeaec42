//! Debuggers of languages: what makes a function wait for one when it starts.

use crate::project::RunConfig;
use crate::runtime::{Language, WRAPPER_VARIABLE};

/// The name of the script that starts debugpy, next to a copied emulator.
pub(super) const SCRIPT_NAME: &str = "debugpy";

/// That script. A runtime starts it as its wrapper.
pub(super) const SCRIPT: &str = include_str!("debugpy.sh");

/// A language whose functions limg can start with a debugger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Debugger {
    /// Node.js' own inspector.
    Nodejs,
    /// The Java Debug Wire Protocol of the virtual machine.
    Java,
    /// The package debugpy, which the function or a layer contains.
    Python,
}

impl Debugger {
    /// The debugger for a runtime id, if there is one.
    #[must_use]
    pub fn of(runtime: &str) -> Option<Self> {
        match Language::of(runtime)? {
            Language::Node => Some(Self::Nodejs),
            Language::Java => Some(Self::Java),
            Language::Python => Some(Self::Python),
            Language::Ruby | Language::DotNet => None,
        }
    }

    /// The variables that make a function wait for a debugger on this port of the container. `given` has those of the
    /// caller, which override the image's.
    pub(super) fn variables(
        self,
        port: u16,
        folder: &str,
        run: &RunConfig,
        given: &[(String, String)],
    ) -> Vec<(String, String)> {
        let all = || run.environment.iter().chain(given).rev();
        let value = |name: &str| all().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let appended = |name: &str, option: String| {
            let before = value(name).map(|value| format!("{value} ")).unwrap_or_default();
            vec![(name.to_owned(), format!("{before}{option}"))]
        };
        match self {
            Self::Nodejs => appended("NODE_OPTIONS", format!("--inspect-brk=0.0.0.0:{port}")),
            Self::Java => appended(
                "JAVA_TOOL_OPTIONS",
                format!(
                    "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,quiet=y,address=0.0.0.0:{port}"
                ),
            ),
            Self::Python => {
                let wrapped = value(WRAPPER_VARIABLE).unwrap_or_default().to_owned();
                vec![
                    (WRAPPER_VARIABLE.to_owned(), format!("{folder}/{SCRIPT_NAME}")),
                    ("LIMG_DEBUG_ADDRESS".to_owned(), format!("0.0.0.0:{port}")),
                    ("LIMG_DEBUG_WRAPPED".to_owned(), wrapped),
                ]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn options_of_the_image_and_the_caller_are_kept() {
        let variables = |debugger: Debugger, image: &[(&str, &str)], given: &[(&str, &str)]| {
            let run = RunConfig { environment: own(image), ..RunConfig::default() };
            debugger.variables(9229, "/.limg", &run, &own(given))
        };
        let image = [("NODE_OPTIONS", "--require /opt/hook.js")];
        let expected = own(&[("NODE_OPTIONS", "--require /opt/hook.js --inspect-brk=0.0.0.0:9229")]);
        assert_eq!(variables(Debugger::Nodejs, &image, &[]), expected);
        let given = [("NODE_OPTIONS", "--trace-gc")];
        let expected = own(&[("NODE_OPTIONS", "--trace-gc --inspect-brk=0.0.0.0:9229")]);
        assert_eq!(variables(Debugger::Nodejs, &image, &given), expected);
        let java = variables(Debugger::Java, &[], &[]);
        assert!(
            java[0].1.starts_with("-agentlib:jdwp=") && java[0].1.ends_with("address=0.0.0.0:9229"),
            "{java:?}"
        );
        let wrapper = [(WRAPPER_VARIABLE, "/opt/wrapper")];
        let expected = own(&[
            (WRAPPER_VARIABLE, "/.limg/debugpy"),
            ("LIMG_DEBUG_ADDRESS", "0.0.0.0:9229"),
            ("LIMG_DEBUG_WRAPPED", "/opt/wrapper"),
        ]);
        assert_eq!(variables(Debugger::Python, &wrapper, &[]), expected);
    }

    #[test]
    fn languages_are_known_by_their_runtimes() {
        for (runtime, expected) in [
            ("nodejs22.x", Some(Debugger::Nodejs)),
            ("java8.al2", Some(Debugger::Java)),
            ("python3.13", Some(Debugger::Python)),
            ("ruby3.3", None),
            ("provided.al2023", None),
        ] {
            assert_eq!(Debugger::of(runtime), expected, "{runtime}");
        }
    }
}
