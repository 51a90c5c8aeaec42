//! What the files themselves say.

use super::*;

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
