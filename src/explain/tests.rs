//! Tests of the two tables, and of what is found in texts as users paste them.

use std::collections::BTreeSet;

use super::*;

fn names(text: &str) -> Vec<&'static str> {
    let explained = explain(text).into_iter();
    explained
        .map(|explanation| match explanation {
            Explanation::Finding(finding) => finding.code,
            Explanation::Error(error) => error.name,
        })
        .collect()
}

#[test]
fn every_finding_is_explained() {
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
    let known: BTreeSet<_> = KNOWN_FINDINGS.keys().map(String::as_str).collect();
    assert_eq!(known, codes);
    for code in Code::ALL {
        let explained = explain(&format!(" {code}\n"));
        let [Explanation::Finding(finding)] = explained.as_slice() else { panic!("{code}: {explained:?}") };
        assert_eq!((finding.code, finding.meaning), (code.name(), code.description()));
    }
}

#[test]
fn explanations_are_sentences() {
    let findings = KNOWN_FINDINGS.values().flat_map(|known| [known.lambda.as_ref(), Some(&known.fix)]);
    let causes = KNOWN_ERRORS.iter().flat_map(|(_, error)| &error.causes);
    let sentences = causes.flat_map(|cause| [&cause.why, &cause.confirm, &cause.fix]);
    for sentence in findings.flatten().chain(sentences) {
        assert!(sentence.ends_with('.'), "{sentence}");
        assert!(!sentence.contains('\n') && sentence.len() <= 200, "{sentence}");
    }
}

#[test]
fn every_error_is_found_by_each_of_its_texts_and_has_causes() {
    assert!(KNOWN_ERRORS[0].0 == "unsupported-manifest" && KNOWN_ERRORS.len() > 40, "not in order");
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
    for (name, error) in KNOWN_ERRORS.iter() {
        assert!(!error.causes.is_empty() && !error.texts.is_empty() && !error.title.ends_with('.'), "{name}");
        for text in &error.texts {
            assert!(names(text).contains(&name.as_str()), "{name}: {text}: {:?}", names(text));
        }
        for code in &error.findings {
            assert!(codes.contains(code.as_str()), "{name}: `{code}` is not a code");
        }
        for covered in &error.covers {
            assert!(
                KNOWN_ERRORS.iter().any(|(other, _)| other == covered),
                "{name}: `{covered}` is not an error"
            );
        }
    }
}

/// The texts of the known failures of images (facts 9), and the error that has to come first.
const QUOTED: &[(u8, &str, &[&str])] = &[
    (
        1,
        "unsupported-manifest",
        &["The image manifest, config or layer media type for the source image <uri> is not supported."],
    ),
    (
        2,
        "unsupported-layer",
        &[
            "UnsupportedImageLayerDetected - Layer Digest sha256:...",
            "InvalidImage ... UnsupportedImageLayerDetected",
        ],
    ),
    (
        3,
        "missing-parent-directory",
        &["MissingParentDirectory: Parent directory does not exist for file: ..."],
    ),
    (4, "no-handler", &["entrypoint requires the handler name to be the first argument", "exit status 142"]),
    (5, "exec-format", &["fork/exec /lambda-entrypoint.sh: exec format error"]),
    (6, "program-permission", &["fork/exec <path>: permission denied"]),
    (7, "missing-program", &["fork/exec <path>: no such file or directory"]),
    (7, "missing-bootstrap", &["Couldn't find valid bootstrap(s): [...]"]),
    (5, "invalid-entrypoint", &["Runtime.InvalidEntrypoint"]),
    (
        8,
        "working-directory",
        &[
            "Runtime.InvalidWorkingDir",
            "the working directory '' is invalid, it needs to be an absolute path",
            "the working directory '/x' doesn't exist",
        ],
    ),
    (9, "unreadable-file", &["[Errno 13] Permission denied: '/var/task/app.py'", "EACCES"]),
    (9, "import-error", &["Unable to import module", "Runtime.ImportModuleError"]),
    (10, "runtime-exit", &["Runtime.ExitError", "exit status 1"]),
    (10, "wrapper-mode", &["exit status 126"]),
    (10, "wrapper-missing", &["exit status 127"]),
    (11, "extension-launch", &["Extension.LaunchError"]),
    (11, "extension-crash", &["Extension.Crash"]),
    (
        12,
        "image-access-denied",
        &["Lambda does not have permission to access the ECR image. Check the ECR permissions."],
    ),
    (
        13,
        "source-image",
        &[
            "Source image <uri> does not exist. Provide a valid source image.",
            "Source image <uri> is not valid. Provide a valid source image.",
        ],
    ),
    (
        14,
        "layers-of-image",
        &["Lambda layers are not supported for functions created with container images."],
    ),
    (15, "read-only", &["Read-only file system", "EROFS"]),
    (16, "empty-handler", &["Invalid handler [], must be of form ..."]),
    (17, "image-not-ready", &["CodeArtifactUser...Exception", "state Inactive", "state Failed"]),
    (17, "image-deleted", &["ImageDeleted"]),
];

