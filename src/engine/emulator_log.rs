//! The emulator's log about its own work, mixed with the function's output. Its lines have the form
//! `23 Nov 2026 16:15:54,418 [WARNING] (rapid) …`.
//!
//! It logs several lines for one failure, and some failures appear nowhere else: if a program cannot start, the
//! response has status 502 and an empty body, where Lambda's has the error (rapid/handlers.go, rapid/shutdown.go of
//! aws-lambda-runtime-interface-emulator).

use std::time::Duration;

/// The form of the timestamp of each line.
const TIME: &str = "23 Nov 2026 16:15:54,418";

/// What only the emulator's lines contain.
const MARK: &str = "] (rapid) ";

/// The start of the line at the end of an invocation, which has Lambda's own form.
const REPORT: &str = "REPORT RequestId: ";

/// The reason that the emulator logs for an invocation that timed out.
const RESET: &str = "errResetReceived";

/// How the lines of a failure begin. What they report is in the response or in [`FatalError`].
const FAILURES: [&str; 8] = [
    "First fatal error stored in appctx: ",
    "Omitting fatal error ",
    "Process ",
    "Init failed ",
    "Invoke failed ",
    "Invoke DONE failed: ",
    "AwaitAgentsReady() = ",
    NOT_STARTED,
];

/// What it logs when it is stopped before all extensions have registered.
const NOT_STARTED: &str = "The runtime was not started.";

/// A line of the emulator's log, by its use to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmulatorLine {
    /// It reports ordinary work.
    Routine,
    /// It is one of the several lines of a failure.
    Failure,
    /// It may matter to the user.
    Notable,
}

impl EmulatorLine {
    /// Classifies a line, if it is one of the emulator's.
    #[must_use]
    pub fn classify(line: &str) -> Option<Self> {
        let line = parse(line).filter(|line| line.is_whole_line)?;
        // The emulator logs its own regular end as a warning.
        let routine = ["Reset initiated: ", "Shutdown initiated: "];
        let begins = |starts: &[&str]| starts.iter().any(|start| line.message.starts_with(start));
        // An extension that did not start cannot be stopped either.
        let consequence = line.message.starts_with("Agent ") && line.message.contains(" failed to launch");
        Some(if line.level == "INFO" || line.level == "DEBUG" || begins(&routine) {
            Self::Routine
        } else if begins(&FAILURES) || consequence {
            Self::Failure
        } else {
            Self::Notable
        })
    }
}

/// Why a function or one of its extensions could not start or exited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FatalError {
    /// Lambda's name for it, as in `Runtime.InvalidEntrypoint`.
    pub(super) error_type: String,
    /// The reason, as in `fork/exec /var/task/bootstrap: no such file or directory`.
    pub(super) message: String,
}

impl FatalError {
    /// The first fatal error in a log; the others are its consequences.
    pub(super) fn find(log: &str) -> Option<Self> {
        let error_type = messages(log).find_map(|message| message.strip_prefix(FAILURES[0]))?;
        let reason = messages(log).find_map(reason).unwrap_or_default();
        let extension =
            error_type.starts_with("Extension.").then(|| messages(log).find_map(exited_extension));
        let message = match extension.flatten() {
            Some(name) => format!("extension `{name}`: {reason}"),
            None => reason.to_owned(),
        };
        Some(Self { error_type: error_type.trim().to_owned(), message })
    }
}

/// Which part of an invocation took too long, from its log.
pub(super) fn timeout_help(log: &str) -> Option<&'static str> {
    let contains = |text: &str| messages(log).any(|message| message.contains(text));
    if contains(NOT_STARTED) {
        Some("an extension did not register, so the function was not started")
    } else if contains("AwaitAgentsReady() = ") {
        Some("the function had responded, but an extension had not requested its next event")
    } else if messages(log).any(|message| message.starts_with("Init failed ") && message.contains(RESET)) {
        Some(
            "the initialization alone took that long; in Lambda, up to 10 seconds of it do not count towards the timeout",
        )
    } else {
        None
    }
}

/// Whether a function was started for an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionStart {
    /// A cold start. Starting the function and its extensions took this long.
    Cold(Duration),
    /// The function was already running.
    Warm,
    /// The log does not show it, as with `LOG_LEVEL=error` in the function's environment.
    Unknown,
}

