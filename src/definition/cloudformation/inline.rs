//! The files that Lambda makes of code in a template (CloudFormation template reference, `AWS::Lambda::Function` Code,
//! `ZipFile`).

use crate::project::InlineFile;
use crate::runtime::Language;

/// The modules that Lambda adds to code in a template, with limg's own content: name, what imports it, file.
const PYTHON_RESPONSE: (&str, &str) = ("cfnresponse.py", include_str!("cfnresponse/cfnresponse.py"));
const NODE_RESPONSE: (&str, &str) = ("cfn-response.js", include_str!("cfnresponse/cfn-response.js"));

/// The files of a text: `index.py` or `index.js`, and the module for custom resources if the text names it. Nothing for a
/// runtime that cannot run text.
pub(super) fn files(text: String, runtime: &str) -> Option<Vec<InlineFile>> {
    let (name, (response, content)) = match Language::of(runtime)? {
        Language::Python => ("index.py", PYTHON_RESPONSE),
        Language::Node => ("index.js", NODE_RESPONSE),
        Language::Ruby | Language::Java | Language::DotNet => return None,
    };
    let module = response.split('.').next().unwrap_or_default();
    let needs_response = text.contains(module);
    let mut files = vec![InlineFile { name: name.to_owned(), content: text }];
    if needs_response {
        files.push(InlineFile { name: response.to_owned(), content: content.to_owned() });
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_the_file_that_lambda_makes_of_it() {
        let names = |text: &str, runtime: &str| {
            let files = files(text.to_owned(), runtime)?;
            Some(files.into_iter().map(|file| file.name).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("def handler(e, c): ...", "python3.12").unwrap(), "index.py");
        assert_eq!(names("import cfnresponse\n", "python3.12").unwrap(), "index.py cfnresponse.py");
        assert_eq!(names("exports.handler = f", "nodejs22.x").unwrap(), "index.js");
        assert_eq!(names("require('cfn-response')", "nodejs22.x").unwrap(), "index.js cfn-response.js");
        assert_eq!(names("class X {}", "java21"), None);
        assert_eq!(names("x", "provided.al2023"), None);
    }
}