#[test]
fn the_known_failures_are_found_by_their_texts() {
    let rows: BTreeSet<_> = QUOTED.iter().map(|(row, ..)| *row).collect();
    assert_eq!(rows, (1..=17).collect());
    for (row, name, texts) in QUOTED {
        for text in *texts {
            assert_eq!(names(text).first(), Some(name), "row {row}: {text}");
        }
    }
}

/// A failure as its tool prints it, with the errors that are listed.
const LOGS: &[(u8, &str, &[&str])] = &[
    (
        1,
        "╷\n│ Error: creating Lambda Function (orders): operation error Lambda: CreateFunction, https response error \
         StatusCode: 400, RequestID: 6f0b, InvalidParameterValueException: The image manifest, config or layer media\n\
         │ type for the source image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/orders:latest is not supported.\n│ \n\
         │   with aws_lambda_function.orders,\n╵",
        &["unsupported-manifest"],
    ),
    (
        2,
        "2026-02-11T08:12:44Z UPDATE_FAILED AWS::Lambda::Function Orders Resource handler returned message: \
         \"Resource of type 'AWS::Lambda::Function' with identifier 'orders' did not stabilize. InvalidImage: \
         ImageLayerFailure: UnsupportedImageLayerDetected - Layer Digest sha256:4f53cda18c2b\"",
        &["unsupported-layer"],
    ),
    (
        3,
        r#"{"State":"Failed","StateReason":"ImageLayerFailure: MissingParentDirectory: Parent directory does not exist for file: opt/extensions/lambda-adapter","StateReasonCode":"InvalidImage"}"#,
        &["missing-parent-directory"],
    ),
    (
        4,
        "2026-03-01T10:00:00.123Z entrypoint requires the handler name to be the first argument\n\
         START RequestId: 1 Version: $LATEST\n\
         RequestId: 1 Error: Runtime exited with error: exit status 142\nRuntime.ExitError",
        &["no-handler"],
    ),
    (
        5,
        "RequestId: 2 Error: fork/exec /lambda-entrypoint.sh: exec format error\nRuntime.InvalidEntrypoint\n\
         END RequestId: 2",
        &["exec-format"],
    ),
    (
        6,
        "IMAGE\tLaunch error: permission denied\tEntrypoint: [/home/nonroot/app]\tCmd: []\tWorkingDir: [/home/nonroot]\n\
         RequestId: 3 Error: fork/exec /home/nonroot/app: permission denied\nRuntime.InvalidEntrypoint",
        &["program-permission"],
    ),
    (
        7,
        r#"{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: 4 Error: fork/exec \/var\/task\/main: no such file or directory"}"#,
        &["missing-program"],
    ),
    (
        7,
        "{\n  \"errorType\": \"Runtime.InvalidEntrypoint\",\n  \"errorMessage\": \"RequestId: 5 Error: Couldn't find \
         valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]\"\n}",
        &["missing-bootstrap"],
    ),
    (
        8,
        "07 Apr 2026 11:22:33,444 [ERROR] (rapid) Init failed error=the working directory '' is invalid, it needs to be \
         an absolute path InvokeID=\n{\"errorType\":\"Runtime.InvalidWorkingDir\"}",
        &["working-directory"],
    ),
    (
        9,
        "[ERROR] PermissionError: [Errno 13] Permission denied: '/var/task/app.py'\nTraceback (most recent call last):",
        &["unreadable-file"],
    ),
    (
        9,
        "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': attempted relative import with no known \
         parent package\nTraceback (most recent call last):",
        &["import-error"],
    ),
    (
        10,
        "2026-01-12T09:00:01 /opt/wrapper: does not exist\nRequestId: 6 Error: Runtime exited with error: exit status \
         127\nRuntime.ExitError\nREPORT RequestId: 6\tDuration: 9.11 ms",
        &["wrapper-missing"],
    ),
    (
        10,
        "RequestId: 7 Error: Runtime exited with error: exit status 1\n2026-01-12T09:00:02 Runtime.ExitError",
        &["runtime-exit"],
    ),
    (
        11,
        "EXTENSION\tName: README.md\tState: LaunchError\tEvents: []\tError Type: UnknownError\n\
         INIT_REPORT Init Duration: 12 ms Phase: init Status: error Error Type: Extension.LaunchError\n\
         fork/exec /opt/extensions/README.md: permission denied",
        &["extension-launch", "program-permission"],
    ),
    (
        12,
        "An error occurred (AccessDeniedException) when calling the CreateFunction operation: Lambda does not have \
         permission to access the ECR image. Check the ECR permissions.",
        &["image-access-denied"],
    ),
    (
        13,
        "Resource handler returned message: \"Source image public.ecr.aws/lambda/python:3.12 is not valid. Provide a \
         valid source image. (Service: Lambda, Status Code: 400, Request ID: 8)\"",
        &["source-image"],
    ),
    (
        14,
        "Error: Failed to create changeset for the stack: shop, ex: Waiter ChangeSetCreateComplete failed: Status: FAILED. \
         Reason: Lambda layers are not supported for functions\n created with container images.",
        &["layers-of-image"],
    ),
    (
        15,
        "{\"level\":\"error\",\"message\":\"npm ERR! Error: EROFS: read-only file system, mkdir '/home/sbx_user1051/.npm'\"}",
        &["read-only"],
    ),
    (
        16,
        "Init error when handling request: Invalid handler [], must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD",
        &["empty-handler"],
    ),
    (
        17,
        "botocore.errorfactory.CodeArtifactUserPendingException: An error occurred (409) when calling the Invoke operation",
        &["image-not-ready"],
    ),
];

