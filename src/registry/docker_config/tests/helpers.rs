//! What helpers say, and which are asked.

use std::path::Path;

use super::*;

#[tokio::test]
async fn helpers_come_before_entries() {
    let own = json!({ "r.org": "own" });
    let entries = json!({ "r.org": { "auth": auth("entry") }, "hub": {} });
    for (config, user) in [
        (json!({ "credHelpers": own, "credsStore": "all", "auths": entries }), "own"),
        (json!({ "credHelpers": { "other.org": "own" }, "credsStore": "all", "auths": entries }), "all"),
        (json!({ "credHelpers": null, "credsStore": "all", "auths": { "r.org": {} } }), "all"),
        (json!({ "credHelpers": { "r.org": "" }, "credsStore": "all", "auths": entries }), "entry"),
        (json!({ "credHelpers": { "r.org": null }, "credsStore": "all", "auths": entries }), "entry"),
        (json!({ "credsStore": "", "auths": entries }), "entry"),
        (json!({ "credsStore": "none", "auths": entries }), "entry"),
        (json!({ "credsStore": "none", "auths": { "r.org": {} } }), "next file"),
        (json!({ "credHelpers": { "r.org": "none" }, "credsStore": "all" }), "next file"),
        (json!({ "credHelpers": { "r.org": "token" } }), "token"),
    ] {
        let bench = Bench::with(&config);
        bench.helper_for("own", "r.org", "own");
        bench.helper_for("all", "r.org", "all");
        bench.helper_for("none", "nobody.org", "none");
        bench.helper_for("token", "r.org", "<token>");
        let next = json!({ "auths": { "r.org": { "auth": auth("next file") } } });
        bench.write("run/containers/auth.json", next.to_string());
        assert_eq!(bench.user("r.org").await, user, "{config}");
    }
}

#[tokio::test]
async fn helpers_know_docker_hub_by_the_name_of_its_file() {
    for (config, registry) in [
        (json!({ "credsStore": "all" }), "https://index.docker.io/v1/"),
        (json!({ "credHelpers": { "https://index.docker.io/v1/": "all" } }), "https://index.docker.io/v1/"),
        (json!({ "credHelpers": { "docker.io": "all" } }), "docker.io"),
    ] {
        let bench = Bench::with(&config);
        bench.helper_for("all", registry, "me");
        assert_eq!(bench.user("docker.io").await, "me", "{config}");
        assert_eq!(bench.find("docker.io").await.unwrap().unwrap().source, "docker-credential-all");
    }
}

#[tokio::test]
async fn a_helper_may_have_nothing() {
    let not_found = "credentials not found in native keychain";
    for script in [
        format!("echo '{not_found}'; exit 1"),
        format!("echo '{not_found}' >&2; exit 1"),
        "echo '{\"ServerURL\":\"\",\"Username\":\"\",\"Secret\":\"\"}'".to_owned(),
    ] {
        let bench = Bench::with(&json!({ "credsStore": "h" }));
        bench.helper("h", &script);
        assert_eq!(bench.user("r.org").await, "-", "{script}");
    }
}

#[tokio::test]
async fn a_helper_that_fails_is_told_without_its_answer() {
    let answer = json!({ "ServerURL": "r.org", "Username": "me", "Secret": SECRET });
    for (script, why) in [
        ("echo 'no keyring'; exit 3".to_owned(), "failed (exit status: 3): no keyring"),
        ("echo; echo 'no\nkeyring' >&2; exit 3".to_owned(), "failed (exit status: 3): no keyring"),
        (format!("echo '{answer}'; exit 1"), "failed (exit status: 1)"),
        (format!("echo '{answer}'; echo 'disk full' >&2; exit 1"), "failed (exit status: 1): disk full"),
        (format!("echo '{answer}'; kill -9 $$"), "failed (signal: 9 (SIGKILL))"),
        (format!("echo '{SECRET}'"), "gave no answer that a credential helper gives"),
        (format!("echo '{{\"Secret\": [\"{SECRET}\"]}}'"), "gave no answer that a credential helper gives"),
        (format!("echo '{answer}{answer}'"), "gave no answer that a credential helper gives"),
        (String::new(), "gave no answer that a credential helper gives"),
        (format!("exec yes '{SECRET}'"), "answered with more than 1048576 bytes"),
    ] {
        let bench = Bench::with(&json!({ "credHelpers": { "r.org": "h" } }));
        bench.helper("h", &script);
        let (error, help) = bench.error("r.org").await;
        assert_eq!(error, format!("failed to find credentials for `r.org`: `docker-credential-h` {why}"));
        assert!(help.unwrap().contains("`docker-credential-h get`"));
    }
}

#[tokio::test]
async fn a_long_message_is_cut() {
    let bench = Bench::with(&json!({ "credsStore": "h" }));
    bench.helper("h", "printf 'x%.0s' $(seq 1000); exit 1");
    let (error, _) = bench.error("r.org").await;
    assert_eq!(error.matches('x').count(), 300 + "exit".matches('x').count());
}

#[tokio::test]
async fn a_helper_that_hangs_is_ended() {
    let mut bench = Bench::with(&json!({ "credsStore": "h" }));
    bench.config.patience = Duration::from_millis(100);
    // The second ends, but what it leaves behind keeps its output open.
    for script in ["exec sleep 600", "sleep 20 & exit 0"] {
        bench.helper("h", script);
        let (error, _) = bench.error("r.org").await;
        let why = "`docker-credential-h` did not answer within 0 seconds";
        assert_eq!(error, format!("failed to find credentials for `r.org`: {why}"));
    }
}

#[tokio::test]
async fn a_helper_that_is_not_there_is_an_error() {
    // The Docker CLI does not go on either: it would be another identity than the one that was set up.
    for config in [json!({ "credsStore": "h" }), json!({ "credHelpers": { "r.org": "h" } })] {
        let bench = Bench::with(&config);
        let (error, help) = bench.error("r.org").await;
        let file = "/home/.docker/config.json";
        let why =
            format!("found no program `docker-credential-h`, which `{file}` names as credential helper");
        assert_eq!(error, format!("failed to find credentials for `r.org`: {why}"));
        assert!(help.unwrap().contains("PATH"));
    }
}

#[tokio::test]
async fn only_programs_of_the_path_are_helpers() {
    for name in ["../bin/docker-credential-h", "x/../h", "/h", "a\\b", "h\0"] {
        let bench = Bench::with(&json!({ "credsStore": name }));
        bench.helper_for("h", "r.org", "me");
        let (error, help) = bench.error("r.org").await;
        assert!(error.ends_with("names, is no plain name"), "{error}");
        assert!(help.unwrap().contains("docker-credential-"));
    }
    let mut bench = Bench::with(&json!({ "credsStore": "h" }));
    bench.helper_for("h", "r.org", "me");
    assert_eq!(bench.user("r.org").await, "me");
    // An entry of PATH that depends on the working directory is none.
    let directory = Path::new("/proc/self/cwd").canonicalize().unwrap();
    let up: PathBuf = directory.components().skip(1).map(|_| "..").collect();
    bench.config.files.path = vec![up.join(bench.path("bin").strip_prefix("/").unwrap()), PathBuf::new()];
    assert!(bench.config.files.path[0].join("docker-credential-h").is_file());
    assert!(bench.error("r.org").await.0.contains("found no program"));
}
