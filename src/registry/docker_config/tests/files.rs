//! Entries of configuration files.

use super::*;

#[tokio::test]
async fn there_are_no_credentials_without_files() {
    assert_eq!(Fixture::new().user("registry.example.com").await, "-");
    let nowhere = DockerConfig::new(DockerConfigPaths::default());
    let repository = repository("registry.example.com");
    assert_eq!(nowhere.find(&repository).await.unwrap().credential, None);
    let no_home = DockerConfigPaths { home: Some("/dev/null".into()), ..DockerConfigPaths::default() };
    assert_eq!(DockerConfig::new(no_home).find(&repository).await.unwrap().credential, None);
}

#[tokio::test]
async fn files_are_read_in_order() {
    let file = |user: &str| json!({ "auths": { "r.example.com": { "auth": auth(user) } } }).to_string();
    let mut fixture = Fixture::new();
    fixture.config.paths.registry_auth_file = Some(fixture.path("auth file"));
    // Each file has a higher precedence than the ones before it.
    for (name, user) in [
        ("home/.config/containers/auth.json", "config home"),
        ("run/containers/auth.json", "runtime"),
        ("home/.docker/config.json", "docker"),
        ("auth file", "auth file"),
    ] {
        fixture.write(name, file(user));
        let found = fixture.find("r.example.com").await.unwrap().unwrap();
        assert!(matches!(found.identity, Identity::Password { user: found, .. } if found == user), "{user}");
        assert_eq!(found.source, fixture.path(name).display().to_string());
        assert_eq!(found.expires, None);
    }
    // If a file has no entry for the registry, the next one may.
    fixture
        .write("auth file", json!({ "auths": { "other.example.com": { "auth": auth("me") } } }).to_string());
    assert_eq!(fixture.user("r.example.com").await, "docker");
}

#[tokio::test]
async fn variables_change_the_folders() {
    let file = |user: &str| json!({ "auths": { "r.example.com": { "auth": auth(user) } } }).to_string();
    let mut fixture = Fixture::new();
    fixture.write("home/.docker/config.json", file("home docker"));
    fixture.write("home/.config/containers/auth.json", file("home podman"));
    fixture.config.paths.docker_config = Some(fixture.path("docker"));
    assert_eq!(fixture.user("r.example.com").await, "home podman");
    fixture.config.paths.config_home = Some(fixture.path("config"));
    assert_eq!(fixture.user("r.example.com").await, "-");
    fixture.write("config/containers/auth.json", file("podman"));
    assert_eq!(fixture.user("r.example.com").await, "podman");
    fixture.write("docker/config.json", file("docker"));
    assert_eq!(fixture.user("r.example.com").await, "docker");
}

#[tokio::test]
async fn an_entry_may_have_different_keys() {
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
        ("R.Example.com", "r.example.com", true),
        ("r.example.com/v2/", "r.example.com", true),
        ("index.docker.io/v1/", "docker.io", true),
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
        let fixture = Fixture::with(&json!({ "auths": { key: { "auth": auth("me") } } }));
        assert_eq!(fixture.user(host).await, if found { "me" } else { "-" }, "{key} for {host}");
    }
}

#[tokio::test]
async fn the_nearest_entry_is_used() {
    let entry = |user: &str| json!({ "auth": auth(user) });
    for (auths, host, user) in [
        (
            json!({ "r.org/a": entry("a"), "https://r.org": entry("url"), "r.org": entry("host") }),
            "r.org",
            "host",
        ),
        (json!({ "r.org/a": entry("a"), "https://r.org/v1/": entry("url") }), "r.org", "url"),
        (json!({ "r.org/b": entry("b"), "r.org/a": entry("a") }), "r.org", "-"),
        (json!({ "r.org": {}, "https://r.org": entry("url") }), "r.org", "url"),
        (json!({ "r.org": null, "https://r.org": entry("url") }), "r.org", "url"),
        (
            json!({ "docker.io": entry("podman"), "https://index.docker.io/v1/": entry("docker") }),
            "docker.io",
            "docker",
        ),
    ] {
        let fixture = Fixture::with(&json!({ "auths": auths }));
        assert_eq!(fixture.user(host).await, user, "{auths}");
    }
}

