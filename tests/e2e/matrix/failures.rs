//! Functions that fail, and the largest event and response.

use serde_json::json;

use super::{Project, Runtime, cells};

cells! {
    function_error: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    init_error: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    timeout: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    event_and_response_of_6_mib: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
}

fn function_error(runtime: Runtime) {
    for result in Project::new(runtime).invoke(&json!([["fail", "no such luck"]]), &[]) {
        assert_eq!((result.status.as_str(), result.message.as_str()), ("function_error", "no such luck"));
    }
}

fn init_error(runtime: Runtime) {
    let mut project = Project::new(runtime);
    runtime.write_broken(&project.workspace, "broken");
    for result in project.set("code", "broken").invoke(&json!([["length", "four"]]), &[]) {
        assert_eq!(result.status, "function_error", "{}", result.log);
        let shown = format!("{}\n{}", result.message, result.log);
        assert!(shown.contains("broken on purpose"), "{shown}");
    }
}

fn timeout(runtime: Runtime) {
    let mut project = Project::new(runtime);
    for result in project.set("timeout", 3).invoke(&json!([["wait", 60]]), &[]) {
        assert_eq!(result.status, "timeout", "{}\n{}", result.message, result.log);
        // Not during initialization, which the emulator counts towards the timeout.
        assert!(result.log.lines().any(|line| line.ends_with("waiting")), "{}", result.log);
    }
}

/// Lambda's limit is 6 MiB each way, including the brackets and quotes around the text.
fn event_and_response_of_6_mib(runtime: Runtime) {
    const SIZE: usize = 6 * 1024 * 1024 - 100;
    let project = Project::new(runtime);
    assert_eq!(project.results(&json!([["length", "x".repeat(SIZE)]])), [json!(SIZE)]);
    let filled = project.results(&json!([["fill", SIZE]]));
    assert_eq!(
        filled[0].as_str().map(|text| (text.len(), text.bytes().all(|byte| byte == b'x'))),
        Some((SIZE, true))
    );
}
