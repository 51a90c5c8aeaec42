//! From templates to functions that can be built, or to what is wrong with each.

mod build_results;
mod environment;
mod functions;
mod layers;
mod nested;
mod never_panics;

use crate::definition::tests::Folder;
use crate::definition::{DefinitionError, Listed, Loaded, Options, WhyUnbuildable, load};
use crate::project::{FunctionCode, LayerSource};

/// Reads a text as `template.yaml` of a folder.
fn read(folder: &Folder, text: &str, options: &Options) -> Result<Loaded, DefinitionError> {
    folder.write("template.yaml", text.as_bytes());
    load(&folder.path("template.yaml"), options)
}

fn loaded(folder: &Folder, text: &str, options: &Options) -> Loaded {
    read(folder, text, options).unwrap_or_else(|error| panic!("{text}: {}", problems(&error)))
}

/// What a template has, one line for each function: those that can be built, then the others with the reasons.
fn report(folder: &Folder, text: &str, options: &Options) -> String {
    let loaded = match read(folder, text, options) {
        Ok(loaded) => loaded,
        Err(error) => return problems(&error),
    };
    let root = format!("{}/", folder.root().display());
    let mut lines: Vec<String> = Vec::new();
    for function in &loaded.project.functions {
        let code = match &function.code {
            FunctionCode::Files(source) => format!("{}/", source.path.display()),
            FunctionCode::Inline(files) => {
                files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join("+")
            }
        };
        let layers = function.layers.iter().map(|layer| match &layer.source {
            LayerSource::Files(source) => format!("{}={}", layer.name, source.path.display()),
            LayerSource::Version(version) => version.arn.to_string(),
            LayerSource::Image(_) => panic!("templates have no such layers"),
        });
        lines.push(format!(
            "{} {} {} {} {code} [{}] in {}",
            function.name,
            function.base.name,
            function.handler.as_deref().unwrap_or("-"),
            function.architecture.name(),
            layers.collect::<Vec<_>>().join(" "),
            function.image.name,
        ));
    }
    for function in &loaded.unbuildable {
        match &function.why {
            WhyUnbuildable::LeftAlone(why) => lines.push(format!("{} left alone: {why}", function.name)),
            WhyUnbuildable::Errors(findings) => {
                lines.push(format!("{}:", function.name));
                lines.push(shown(&loaded.sources.locate(findings)));
            }
        }
    }
    lines.join("\n").replace(&root, "")
}

fn problems(error: &DefinitionError) -> String {
    match error {
        DefinitionError::Findings { findings, .. } => shown(findings),
        other => other.to_string(),
    }
}

fn shown(findings: &Listed) -> String {
    let line = |located: &crate::definition::Located| {
        let line = located.position.map_or(0, |at| at.line);
        let help = located.help.as_ref().map(|help| format!("\n    help: {help}")).unwrap_or_default();
        format!("  {line}: [{}] {}{help}", located.finding.code, located.finding.message)
    };
    findings.shown.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Fails with the whole report of the first case that differs.
fn check(folder: &Folder, options: &Options, cases: &[(&str, &str, &str)]) {
    for (name, text, expected) in cases {
        let found = report(folder, text, options);
        let expected = expected.trim_matches('\n');
        assert!(found == expected, "{name}\n--- expected\n{expected}\n--- found\n{found}\n");
    }
}
