//! Files that look like secrets.

use super::*;

#[test]
fn files_that_look_like_secrets_give_one_warning() {
    let fixture = Fixture::with_code(
        "python3.12",
        &[
            "/var/task/app.py",
            "/var/task/.env=TOKEN=x",
            "/var/task/node_modules/a/test/a.pem=-----BEGIN PRIVATE KEY-----",
            "/var/task/node_modules/a/test/b.pem=-----BEGIN PRIVATE KEY-----",
            "/var/task/node_modules/a/test/c.pem=-----BEGIN PRIVATE KEY-----",
            "/var/task/z/server.key=-----BEGIN PRIVATE KEY-----",
        ],
    );
    let text = fixture.warning(Code::SecretFile);
    assert!(
        text.contains(
            "`/var/task/.env`, `/var/task/z/server.key`, `/var/task/node_modules/a/test/a.pem`, \
             `/var/task/node_modules/a/test/b.pem`, `/var/task/node_modules/a/test/c.pem`: these look like secrets, \
             and everyone who can pull the image can read them; add them to `exclude`, or if the function needs them"
        ),
        "{text}"
    );
    assert!(!text.contains("TOKEN"), "{text}");
    let text = Fixture::with_code("python3.12", &["/var/task/.env=A=1"]).warning(Code::SecretFile);
    assert!(
        text.contains("this looks like a secret, and everyone who can pull the image can read it; add it to"),
        "{text}"
    );
    Fixture::with_code("python3.12", &["/var/task/app.py", "/var/task/.env.example=A=1"])
        .checked_without_warnings();
}
