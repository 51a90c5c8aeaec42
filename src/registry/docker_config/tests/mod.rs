//! Configuration files and helpers in a temporary home folder.

mod files;
mod helpers;

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use super::*;
use crate::registry::credentials::Secret;
use crate::text::with_causes;

/// What no error may contain. Its base64 begins with `aHVudGVy`.
const SECRET: &str = "hunter2:with:colons";

/// A home folder with files and helpers.
struct Fixture {
    folder: tempfile::TempDir,
    config: DockerConfig,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let paths = DockerConfigPaths {
            home: Some(at("home")),
            runtime: Some(at("run")),
            path: vec![at("nowhere"), at("bin")],
            ..DockerConfigPaths::default()
        };
        let config = DockerConfig::new(paths);
        Self { folder, config }
    }

    /// With a configuration file of Docker.
    fn with(config: &serde_json::Value) -> Self {
        let fixture = Self::new();
        fixture.write("home/.docker/config.json", config.to_string());
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Installs a helper. Another process writes it: a concurrent test may start a program that inherits what this process
    /// has open for writing, and then the kernel would refuse to run the helper.
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

    /// Installs a helper that has credentials for one registry and fails for every other.
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

    /// The credential for a repository, or for `HOST/shop/orders` if only a host is given.
    async fn find(&self, repository: &str) -> Result<Option<Credential>, CredentialError> {
        Ok(self.config.find(&self::repository(repository)).await?.credential)
    }

    /// The user for a host, `token` for a token, `-` for none. Fails unless the secret is the expected one.
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

    /// The error for a host with its causes, and its help.
    async fn error(&self, host: &str) -> (String, Option<String>) {
        let error = self.find(host).await.unwrap_err();
        let text = with_causes(&error);
        let all = format!("{text} {error:?} {:?}", error.help);
        for secret in ["hunter2", "colons", "aHVudGVy", SECRET_ENTRY] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
        (
            text.replace(self.folder.path().to_str().unwrap(), ""),
            error.help.and_then(|help| help.render(|_| None)),
        )
    }
}

/// The repository `shop/orders` if only a host is given.
fn repository(text: &str) -> Repository {
    let (host, name) = text.split_once('/').unwrap_or((text, "shop/orders"));
    Repository { host: host.to_owned(), name: name.to_owned() }
}

fn auth(user: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(format!("{user}:{SECRET}"))
}

/// The end of the base64 of a user with the secret, if the user's name has a multiple of three letters.
const SECRET_ENTRY: &str = "Omh1bnRlcjI6d2l0aDpjb2xvbnM";

#[test]
fn nothing_shows_a_secret() {
    let password = Secret::new(SECRET);
    let identity = Identity::Password { user: "me".to_owned(), password };
    assert!(!format!("{:?}", credential(identity, "file".to_owned())).contains("hunter2"));
}
