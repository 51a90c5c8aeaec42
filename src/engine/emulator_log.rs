//! What the emulator says of its own work: lines among those of the function, `23 Nov 2026 16:15:54,418 [WARNING] (rapid) …`.
//!
//! One failure is several such lines, and sometimes nowhere else: a program that cannot start is answered with status 502
//! and an empty body, where Lambda answers with the error (rapid/handlers.go, rapid/shutdown.go of
//! aws-lambda-runtime-interface-emulator).

use std::time::Duration;

/// The form of the time before each line.
const TIME: &str = "23 Nov 2026 16:15:54,418";

/// What tells the emulator's lines from all others.
const MARK: &str = "] (rapid) ";

/// The line in Lambda's own form at the end of an invocation.
const REPORT: &str = "REPORT RequestId: ";

/// Why the emulator gave an invocation up when its time was over.
const RESET: &str = "errResetReceived";

/// How the lines of a failure begin. What they tell is in the answer, or in [`Fault`].
const OF_FAILURES: [&str; 8] = [
    "First fatal error stored in appctx: ",
    "Omitting fatal error ",
    "Process ",
    "Init failed ",
    "Invoke failed ",
    "Invoke DONE failed: ",
    "AwaitAgentsReady() = ",
    NOT_STARTED,
];

/// What it says when it is stopped before all extensions have registered.
const NOT_STARTED: &str = "The runtime was not started.";

/// How much a line of the emulator's log tells a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Nothing: it tells of ordinary work.
    Ordinary,
    /// It is one of the several lines of a failure.
    Failure,
    /// It may be worth knowing.
    Notable,
}

/// How much a line tells, if it is one of the emulator's.
#[must_use]
pub fn weigh(line: &str) -> Option<Weight> {
    let said = parse(line).filter(|said| said.is_whole_line)?;
    // It calls it a warning that it ends when it is told to.
    let ordinary = ["Reset initiated: ", "Shutdown initiated: "];
    let begins = |starts: &[&str]| starts.iter().any(|start| said.message.starts_with(start));
    // An extension that did not start cannot be stopped either.
    let consequence = said.message.starts_with("Agent ") && said.message.contains(" failed to launch");
    Some(if said.level == "INFO" || said.level == "DEBUG" || begins(&ordinary) {
        Weight::Ordinary
    } else if begins(&OF_FAILURES) || consequence {
        Weight::Failure
    } else {
        Weight::Notable
    })
}

/// Why a function, or an extension of it, could not start or go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Lambda's word for it, such as `Runtime.InvalidEntrypoint`.
    pub(super) error_type: String,
    /// The reason, such as `fork/exec /var/task/bootstrap: no such file or directory`.
    pub(super) message: String,
}

impl Fault {
    /// The first fault that a log tells of; what follows is its consequence.
    pub(super) fn find(log: &str) -> Option<Self> {
        let error_type = messages(log).find_map(|message| message.strip_prefix(OF_FAILURES[0]))?;
        let reason = messages(log).find_map(reason).unwrap_or_default();
        let extension = error_type.starts_with("Extension.").then(|| messages(log).find_map(ended_extension));
        let message = match extension.flatten() {
            Some(name) => format!("extension `{name}`: {reason}"),
            None => reason.to_owned(),
        };
        Some(Self { error_type: error_type.trim().to_owned(), message })
    }
}

/// What else a log tells of an invocation whose time was over.
pub(super) fn timeout_help(log: &str) -> Option<&'static str> {
    let says = |text: &str| messages(log).any(|message| message.contains(text));
    if says(NOT_STARTED) {
        Some("an extension did not register, so that the function was not even started")
    } else if says("AwaitAgentsReady() = ") {
        Some("the function had answered, but an extension had not asked for its next event")
    } else if messages(log).any(|message| message.starts_with("Init failed ") && message.contains(RESET)) {
        Some(
            "its start alone took that long; the emulator counts it, while Lambda gives it up to 10 seconds more",
        )
    } else {
        None
    }
}

/// Whether a function was started for an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It was, extensions and all, which took this long.
    Cold(Duration),
    /// It was running already.
    Warm,
    /// The emulator did not say, as with `LOG_LEVEL=error` in the function's environment.
    Unknown,
}

impl Start {
    /// Reads it in the log of one invocation. The emulator's line `REPORT` tells of an `Init Duration` too, which is the
    /// time in which it took note of the start, some hundredths of a millisecond (rie/handlers.go).
    pub(super) fn find(log: &str) -> Self {
        let took = |message: &str| {
            let milliseconds: f64 =
                message.strip_prefix("INIT REPORT(durationMs: ")?.strip_suffix(')')?.parse().ok()?;
            Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
        };
        let says = |start: &str| messages(log).any(|message| message.starts_with(start));
        if says("INIT START(") {
            // After a start that failed it tries once more.
            messages(log)
                .any(|message| took(message).is_some())
                .then(|| messages(log).filter_map(took).sum())
                .map_or(Self::Unknown, Self::Cold)
        } else if says("INVOKE START(") {
            Self::Warm
        } else {
            Self::Unknown
        }
    }
}

