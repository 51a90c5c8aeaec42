use std::error::Error as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::*;
use crate::registry::credentials::Secret;

/// What no error may show. Its base64 begins with `aHVudGVy`.
const SECRET: &str = "hunter2:with:colons";

/// A home folder with files and helpers.
struct Bench {
    folder: tempfile::TempDir,
    config: DockerConfig,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let files = ConfigFiles {
            home: Some(at("home")),
            runtime: Some(at("run")),
            path: vec![at("nowhere"), at("bin")],
            ..ConfigFiles::default()
        };
        let config = DockerConfig::new(files);
        Self { folder, config }
    }

    /// One with a file of Docker.
    fn with(config: &serde_json::Value) -> Self {
        let bench = Self::new();
        bench.write("home/.docker/config.json", config.to_string());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Installs a helper. Another process writes it: what this one has open for writing, a test beside this one may be
    /// passing on to a program that it starts, and then the kernel does not run it.
    fn helper(&self, name: &str, script: &str) {
        let path = self.path(&format!("bin/docker-credential-{name}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = Command::new("sh")
            .args(["-c", "cat >\"$0\" && chmod +x \"$0\""])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writer.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
    }

    /// Installs a helper that knows one registry, and fails at every other.
    fn helper_for(&self, name: &str, registry: &str, user: &str) {
        let answer = json!({ "ServerURL": registry, "Username": user, "Secret": SECRET });
        self.helper(
            name,
            &format!(
                "[ \"$1\" = get ] && [ \"$(cat)\" = '{registry}' ] || {{ echo '{}'; exit 1; }}\necho '{answer}'",
                "credentials not found in native keychain"
            ),
        );
    }

    async fn find(&self, host: &str) -> Result<Option<Credential>, CredentialsError> {
        self.config.find(host).await
    }

    /// The user for a host, `token` for a token, `-` for none; and it must be the secret that the test knows.
    async fn user(&self, host: &str) -> String {
        match self.find(host).await.unwrap().map(|found| found.identity) {
            None => "-".to_owned(),
            Some(Identity::Token(token)) => {
                assert_eq!(token.expose(), SECRET);
                "token".to_owned()
            }
            Some(Identity::Password { user, password }) => {
                assert_eq!(password.expose(), SECRET);
                user
            }
        }
    }

    /// The error for a host and its causes, and its help.
    async fn error(&self, host: &str) -> (String, Option<String>) {
        let error = self.find(host).await.unwrap_err();
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        let all = format!("{text} {error:?} {:?}", error.help);
        for secret in ["hunter2", "colons", "aHVudGVy", SECRET_ENTRY] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        (text.replace(self.folder.path().to_str().unwrap(), ""), error.help)
    }
}

fn auth(user: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(format!("{user}:{SECRET}"))
}

/// The end of the base64 of every user with the secret whose name has a multiple of three letters.
const SECRET_ENTRY: &str = "Omh1bnRlcjI6d2l0aDpjb2xvbnM";

#[tokio::test]
async fn nothing_is_known_without_files() {
    assert_eq!(Bench::new().user("registry.example.com").await, "-");
    let nowhere = DockerConfig::new(ConfigFiles::default());
    assert_eq!(nowhere.find("registry.example.com").await.unwrap(), None);
    let no_home = ConfigFiles { home: Some("/dev/null".into()), ..ConfigFiles::default() };
    assert_eq!(DockerConfig::new(no_home).find("registry.example.com").await.unwrap(), None);
}

#[tokio::test]
async fn files_are_asked_in_order() {
    let file = |user: &str| json!({ "auths": { "r.example.com": { "auth": auth(user) } } }).to_string();
    let mut bench = Bench::new();
    bench.config.files.registry_auth_file = Some(bench.path("auth file"));
    // Each is put before the ones that are there.
    for (name, user) in [
        ("home/.config/containers/auth.json", "config home"),
        ("run/containers/auth.json", "runtime"),
        ("home/.docker/config.json", "docker"),
        ("auth file", "auth file"),
    ] {
        bench.write(name, file(user));
        let found = bench.find("r.example.com").await.unwrap().unwrap();
        assert!(matches!(found.identity, Identity::Password { user: found, .. } if found == user), "{user}");
        assert_eq!(found.source, bench.path(name).display().to_string());
        assert_eq!(found.expires, None);
    }
    // What one does not know, the next may.
    bench.write("auth file", json!({ "auths": { "other.example.com": { "auth": auth("me") } } }).to_string());
    assert_eq!(bench.user("r.example.com").await, "docker");
}

#[tokio::test]
async fn variables_move_the_folders() {
    let file = |user: &str| json!({ "auths": { "r.example.com": { "auth": auth(user) } } }).to_string();
    let mut bench = Bench::new();
    bench.write("home/.docker/config.json", file("home docker"));
    bench.write("home/.config/containers/auth.json", file("home podman"));
    bench.config.files.docker_config = Some(bench.path("docker"));
    assert_eq!(bench.user("r.example.com").await, "home podman");
    bench.config.files.config_home = Some(bench.path("config"));
    assert_eq!(bench.user("r.example.com").await, "-");
    bench.write("config/containers/auth.json", file("podman"));
    assert_eq!(bench.user("r.example.com").await, "podman");
    bench.write("docker/config.json", file("docker"));
    assert_eq!(bench.user("r.example.com").await, "docker");
}

#[tokio::test]
async fn entries_are_found_under_all_their_keys() {
    for (key, host, found) in [
        ("r.example.com", "r.example.com", true),
        ("r.example.com:5000", "r.example.com:5000", true),
        ("r.example.com", "r.example.com:5000", false),
        ("r.example.com:5000", "r.example.com", false),
        ("https://r.example.com", "r.example.com", true),
        ("https://r.example.com/", "r.example.com", true),
        ("https://r.example.com/v1/", "r.example.com", true),
        ("https://r.example.com/v2/", "r.example.com", true),
        ("http://r.example.com:80/v2", "r.example.com:80", true),
        ("r.example.com/team", "r.example.com", true),
        ("https://[::1]:5000/v2/", "[::1]:5000", true),
        ("r.example.com.evil.org", "r.example.com", false),
        ("evil.org/r.example.com", "r.example.com", false),
        ("https://user@r.example.com", "r.example.com", false),
        ("https://index.docker.io/v1/", "docker.io", true),
        ("https://index.docker.io/v1/", "index.docker.io", true),
        ("https://index.docker.io/v1/", "registry-1.docker.io", true),
        ("docker.io", "registry-1.docker.io", true),
        ("index.docker.io", "docker.io", true),
        ("registry-1.docker.io", "docker.io", true),
        ("https://index.docker.io/v1/", "r.example.com", false),
        ("", "r.example.com", false),
    ] {
        let bench = Bench::with(&json!({ "auths": { key: { "auth": auth("me") } } }));
        assert_eq!(bench.user(host).await, if found { "me" } else { "-" }, "{key} for {host}");
    }
}

#[tokio::test]
async fn the_nearest_entry_counts() {
    let entry = |user: &str| json!({ "auth": auth(user) });
    for (auths, host, user) in [
        (
            json!({ "r.org/a": entry("a"), "https://r.org": entry("url"), "r.org": entry("host") }),
            "r.org",
            "host",
        ),
        (json!({ "r.org/a": entry("a"), "https://r.org/v1/": entry("url") }), "r.org", "url"),
        (json!({ "r.org/b": entry("b"), "r.org/a": entry("a") }), "r.org", "a"),
        (json!({ "r.org": {}, "https://r.org": entry("url") }), "r.org", "url"),
        (json!({ "r.org": null, "https://r.org": entry("url") }), "r.org", "url"),
        (
            json!({ "docker.io": entry("podman"), "https://index.docker.io/v1/": entry("docker") }),
            "docker.io",
            "docker",
        ),
    ] {
        let bench = Bench::with(&json!({ "auths": auths }));
        assert_eq!(bench.user(host).await, user, "{auths}");
    }
}

#[tokio::test]
async fn entries_tell_an_identity_in_several_ways() {
    let unpadded = auth("me").trim_end_matches('=').to_owned();
    let padded_with_nul = {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(format!("me:{SECRET}\0\0"))
    };
    for (entry, user) in [
        (json!({ "auth": auth("me") }), "me"),
        (json!({ "auth": unpadded }), "me"),
        (json!({ "auth": padded_with_nul }), "me"),
        (json!({ "auth": format!("{}\n", auth("me")) }), "me"),
        (json!({ "username": "me", "password": SECRET }), "me"),
        (json!({ "auth": auth("me"), "username": "old", "password": "old" }), "me"),
        (json!({ "auth": "MDA6", "identitytoken": SECRET }), "token"),
        (json!({ "identitytoken": SECRET }), "token"),
        (json!({ "auth": auth("me"), "email": 7, "unknown": [] }), "me"),
        (json!({ "auth": "", "identitytoken": "", "username": "" }), "-"),
        (json!({ "registrytoken": SECRET }), "-"),
        (json!({ "password": SECRET }), "-"),
        (json!({}), "-"),
    ] {
        let bench = Bench::with(&json!({ "auths": { "r.example.com": entry } }));
        assert_eq!(bench.user("r.example.com").await, user, "{entry}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_without_its_content() {
    let file = "/home/.docker/config.json";
    let entry = format!("the `auth` of this registry in `{file}` is not base64 of USER:PASSWORD");
    for (content, why) in [
        (format!("{{\"auths\": \n{SECRET}"), format!("`{file}` is not JSON (line 2, column 1)")),
        (
            format!("{{\"auths\": {{\"r.org\": \"{SECRET}\"}}}}"),
            format!("`{file}` has not the form of Docker's configuration (line 1, column 41)"),
        ),
        (
            format!("{{\"auths\": \"{SECRET}\"}}"),
            format!("`{file}` has not the form of Docker's configuration (line 1, column 31)"),
        ),
        (json!({ "auths": { "r.org": { "auth": SECRET } } }).to_string(), entry.clone()),
        (json!({ "auths": { "r.org": { "auth": "aHVudGVyMg==" } } }).to_string(), entry.clone()),
        (json!({ "auths": { "r.org": { "auth": "Omh1bnRlcjI=" } } }).to_string(), entry.clone()),
        (json!({ "auths": { "r.org": { "auth": "/////w==" } } }).to_string(), entry),
    ] {
        let bench = Bench::new();
        bench.write("home/.docker/config.json", &content);
        let (error, help) = bench.error("r.org").await;
        assert_eq!(error, format!("failed to find credentials for `r.org`: {why}"));
        assert!(help.unwrap().contains("docker login"));
    }
    // A broken entry of another registry does no harm.
    let bench =
        Bench::with(&json!({ "auths": { "other.org": { "auth": "!" }, "r.org": { "auth": auth("me") } } }));
    assert_eq!(bench.user("r.org").await, "me");
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("home/.docker/config.json")).unwrap();
    let (error, _) = bench.error("r.org").await;
    assert!(error.contains(&format!("failed to read `{file}`: ")), "{error}");
    for empty in ["", " \n"] {
        bench.write("run/containers/auth.json", empty);
        std::fs::remove_dir(bench.path("home/.docker/config.json")).ok();
        assert_eq!(bench.user("r.org").await, "-");
    }
}

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

#[test]
fn nothing_shows_a_secret() {
    let password = Secret::new(SECRET);
    let identity = Identity::Password { user: "me".to_owned(), password };
    assert!(!format!("{:?}", credential(identity, "file".to_owned())).contains("hunter2"));
}