#[tokio::test]
async fn the_most_specific_key_that_is_a_prefix_holds() {
    let keys =
        ["r.org", "r.org/group", "r.org/group/app", "https://r.org/url/", "r.org:5000/group", "r.org/v1"];
    let auths: serde_json::Map<_, _> =
        keys.iter().map(|key| ((*key).to_owned(), json!({ "auth": auth(&key.replace(':', "|")) }))).collect();
    let fixture = Fixture::with(&json!({ "auths": auths }));
    for (repository, key) in [
        ("r.org/app", "r.org"),
        ("r.org/group/other", "r.org/group"),
        ("r.org/group/app", "r.org/group/app"),
        ("r.org/group/app/cache", "r.org/group/app"),
        ("r.org/group/application", "r.org/group"),
        ("r.org/groups/app", "r.org"),
        ("r.org/group", "r.org/group"),
        ("r.org/other/group/app", "r.org"),
        ("r.org/url/app", "https|//r.org/url/"),
        ("r.org/v1/app", "r.org/v1"),
        ("r.org:5000/group/app", "r.org|5000/group"),
        ("r.org:5000/app", "-"),
        ("other.org/group/app", "-"),
    ] {
        assert_eq!(fixture.user(repository).await, key, "{repository}");
    }
    let fixture = Fixture::with(&json!({ "auths": { "docker.io/library": { "auth": auth("me") } } }));
    assert_eq!(fixture.user("docker.io/library/python").await, "me");
    assert_eq!(fixture.user("docker.io/shop/python").await, "-");
}

#[tokio::test]
async fn one_look_up_is_for_the_registry_unless_keys_have_namespaces() {
    for (key, for_registry) in [
        ("r.org", true),
        ("https://r.org/v2/", true),
        ("other.org/group", true),
        ("r.org/group", false),
        ("https://r.org/group", false),
    ] {
        for config in [
            json!({ "auths": { key: { "auth": auth("me") } } }),
            json!({ "credHelpers": { key: "" }, "auths": { "r.org": { "auth": auth("me") } } }),
        ] {
            let fixture = Fixture::with(&config);
            let found = fixture.config.find(&repository("r.org/group/app")).await.unwrap();
            assert_eq!(found.for_registry, for_registry, "{config}");
        }
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped() {
    let config = json!({ "auths": { "r.org": { "auth": auth("me") } } }).to_string();
    let units: Vec<_> = config.encode_utf16().collect();
    let little: Vec<_> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<_> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for (mark, content) in
        [(&b"\xEF\xBB\xBF"[..], config.into_bytes()), (b"\xFF\xFE", little), (b"\xFE\xFF", big)]
    {
        let fixture = Fixture::new();
        fixture.write("home/.docker/config.json", [mark, &content].concat());
        assert_eq!(fixture.user("r.org").await, "me", "{mark:?}");
    }
}

#[tokio::test]
async fn an_entry_may_have_different_forms() {
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
        let fixture = Fixture::with(&json!({ "auths": { "r.example.com": entry } }));
        assert_eq!(fixture.user("r.example.com").await, user, "{entry}");
    }
}

#[tokio::test]
async fn errors_about_a_file_do_not_show_its_content() {
    let file = "/home/.docker/config.json";
    let entry = format!("the `auth` of this registry in `{file}` is not base64 of USER:PASSWORD");
    for (content, why) in [
        (format!("{{\"auths\": \n{SECRET}"), format!("`{file}` is not valid JSON (line 2, column 1)")),
        (
            format!("{{\"auths\": {{\"r.org\": \"{SECRET}\"}}}}"),
            format!("`{file}` is not a valid Docker config file (line 1, column 41)"),
        ),
        (
            format!("{{\"auths\": \"{SECRET}\"}}"),
            format!("`{file}` is not a valid Docker config file (line 1, column 31)"),
        ),
        (json!({ "auths": { "r.org": { "auth": SECRET } } }).to_string(), entry.clone()),
        (json!({ "auths": { "r.org": { "auth": "aHVudGVyMg==" } } }).to_string(), entry.clone()),
        (json!({ "auths": { "r.org": { "auth": "Omh1bnRlcjI=" } } }).to_string(), entry.clone()),
        (json!({ "auths": { "r.org": { "auth": "/////w==" } } }).to_string(), entry),
    ] {
        let fixture = Fixture::new();
        fixture.write("home/.docker/config.json", &content);
        let (error, help) = fixture.error("r.org").await;
        assert_eq!(error, format!("failed to find credentials for `r.org`: {why}"));
        assert!(help.unwrap().contains("docker login"));
    }
    // A broken entry for another registry does no harm.
    let fixture =
        Fixture::with(&json!({ "auths": { "other.org": { "auth": "!" }, "r.org": { "auth": auth("me") } } }));
    assert_eq!(fixture.user("r.org").await, "me");
    let fixture = Fixture::new();
    std::fs::create_dir_all(fixture.path("home/.docker/config.json")).unwrap();
    let (error, _) = fixture.error("r.org").await;
    assert!(error.contains(&format!("failed to read `{file}`: ")), "{error}");
    for empty in ["", " \n"] {
        fixture.write("run/containers/auth.json", empty);
        std::fs::remove_dir(fixture.path("home/.docker/config.json")).ok();
        assert_eq!(fixture.user("r.org").await, "-");
    }
}