/// Whether a line tells of the emulator's own work.
pub(super) fn is_talk(line: &str) -> bool {
    line.starts_with(REPORT) || parse(line).is_some()
}

/// Whether the log of an invocation that was answered tells of its end.
pub(super) fn is_complete(log: &str) -> bool {
    let says = |start: &str| messages(log).any(|message| message.starts_with(start));
    let reported = log.lines().any(|line| line.starts_with(REPORT)) || says("Invoke DONE failed: ");
    reported && (says("INVOKE RTDONE(") || says("Reset initiated: "))
}

/// A line of the emulator's.
struct Said<'a> {
    level: &'a str,
    message: &'a str,
    /// Whether nothing stands before it, such as the beginning of somebody else's line.
    is_whole_line: bool,
}

fn parse(line: &str) -> Option<Said<'_>> {
    let (head, message) = line.split_once(MARK)?;
    let (before, level) = head.rsplit_once(" [")?;
    let time = before.get(before.len().checked_sub(TIME.len())?..)?;
    let same_form = TIME.bytes().zip(time.bytes()).all(|(form, byte)| match form {
        b'0'..=b'9' => byte.is_ascii_digit(),
        b' ' | b':' | b',' => byte == form,
        _ => byte.is_ascii_alphabetic(),
    });
    let is_whole_line = before.len() == TIME.len();
    same_form.then_some(Said { level, message: message.trim_end(), is_whole_line })
}

/// What the emulator says in a log, line by line.
fn messages(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter_map(|line| Some(parse(line)?.message))
}

/// The reason in `Init failed error=REASON InvokeID=`; the two come in any order.
fn reason(message: &str) -> Option<&str> {
    let fields = message.strip_prefix("Init failed ").or_else(|| message.strip_prefix("Invoke failed "))?;
    let (_, reason) = fields.split_once("error=")?;
    let reason = reason.split_once(" InvokeID=").map_or(reason, |(reason, _)| reason).trim();
    (reason != RESET).then_some(reason)
}