impl FunctionStart {
    /// Finds it in the log of one invocation. The `Init Duration` in the emulator's `REPORT` line does not help: it
    /// is the time that recording the start took, some hundredths of a millisecond (rie/handlers.go).
    pub(super) fn find(log: &str) -> Self {
        let duration = |message: &str| {
            let milliseconds: f64 =
                message.strip_prefix("INIT REPORT(durationMs: ")?.strip_suffix(')')?.parse().ok()?;
            Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
        };
        let begins = |start: &str| messages(log).any(|message| message.starts_with(start));
        if begins("INIT START(") {
            // The emulator repeats a failed start once.
            let durations: Vec<Duration> = messages(log).filter_map(duration).collect();
            if durations.is_empty() { Self::Unknown } else { Self::Cold(durations.iter().sum()) }
        } else if begins("INVOKE START(") {
            Self::Warm
        } else {
            Self::Unknown
        }
    }
}

/// Which extensions registered for an invocation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Registrations {
    /// The names of the external extensions that registered.
    pub(super) external: Vec<String>,
    /// All names under which an extension registered or tried to.
    pub(super) attempted: Vec<String>,
}

impl Registrations {
    /// Finds them in the log of one invocation.
    pub(super) fn find(log: &str) -> Self {
        let mut registrations = Self::default();
        for message in messages(log) {
            let registered = |kind: &str| {
                Some(message.strip_prefix(kind)?.split_once(") registered")?.0.rsplit_once(" (")?.0)
            };
            if let Some(name) = registered("External agent ") {
                registrations.external.push(name.to_owned());
                registrations.attempted.push(name.to_owned());
            } else if let Some(name) = registered("Internal agent ") {
                registrations.attempted.push(name.to_owned());
            } else if let Some((name, _)) =
                message.strip_prefix("Failed to register ").and_then(|rest| rest.split_once(": "))
            {
                registrations.attempted.push(name.to_owned());
            }
        }
        registrations
    }
}

/// Whether the function was not started because an extension did not register.
pub(super) fn is_not_started(log: &str) -> bool {
    messages(log).any(|message| message.contains(NOT_STARTED))
}

/// Whether a line is one of the emulator's.
pub(super) fn is_emulator_line(line: &str) -> bool {
    line.starts_with(REPORT) || parse(line).is_some()
}

/// Whether the log of an invocation includes its end.
pub(super) fn is_complete(log: &str) -> bool {
    let begins = |start: &str| messages(log).any(|message| message.starts_with(start));
    let reported = log.lines().any(|line| line.starts_with(REPORT)) || begins("Invoke DONE failed: ");
    reported && (begins("INVOKE RTDONE(") || begins("Reset initiated: "))
}

/// A parsed line of the emulator's log.
struct LogLine<'a> {
    level: &'a str,
    message: &'a str,
    /// Whether it does not follow the beginning of a line of the function's.
    is_whole_line: bool,
}

fn parse(line: &str) -> Option<LogLine<'_>> {
    let (head, message) = line.split_once(MARK)?;
    let (before, level) = head.rsplit_once(" [")?;
    let time = before.get(before.len().checked_sub(TIME.len())?..)?;
    let same_form = TIME.bytes().zip(time.bytes()).all(|(form, byte)| match form {
        b'0'..=b'9' => byte.is_ascii_digit(),
        b' ' | b':' | b',' => byte == form,
        _ => byte.is_ascii_alphabetic(),
    });
    let is_whole_line = before.len() == TIME.len();
    same_form.then_some(LogLine { level, message: message.trim_end(), is_whole_line })
}

/// The messages of the emulator in a log.
fn messages(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter_map(|line| Some(parse(line)?.message))
}

/// The reason in `Init failed error=REASON InvokeID=`; the two fields come in any order.
fn reason(message: &str) -> Option<&str> {
    let fields = message.strip_prefix("Init failed ").or_else(|| message.strip_prefix("Invoke failed "))?;
    let (_, reason) = fields.split_once("error=")?;
    let reason = reason.split_once(" InvokeID=").map_or(reason, |(reason, _)| reason).trim();
    (reason != RESET).then_some(reason)
}

