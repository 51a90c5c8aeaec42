//! Credential helpers.

use std::path::Path;

use super::*;

#[tokio::test]
async fn helpers_precede_entries() {
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
        let fixture = Fixture::with(&config);
        fixture.helper_for("own", "r.org", "own");
        fixture.helper_for("all", "r.org", "all");
        fixture.helper_for("none", "third.org", "none");
        fixture.helper_for("token", "r.org", "<token>");
        let next = json!({ "auths": { "r.org": { "auth": auth("next file") } } });
        fixture.write("run/containers/auth.json", next.to_string());
        assert_eq!(fixture.user("r.org").await, user, "{config}");
    }
}

#[tokio::test]
async fn a_key_for_a_namespace_precedes_a_helper_for_the_registry() {
    let group = json!({ "r.org/group": { "auth": auth("group") }, "r.org": { "auth": auth("entry") } });
    for (config, repository, user) in [
        (json!({ "credsStore": "all", "auths": group }), "r.org/group/app", "group"),
        (json!({ "credsStore": "all", "auths": group }), "r.org/app", "all"),
        (json!({ "credHelpers": { "r.org": "all" }, "auths": group }), "r.org/group/app", "group"),
        (json!({ "credHelpers": { "r.org/group": "own" }, "auths": group }), "r.org/group/app", "own"),
        (json!({ "credHelpers": { "r.org/group": "own" }, "auths": group }), "r.org/app", "entry"),
        (json!({ "credHelpers": { "r.org/group": "own" }, "credsStore": "all" }), "r.org/app", "all"),
        (json!({ "credHelpers": { "r.org/group": "" }, "credsStore": "all" }), "r.org/group/app", "-"),
    ] {
        let fixture = Fixture::with(&config);
        fixture.helper_for("own", "r.org/group", "own");
        fixture.helper_for("all", "r.org", "all");
        assert_eq!(fixture.user(repository).await, user, "{config} for {repository}");
    }
}

#[tokio::test]
async fn helpers_are_asked_for_docker_hub_by_its_key() {
    for (config, registry) in [
        (json!({ "credsStore": "all" }), "https://index.docker.io/v1/"),
        (json!({ "credHelpers": { "https://index.docker.io/v1/": "all" } }), "https://index.docker.io/v1/"),
        (json!({ "credHelpers": { "docker.io": "all" } }), "docker.io"),
    ] {
        let fixture = Fixture::with(&config);
        fixture.helper_for("all", registry, "me");
        assert_eq!(fixture.user("docker.io").await, "me", "{config}");
        assert_eq!(fixture.find("docker.io").await.unwrap().unwrap().source, "docker-credential-all");
    }
}

#[tokio::test]
async fn a_helper_may_have_no_credentials() {
    let not_found = "credentials not found in native keychain";
    for script in [
        format!("echo '{not_found}'; exit 1"),
        format!("echo '{not_found}' >&2; exit 1"),
        "echo '{\"ServerURL\":\"\",\"Username\":\"\",\"Secret\":\"\"}'".to_owned(),
    ] {
        let fixture = Fixture::with(&json!({ "credsStore": "h" }));
        fixture.helper("h", &script);
        assert_eq!(fixture.user("r.org").await, "-", "{script}");
    }
}

#[tokio::test]
async fn errors_about_a_helper_do_not_show_its_output() {
    let answer = json!({ "ServerURL": "r.org", "Username": "me", "Secret": SECRET });
    for (script, why) in [
        ("echo 'no keyring'; exit 3".to_owned(), "failed (exit status: 3): no keyring"),
        ("echo; echo 'no\nkeyring' >&2; exit 3".to_owned(), "failed (exit status: 3): no keyring"),
        (format!("echo '{answer}'; exit 1"), "failed (exit status: 1)"),
        (format!("echo '{answer}'; echo 'disk full' >&2; exit 1"), "failed (exit status: 1): disk full"),
        (format!("echo '{answer}'; kill -9 $$"), "failed (signal: 9 (SIGKILL))"),
        (format!("echo '{SECRET}'"), "printed something other than credentials"),
        (format!("echo '{{\"Secret\": [\"{SECRET}\"]}}'"), "printed something other than credentials"),
        (format!("echo '{answer}{answer}'"), "printed something other than credentials"),
        (String::new(), "printed something other than credentials"),
        (format!("exec yes '{SECRET}'"), "printed more than 1 MiB"),
    ] {
        let fixture = Fixture::with(&json!({ "credHelpers": { "r.org": "h" } }));
        fixture.helper("h", &script);
        let (error, help) = fixture.error("r.org").await;
        assert_eq!(error, format!("failed to find credentials for `r.org`: `docker-credential-h` {why}"));
        assert!(help.unwrap().contains("`docker-credential-h get`"));
    }
}

#[tokio::test]
async fn a_long_message_is_shortened() {
    let fixture = Fixture::with(&json!({ "credsStore": "h" }));
    fixture.helper("h", "printf 'x%.0s' $(seq 1000); exit 1");
    let (error, _) = fixture.error("r.org").await;
    assert_eq!(error.matches('x').count(), 500 + "exit".matches('x').count());
}

#[tokio::test]
async fn a_helper_that_hangs_is_killed() {
    let mut fixture = Fixture::with(&json!({ "credsStore": "h" }));
    fixture.config.helper_timeout = Duration::from_millis(100);
    // The second exits, but its child process keeps the output open.
    for script in ["exec sleep 600", "sleep 20 & exit 0"] {
        fixture.helper("h", script);
        let (error, _) = fixture.error("r.org").await;
        let why = "`docker-credential-h` did not answer within 0 seconds";
        assert_eq!(error, format!("failed to find credentials for `r.org`: {why}"));
    }
}

#[tokio::test]
async fn a_missing_helper_is_an_error() {
    // The Docker CLI does not continue either: it would use another identity than the configured one.
    for config in [json!({ "credsStore": "h" }), json!({ "credHelpers": { "r.org": "h" } })] {
        let fixture = Fixture::with(&config);
        let (error, help) = fixture.error("r.org").await;
        let file = "/home/.docker/config.json";
        let why =
            format!("`docker-credential-h`, a credential helper that `{file}` names, was not found in PATH");
        assert_eq!(error, format!("failed to find credentials for `r.org`: {why}"));
        assert!(help.unwrap().contains("PATH"));
    }
}

#[tokio::test]
async fn a_helper_is_a_program_in_path() {
    for name in ["../bin/docker-credential-h", "x/../h", "/h", "a\\b", "h\0"] {
        let fixture = Fixture::with(&json!({ "credsStore": name }));
        fixture.helper_for("h", "r.org", "me");
        let (error, help) = fixture.error("r.org").await;
        assert!(error.ends_with("is not a plain name"), "{error}");
        assert!(help.unwrap().contains("docker-credential-"));
    }
    let mut fixture = Fixture::with(&json!({ "credsStore": "h" }));
    fixture.helper_for("h", "r.org", "me");
    assert_eq!(fixture.user("r.org").await, "me");
    // An entry of PATH that depends on the working directory is ignored.
    let directory = Path::new("/proc/self/cwd").canonicalize().unwrap();
    let up: PathBuf = directory.components().skip(1).map(|_| "..").collect();
    fixture.config.paths.path = vec![up.join(fixture.path("bin").strip_prefix("/").unwrap()), PathBuf::new()];
    assert!(fixture.config.paths.path[0].join("docker-credential-h").is_file());
    assert!(fixture.error("r.org").await.0.contains("was not found in PATH"));
}