/// The extension in `Process extension-NAME-1 exited: exit status 3`.
fn ended_extension(message: &str) -> Option<&str> {
    let (process, _) = message.strip_prefix("Process extension-")?.split_once(" exited: ")?;
    Some(process.rsplit_once('-')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of these messages, each behind a time, among lines of a function.
    fn log(messages: &[&str]) -> String {
        let line = |message: &&str| format!("23 Nov 2026 16:55:32,259 {message}\na line of the function\n");
        messages.iter().map(line).collect()
    }

    #[test]
    fn the_first_fault_is_the_cause() {
        type Case<'a> = (&'a [&'a str], Option<(&'a str, &'a str)>);
        let cases: [Case<'_>; 7] = [
            (
                &[
                    "[WARNING] (rapid) First fatal error stored in appctx: Runtime.InvalidEntrypoint",
                    "[ERROR] (rapid) Init failed error=fork/exec /var/task/bootstrap: no such file or directory InvokeID=",
                    "[ERROR] (rapid) Invoke failed error=fork/exec /var/task/bootstrap: no such file or directory InvokeID=d92d",
                    "[ERROR] (rapid) Invoke DONE failed: Runtime.InvalidEntrypoint",
                ],
                Some((
                    "Runtime.InvalidEntrypoint",
                    "fork/exec /var/task/bootstrap: no such file or directory",
                )),
            ),
            (
                &[
                    "[WARNING] (rapid) First fatal error stored in appctx: Runtime.ExitError",
                    "[WARNING] (rapid) Process runtime-1 exited: exit status 3",
                    "[ERROR] (rapid) Init failed InvokeID= error=Runtime exited with error: exit status 3",
                    "[ERROR] (rapid) Invoke DONE failed: Sandbox.Failure",
                ],
                Some(("Runtime.ExitError", "Runtime exited with error: exit status 3")),
            ),
            (
                &[
                    "[WARNING] (rapid) First fatal error stored in appctx: Extension.Crash",
                    "[WARNING] (rapid) Process extension-log-shipper-1 exited: exit status 3",
                    "[ERROR] (rapid) Init failed error=exit status 3 InvokeID=",
                    "[ERROR] (rapid) Invoke failed InvokeID=4f20 error=ErrAgentNameCollision",
                ],
                Some(("Extension.Crash", "extension `log-shipper`: exit status 3")),
            ),
            (
                &[
                    "[WARNING] (rapid) First fatal error stored in appctx: Extension.LaunchError",
                    "[ERROR] (rapid) Init failed error=fork/exec /opt/extensions/x: exec format error InvokeID=",
                ],
                Some(("Extension.LaunchError", "fork/exec /opt/extensions/x: exec format error")),
            ),
            (
                &["[WARNING] (rapid) First fatal error stored in appctx: Runtime.Unknown"],
                Some(("Runtime.Unknown", "")),
            ),
            (&["[ERROR] (rapid) Invoke failed error=errResetReceived InvokeID=e36b"], None),
            (&["[WARNING] First fatal error stored in appctx: Mine.Alone"], None),
        ];
        for (messages, expected) in cases {
            let found = Fault::find(&log(messages));
            let expected = expected.map(|(error_type, message)| Fault {
                error_type: error_type.to_owned(),
                message: message.to_owned(),
            });
            assert_eq!(found, expected, "{messages:?}");
        }
        // The two streams of a container are not cut at the ends of lines.
        let torn = format!("50 %{}", log(cases[1].0));
        assert_eq!(Fault::find(&torn).unwrap().error_type, "Runtime.ExitError");
    }

    #[test]
    fn a_start_is_told_from_none() {
        let (init, invoke) = (
            "[INFO] (rapid) INIT START(type: on-demand, phase: init)",
            "[INFO] (rapid) INVOKE START(requestId: 1)",
        );
        let report = "[INFO] (rapid) INIT REPORT(durationMs: 466.646000)";
        let cold = |microseconds| Start::Cold(Duration::from_micros(microseconds));
        for (messages, expected) in [
            (vec![init, report, invoke], cold(466_646)),
            (vec![init, report, init, report, invoke], cold(933_292)),
            (vec![init, "[INFO] (rapid) INIT REPORT(durationMs: x)", invoke], Start::Unknown),
            (vec![init, "[INFO] (rapid) INIT REPORT(durationMs: -1)", invoke], Start::Unknown),
            (vec![invoke], Start::Warm),
            (vec!["[ERROR] (rapid) something new"], Start::Unknown),
        ] {
            assert_eq!(Start::find(&log(&messages)), expected, "{messages:?}");
        }
        let end = "[INFO] (rapid) INVOKE RTDONE(status: success, produced bytes: 0, duration: 1.021000ms)";
        assert!(!is_complete(&log(&[init, report, invoke, end])));
        assert!(!is_complete(&(log(&[invoke]) + "REPORT RequestId: 1\tDuration: 1 ms\n")));
        assert!(is_complete(&(log(&[invoke, end]) + "REPORT RequestId: 1\tDuration: 1 ms\n")));
        assert!(is_complete(&log(&[
            "[ERROR] (rapid) Invoke DONE failed: X",
            "[WARNING] (rapid) Reset initiated: ReleaseFail"
        ])));
    }

    #[test]
    fn a_timeout_has_a_place() {
        let reset = "[ERROR] (rapid) Init failed InvokeID= error=errResetReceived";
        for (messages, expected) in [
            (vec!["[ERROR] (rapid) Invoke failed error=errResetReceived InvokeID=e36b"], None),
            (vec![reset], Some("start alone")),
            (vec![reset, "[WARNING] (rapid) The runtime was not started."], Some("did not register")),
            (vec!["[WARNING] (rapid) AwaitAgentsReady() = errResetReceived"], Some("had answered")),
        ] {
            let help = timeout_help(&log(&messages));
            assert_eq!(help.is_some(), expected.is_some(), "{messages:?}");
            assert!(expected.is_none_or(|words| help.unwrap().contains(words)), "{help:?}");
        }
    }

    #[test]
    fn lines_weigh_what_they_tell() {
        let cases = [
            ("[INFO] (rapid) INIT START(type: on-demand, phase: init)", Some(Weight::Ordinary)),
            ("[WARNING] (rapid) Reset initiated: SandboxTerminated", Some(Weight::Ordinary)),
            ("[WARNING] (rapid) Shutdown initiated: spindown", Some(Weight::Ordinary)),
            (
                "[WARNING] (rapid) First fatal error stored in appctx: Runtime.ExitError",
                Some(Weight::Failure),
            ),
            ("[WARNING] (rapid) Process runtime-1 exited: exit status 7", Some(Weight::Failure)),
            ("[ERROR] (rapid) Invoke DONE failed: Sandbox.Failure", Some(Weight::Failure)),
            (
                "[WARNING] (rapid) Agent x (6c53d416) failed to launch, therefore skipping shutting it down.",
                Some(Weight::Failure),
            ),
            (
                "[WARNING] (rapid) Deadline: the agent extension-x-1 did not exit after deadline; Killing it.",
                Some(Weight::Notable),
            ),
            ("[ERROR] (rapid) something new", Some(Weight::Notable)),
            ("[INFO] mine", None),
        ];
        for (said, expected) in cases {
            assert_eq!(weigh(&format!("23 Nov 2026 16:55:32,259 {said}\n")), expected, "{said}");
            // Somebody's own line goes on with the emulator's: nothing of it may be lost.
            assert_eq!(weigh(&format!("50 %23 Nov 2026 16:55:32,259 {said}\n")), None, "{said}");
        }
        for line in ["2026-11-23 16:55:32,259 [INFO] (rapid) x", "[INFO] (rapid) x", "", "ü [INFO] (rapid) x"]
        {
            assert_eq!(weigh(line), None, "{line}");
        }
    }
}