/// The name in `Process extension-NAME-1 exited: exit status 3`.
fn exited_extension(message: &str) -> Option<&str> {
    let (process, _) = message.strip_prefix("Process extension-")?.split_once(" exited: ")?;
    Some(process.rsplit_once('-')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of these messages, each with a timestamp, among lines of a function.
    fn log(messages: &[&str]) -> String {
        let line = |message: &&str| format!("23 Nov 2026 16:55:32,259 {message}\na line of the function\n");
        messages.iter().map(line).collect()
    }

    #[test]
    fn the_first_fatal_error_is_the_cause() {
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
            let found = FatalError::find(&log(messages));
            let expected = expected.map(|(error_type, message)| FatalError {
                error_type: error_type.to_owned(),
                message: message.to_owned(),
            });
            assert_eq!(found, expected, "{messages:?}");
        }
        // The two streams of a container are not interleaved line by line.
        let torn = format!("50 %{}", log(cases[1].0));
        assert_eq!(FatalError::find(&torn).unwrap().error_type, "Runtime.ExitError");
    }

    #[test]
    fn cold_starts_differ_from_warm_ones() {
        let (init, invoke) = (
            "[INFO] (rapid) INIT START(type: on-demand, phase: init)",
            "[INFO] (rapid) INVOKE START(requestId: 1)",
        );
        let report = "[INFO] (rapid) INIT REPORT(durationMs: 466.646000)";
        let cold = |microseconds| FunctionStart::Cold(Duration::from_micros(microseconds));
        for (messages, expected) in [
            (vec![init, report, invoke], cold(466_646)),
            (vec![init, report, init, report, invoke], cold(933_292)),
            (vec![init, "[INFO] (rapid) INIT REPORT(durationMs: x)", invoke], FunctionStart::Unknown),
            (vec![init, "[INFO] (rapid) INIT REPORT(durationMs: -1)", invoke], FunctionStart::Unknown),
            (vec![invoke], FunctionStart::Warm),
            (vec!["[ERROR] (rapid) something new"], FunctionStart::Unknown),
        ] {
            assert_eq!(FunctionStart::find(&log(&messages)), expected, "{messages:?}");
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
    fn registrations_are_found_by_name() {
        let log = log(&[
            "[INFO] (rapid) External agent tel (d62c437e-963c-46b5-9554-f6d024d9fe40) registered, subscribed to [INVOKE SHUTDOWN]",
            "[INFO] (rapid) Internal agent inside (one) (d62c437e) registered, subscribed to [INVOKE]",
            "[WARNING] (rapid) Failed to register other: event SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
            "[WARNING] (rapid) The runtime was not started.",
        ]);
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let expected =
            Registrations { external: own(&["tel"]), attempted: own(&["tel", "inside (one)", "other"]) };
        assert_eq!(Registrations::find(&log), expected);
        assert!(is_not_started(&log) && !is_not_started("The runtime was not started."));
    }

    #[test]
    fn a_timeout_is_explained() {
        let reset = "[ERROR] (rapid) Init failed InvokeID= error=errResetReceived";
        for (messages, expected) in [
            (vec!["[ERROR] (rapid) Invoke failed error=errResetReceived InvokeID=e36b"], None),
            (vec![reset], Some("initialization alone")),
            (vec![reset, "[WARNING] (rapid) The runtime was not started."], Some("did not register")),
            (vec!["[WARNING] (rapid) AwaitAgentsReady() = errResetReceived"], Some("had responded")),
        ] {
            let help = timeout_help(&log(&messages));
            assert_eq!(help.is_some(), expected.is_some(), "{messages:?}");
            assert!(expected.is_none_or(|words| help.unwrap().contains(words)), "{help:?}");
        }
    }

    #[test]
    fn lines_are_classified() {
        let cases = [
            ("[INFO] (rapid) INIT START(type: on-demand, phase: init)", Some(EmulatorLine::Routine)),
            ("[WARNING] (rapid) Reset initiated: SandboxTerminated", Some(EmulatorLine::Routine)),
            ("[WARNING] (rapid) Shutdown initiated: spindown", Some(EmulatorLine::Routine)),
            (
                "[WARNING] (rapid) First fatal error stored in appctx: Runtime.ExitError",
                Some(EmulatorLine::Failure),
            ),
            ("[WARNING] (rapid) Process runtime-1 exited: exit status 7", Some(EmulatorLine::Failure)),
            ("[ERROR] (rapid) Invoke DONE failed: Sandbox.Failure", Some(EmulatorLine::Failure)),
            (
                "[WARNING] (rapid) Agent x (6c53d416) failed to launch, therefore skipping shutting it down.",
                Some(EmulatorLine::Failure),
            ),
            (
                "[WARNING] (rapid) Deadline: the agent extension-x-1 did not exit after deadline; Killing it.",
                Some(EmulatorLine::Notable),
            ),
            ("[ERROR] (rapid) something new", Some(EmulatorLine::Notable)),
            ("[INFO] mine", None),
        ];
        for (line, expected) in cases {
            let classify = EmulatorLine::classify;
            assert_eq!(classify(&format!("23 Nov 2026 16:55:32,259 {line}\n")), expected, "{line}");
            // The emulator continues a line of the function, which must not be lost.
            assert_eq!(classify(&format!("50 %23 Nov 2026 16:55:32,259 {line}\n")), None, "{line}");
        }
        for line in ["2026-11-23 16:55:32,259 [INFO] (rapid) x", "[INFO] (rapid) x", "", "ü [INFO] (rapid) x"]
        {
            assert_eq!(EmulatorLine::classify(line), None, "{line}");
        }
    }
}
