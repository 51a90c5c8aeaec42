//! Which resources the AWS SAM CLI must build before they can be packed, and the command that builds them.
//!
//! limg packs files as they are. Where a project needs a compiler, a bundler or a package manager first, an image of its
//! sources would fail when it starts.

use std::path::Path;

use super::build_need::{Builder, Need};
use super::intrinsics::{Expression, Stacks};
use super::uncompiled;
use crate::definition::document::Node;
use crate::finding::{Code, Finding, Help, Place};
use crate::fs;
use crate::runtime::Language;

/// The names of templates that the AWS SAM CLI finds by itself (AWS SAM CLI, `sam build`, `--template-file`).
pub(super) const FOUND_BY_SAM: [&str; 3] = ["template.yaml", "template.yml", "template.json"];

/// The option with which limg runs makefiles.
const RUN_MAKEFILES: &str = "--run-makefiles";

/// The largest makefile that is read, in bytes: more than people write.
const MAKEFILE_LIMIT: u64 = 1024 * 1024;

/// The command that builds all resources of a template. It names none of them: a build of one resource removes the results
/// of all others (AWS SAM CLI, `sam build`).
pub(super) fn sam_build(template: &Path) -> String {
    let name = template.file_name().unwrap_or_default().to_string_lossy();
    if FOUND_BY_SAM.contains(&name.as_ref()) {
        "sam build".to_owned()
    } else {
        format!("sam build -t {name}")
    }
}

/// Why the folder of a function's code cannot be packed as it is.
pub(super) fn needed_by_function<'t>(
    stacks: &Stacks<'t>,
    resource: &Expression<'t>,
    logical_id: &str,
    (runtime, handler): (&str, &str),
    folder: &Path,
) -> Option<Need> {
    if skips_build(stacks, resource) {
        return None;
    }
    if let Some(method) = build_method(stacks, resource).filter(|method| !only_installs(method)) {
        return Some(of_method(&method));
    }
    if has_own_target(runtime, folder, logical_id) {
        let why = format!("`Makefile` has the target `build-{logical_id}`");
        return Some(Need { why, builder: Builder::SamOrLimg(RUN_MAKEFILES) });
    }
    uncompiled::needed(folder, runtime, handler)
}

/// The same need of a function whose runtime was replaced by another one.
pub(super) fn for_replaced_runtime(need: Need, runtime: &str) -> Need {
    match need.builder {
        Builder::Sam => Need { builder: Builder::SamFor(runtime.to_owned()), ..need },
        _ => need,
    }
}

/// Why the content of a layer cannot be packed as it is: `BuildMethod` puts files into folders of the layer.
pub(super) fn needed_by_layer<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>) -> Option<Need> {
    if skips_build(stacks, resource) {
        return None;
    }
    build_method(stacks, resource).map(|method| match method.as_str() {
        // The AWS SAM CLI knows it for functions only.
        "esbuild" => Need::of_sam(why(&method)),
        method => of_method(method),
    })
}

/// The need of a `BuildMethod`.
fn of_method(method: &str) -> Need {
    let builder = match method {
        "esbuild" => Builder::SamOrLimg("--install"),
        "makefile" => Builder::SamOrLimg(RUN_MAKEFILES),
        method if only_installs(method) && !method.starts_with("ruby") => Builder::SamOrLimg("--install"),
        _ => Builder::Sam,
    };
    Need { why: why(method), builder }
}

fn why(method: &str) -> String {
    format!("its `BuildMethod` is `{method}`")
}

/// Whether the makefile of a folder has the target of a function for whose runtime the AWS SAM CLI runs makefiles.
pub(super) fn has_own_target(runtime: &str, folder: &Path, logical_id: &str) -> bool {
    Language::of(runtime).is_none() && has_target(folder, &format!("build-{logical_id}"))
}