#[test]
fn the_known_failures_are_found_in_logs() {
    let rows: BTreeSet<_> = LOGS.iter().map(|(row, ..)| *row).collect();
    assert_eq!(rows, (1..=17).collect());
    for (row, log, expected) in LOGS {
        assert_eq!(&names(log), expected, "row {row}: {log}");
    }
}

#[test]
fn other_errors_are_found_in_logs() {
    for (log, expected) in [
        (
            "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'numpy'",
            &["missing-module"][..],
        ),
        (
            "Unable to import module 'app': /lib64/libm.so.6: version `GLIBC_2.27' not found (required by x.so)",
            &["glibc-version"],
        ),
        (
            "docker: Error response from daemon: exec: \"/aws-lambda/aws-lambda-rie\": permission denied: unknown.",
            &["emulator-mode"],
        ),
        (
            "name unknown: The repository with name 'shop/orders' does not exist in the registry with id '123456789012'",
            &["repository-missing"],
        ),
        (
            "User: arn:aws:iam::123456789012:user/me is not authorized to perform: ecr:PutImage on resource: x",
            &["push-denied"],
        ),
        (
            "InvalidParameterValueException: We currently do not have sufficient capacity in the region you requested. \
             Our system will be working on provisioning additional capacity.",
            &["no-capacity"],
        ),
        ("INIT_REPORT Init Duration: 10008.02 ms\tPhase: init\tStatus: timeout", &["init-timeout"]),
        ("2026-01-01 task timed out after 3.00 seconds", &["timed-out"]),
        ("An error of the user's own program", &[]),
    ] {
        assert_eq!(names(log), expected, "{log}");
    }
}

#[test]
fn findings_of_limg_are_found_in_its_output() {
    let output = "limg.yaml:4:5: unknown key `handlr` [unknown-key]\n  help: did you mean `handler`?\n\
                  limg.yaml:9: warning: the base is old [deprecated-runtime]";
    assert_eq!(names(output), ["unknown-key", "deprecated-runtime"]);
    assert_eq!(code_like("wrong-lib"), Some("wrong-libc"));
    assert_eq!([code_like("wrong lib"), code_like(&"wrong-lib".repeat(100_000))], [None, None]);
}

#[test]
fn an_explanation_repeats_nothing_of_the_text() {
    let log = "AWS_SECRET_ACCESS_KEY=hush fork/exec /hush/hush: permission denied hush";
    let json = serde_json::to_string(&explain(log)).unwrap();
    assert!(json.contains("fork/exec …: permission denied") && !json.contains("hush"), "{json}");
}
