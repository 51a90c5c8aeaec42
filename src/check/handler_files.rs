//! The files in which a runtime looks for a handler.

/// Where a handler's module may be, below the root of the code.
pub(super) fn handler_files(handler: &str, runtime: &str) -> Vec<String> {
    let (folder, name) = handler
        .rsplit_once('/')
        .map_or((String::new(), handler), |(folder, name)| (format!("{folder}/"), name));
    let with =
        |path: &str, suffixes: &[&str]| suffixes.iter().map(|suffix| format!("{path}{suffix}")).collect();
    if handler.is_empty() || runtime.starts_with("provided") {
        return vec!["bootstrap".to_owned()];
    }
    let first = name.split('.').next().unwrap_or_default();
    if runtime.starts_with("python") {
        let module = handler.rsplit_once('.').map_or(handler, |(module, _)| module).replace('.', "/");
        with(&module, &[".py", "/__init__.py"])
    } else if runtime.starts_with("nodejs") {
        with(&format!("{folder}{first}"), &[".js", ".mjs", ".cjs"])
    } else if runtime.starts_with("ruby") {
        with(&format!("{folder}{first}"), &[".rb"])
    } else if runtime.starts_with("java") {
        let class = handler.split("::").next().unwrap_or_default().replace('.', "/");
        with(&class, &[".class"])
    } else {
        with(handler.split("::").next().unwrap_or_default(), &[".dll", ""])
    }
}
