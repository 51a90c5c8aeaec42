//! What to do about failures that the emulator, the kernel or an entry script reports as a status or a text.

/// A process was killed, most often for this reason.
const KILLED_HELP: &str = "give the function more `memory`: the kernel kills processes when it runs out";

/// What to do about an exit status of an entry script or a bootstrap.
pub(super) fn exit_status_help(status: i64) -> Option<&'static str> {
    match status {
        142 => Some("make the image's CMD exactly one word, the handler"),
        127 => Some(
            "check the entry point and `AWS_LAMBDA_EXEC_WRAPPER`: a program, or the interpreter or loader that it needs, \
             is missing",
        ),
        126 => Some("make the entry point and the program in `AWS_LAMBDA_EXEC_WRAPPER` executable"),
        137 => Some(KILLED_HELP),
        _ => None,
    }
}

/// What to do about an error of a function, by its type and the text of the emulator, the kernel or the language.
pub(super) fn error_help(error_type: &str, message: &str) -> Option<&'static str> {
    let contains = |text: &str| message.contains(text);
    let exited = message.strip_prefix("Runtime exited with error: ");
    if let Some(status) = exited.and_then(|how| how.strip_prefix("exit status ")) {
        exit_status_help(status.trim().parse().ok()?)
    } else if exited == Some("signal: killed") {
        Some(KILLED_HELP)
    } else if contains("Runtime exited without providing a reason") {
        Some("let the runtime request one event after another until it is stopped, rather than exit")
    } else if contains("fork/exec ") && contains("no such file or directory") {
        Some(
            "if the file exists, the image lacks the interpreter in its `#!` line or the loader that it is linked to: link \
             it statically, or use a base that has them",
        )
    } else if error_type == "Extension.Crash" && message.ends_with("exit code 0") {
        Some("an extension must register, then request one event after another until it receives SHUTDOWN")
    } else if contains("fork/exec ") && contains("exec format error") {
        Some("build it for the function's architecture; if it is a script, begin it with a `#!` line")
    } else if contains("fork/exec ") && contains("permission denied") {
        Some("make it, and the interpreter in its `#!` line, executable")
    } else if message.to_ascii_lowercase().contains("read-only file system") {
        Some("write to `/tmp`, the only writable directory in Lambda")
    } else if error_type == "Function.ResponseSizeTooLarge" {
        Some("put the data into S3 and respond with its key")
    } else {
        None
    }
}
