//! Files and helpers as users have them, in a folder that is gone afterwards.

mod files;
mod helpers;

use std::error::Error as _;
use std::io::Write as _;
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

#[test]
fn nothing_shows_a_secret() {
    let password = Secret::new(SECRET);
    let identity = Identity::Password { user: "me".to_owned(), password };
    assert!(!format!("{:?}", credential(identity, "file".to_owned())).contains("hunter2"));
}
