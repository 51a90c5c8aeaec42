//! Functions that fail, and the largest event and answer.

use serde_json::json;

use super::{Project, Runtime, cells};

cells! {
    function_error: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    init_error: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    time_out: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    event_and_answer_of_6_mb: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
}

fn function_error(runtime: Runtime) {
    for answer in Project::new(runtime).invoke(&json!([["fail", "no such luck"]]), &[]) {
        assert_eq!((answer.status.as_str(), answer.message.as_str()), ("function_error", "no such luck"));
    }
}

fn init_error(runtime: Runtime) {
    let mut project = Project::new(runtime);
    runtime.write_broken(&project.workspace, "broken");
    for answer in project.set("code", "broken").invoke(&json!([["length", "four"]]), &[]) {
        assert_eq!(answer.status, "function_error", "{}", answer.log);
        let told = format!("{}\n{}", answer.message, answer.log);
        assert!(told.contains("broken on purpose"), "{told}");
    }
}

fn time_out(runtime: Runtime) {
    let mut project = Project::new(runtime);
    for answer in project.set("timeout", 3).invoke(&json!([["wait", 60]]), &[]) {
        assert_eq!(answer.status, "timeout", "{}\n{}", answer.message, answer.log);
        // Not while it started: the emulator counts that in.
        assert!(answer.log.lines().any(|line| line.ends_with("waiting")), "{}", answer.log);
    }
}

/// Lambda takes 6 MB each way; some bytes of it are the list around the text.
fn event_and_answer_of_6_mb(runtime: Runtime) {
    const SIZE: usize = 6 * 1024 * 1024 - 100;
    let project = Project::new(runtime);
    assert_eq!(project.ask(&json!([["length", "x".repeat(SIZE)]])), [json!(SIZE)]);
    let filled = project.ask(&json!([["fill", SIZE]]));
    assert_eq!(
        filled[0].as_str().map(|text| (text.len(), text.bytes().all(|byte| byte == b'x'))),
        Some((SIZE, true))
    );
}