/// The finding about sources that must be built first.
pub(super) fn needed(
    what: &str,
    need: &Need,
    why_stale: Option<&str>,
    command: &str,
    place: &Place,
) -> Finding {
    let why = &need.why;
    let stale = why_stale.map(|why| format!("; {why}")).unwrap_or_default();
    let message = format!("{what} must be built first, since {why}{stale}");
    let help = Help::from(match &need.builder {
        Builder::Sam | Builder::SamOrLimg(_) => format!("run `{command}`"),
        Builder::SamWith(method) => {
            format!("add `BuildMethod: {method}` to the function's `Metadata`, and run `{command}`")
        }
        Builder::SamWithTarget => {
            format!(
                "add the target `build-` with the function's logical id to `Makefile`, and run `{command}`"
            )
        }
        Builder::SamFor(runtime) => {
            format!("change `Runtime` to `{runtime}` in the template, and run `{command}`")
        }
        Builder::SamIn(folder) => format!("name the folder `{folder}` instead, and run `{command}`"),
        Builder::TypeScript(command) => format!("run `{command}`"),
    });
    let help = match need.builder {
        Builder::SamOrLimg(option) => help.or(format!("use `{option}` to build it with limg")),
        Builder::TypeScript(_) => {
            help.or("add `BuildMethod: esbuild` to the function's `Metadata`, and use `--install`")
        }
        _ => help,
    };
    let help = if why_stale.is_some() { help.or("use `--built` to take the last build") } else { help };
    Finding::error(Code::MissingBuild, place.clone(), message)
        .help(help.or("use `--source` to pack the sources as they are"))
}

/// Whether the AWS SAM CLI packs a resource as it is: `SkipBuild` (AWS SAM developer guide, `sam build`).
pub(super) fn skips_build<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>) -> bool {
    metadata(stacks, resource, "SkipBuild").is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// `BuildMethod` of a resource (AWS SAM developer guide, Building layers; Building with custom runtimes).
pub(super) fn build_method<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>) -> Option<String> {
    // `sam build` adds it to resources that it has built.
    if metadata(stacks, resource, "SamResourceId").is_some() {
        return None;
    }
    metadata(stacks, resource, "BuildMethod")
}

/// `Metadata` of a resource as it is written.
pub(super) fn written_metadata<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>) -> Option<&'t Node> {
    stacks.get(resource, "Metadata").ok()??.as_written()
}

/// A text in `Metadata` of a resource.
pub(super) fn metadata<'t>(stacks: &Stacks<'t>, resource: &Expression<'t>, key: &str) -> Option<String> {
    let metadata = stacks.get(resource, "Metadata").ok()??;
    let value = stacks.get(&metadata, key).ok()??;
    stacks.text(&value).ok()?.map(|text| text.text)
}

/// Whether a method is the id of a runtime whose build only installs packages. Whether those are missing, their lists show.
/// Others such as `python-uv` read a manifest of their own.
pub(super) fn only_installs(method: &str) -> bool {
    ["python", "nodejs", "ruby"]
        .iter()
        .filter_map(|language| method.strip_prefix(language))
        .any(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether the makefile of a folder has a target. The AWS SAM CLI builds functions of OS-only runtimes by makefile unless
/// `BuildMethod` says otherwise.
fn has_target(folder: &Path, target: &str) -> bool {
    let Ok(text) = fs::read_text(&folder.join("Makefile"), MAKEFILE_LIMIT) else { return false };
    text.lines()
        .filter(|line| !line.starts_with(['\t', '#']))
        .filter_map(|line| line.split_once(':'))
        .any(|(targets, _)| targets.split_whitespace().any(|own| own == target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_sam_does_not_find_is_named() {
        assert_eq!(sam_build(Path::new("/p/template.yml")), "sam build");
        assert_eq!(sam_build(Path::new("/p/sam.yaml")), "sam build -t sam.yaml");
    }

    #[test]
    fn runtimes_as_methods_only_install_packages() {
        for method in ["python3.12", "nodejs22.x", "ruby3.3"] {
            assert!(only_installs(method), "{method}");
        }
        for method in ["python-uv", "esbuild", "makefile", "java21", "dotnet8", "rust-cargolambda", "python"]
        {
            assert!(!only_installs(method), "{method}");
        }
    }
}
