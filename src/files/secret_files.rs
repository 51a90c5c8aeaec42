//! Files that look like secrets: everyone who can pull an image can read them.
//!
//! Names decide which files are looked at, and for most of them their content must agree: a `.pem` is more often a public
//! certificate than a private key. Contents never leave this module.

use crate::project::ImagePath;
use crate::tree::{Node, Tree, TreeError};

/// How much of a file is read: the files that tools write their secrets to are much smaller.
const READ: usize = 64 * 1024;

/// Words in the names of files with variables, at the end after `.env.` or before `.env`, that are meant to be shared or
/// are code.
const NOT_SECRET: &[&str] = &[
    "default", "defaults", "dist", "example", "js", "json", "md", "sample", "schema", "template", "tpl",
    "ts", "vault",
];

const PRIVATE_KEY: &[&str] = &["PRIVATE KEY-----"];

/// What shows that a file is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Its name alone.
    Name,
    /// A line that contains one of these words, and is neither a comment nor refers to a variable for the value.
    Words(&'static [&'static str]),
}

/// The files of a tree that look like secrets, in the order of their paths.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn of_tree(tree: &Tree) -> Result<Vec<ImagePath>, TreeError> {
    let mut secrets = Vec::new();
    for (path, node) in tree.iter() {
        if let Node::File(file) = node
            && file.size > 0
            && let Some(sign) = sign(path)
            && shows(sign, &file.content.head(READ)?)
        {
            secrets.push(path.clone());
        }
    }
    Ok(secrets)
}

/// Whether a file that is not in a tree looks like a secret; `head` reads its first bytes, at most as many as it is given.
///
/// # Errors
/// When it cannot be read.
pub(super) fn looks_secret<E>(
    path: &ImagePath,
    head: impl FnOnce(usize) -> Result<Vec<u8>, E>,
) -> Result<bool, E> {
    let Some(sign) = sign(path) else { return Ok(false) };
    let head = head(READ)?;
    Ok(!head.is_empty() && shows(sign, &head))
}

/// What would show that a file of this name is a secret. Nothing for nearly all files.
fn sign(path: &ImagePath) -> Option<Sign> {
    let name = path.name();
    let folder = || path.folder().rsplit('/').next().unwrap_or_default();
    let suffix = path.suffix().unwrap_or_default();
    Some(match name {
        ".env" | ".envrc" | ".git-credentials" | ".pgpass" => Sign::Name,
        _ if name.starts_with(".env.") => (!is_shared(suffix)).then_some(Sign::Name)?,
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ecdsa_sk" | "id_ed25519" | "id_ed25519_sk" => {
            Sign::Words(PRIVATE_KEY)
        }
        // The shared files of AWS's tools.
        "credentials" => Sign::Words(&["aws_secret_access_key", "aws_session_token"]),
        "config" if folder() == ".aws" => Sign::Words(&["aws_secret_access_key", "aws_session_token"]),
        "config.json" if folder() == ".docker" => Sign::Words(&["\"auth\"", "\"identitytoken\""]),
        ".dockercfg" => Sign::Words(&["\"auth\""]),
        ".npmrc" => Sign::Words(&["_authToken", "_auth", "_password"]),
        ".yarnrc.yml" => Sign::Words(&["npmAuthToken", "npmAuthIdent"]),
        ".pypirc" | ".netrc" | "_netrc" => Sign::Words(&["password"]),
        _ => match suffix {
            "pem" | "key" | "p8" => Sign::Words(PRIVATE_KEY),
            "ppk" => Sign::Words(&["Private-Lines"]),
            "p12" | "pfx" => Sign::Name,
            "env" => {
                let word = name[..name.len() - ".env".len()].rsplit(['.', '-', '_']).next();
                (!word.is_some_and(is_shared)).then_some(Sign::Name)?
            }
            // Keys of accounts of Google's services.
            "json" if has_key_id(name) => Sign::Words(PRIVATE_KEY),
            "json" if is_account(name) => {
                Sign::Words(&["PRIVATE KEY-----", "\"refresh_token\"", "\"client_secret\""])
            }
            _ => return None,
        },
    })
}

/// Whether a word in the name of a file with variables shows that it is not a secret.
fn is_shared(word: &str) -> bool {
    NOT_SECRET.contains(&word.to_ascii_lowercase().as_str())
}

/// Whether a file is named as Google names the downloaded key of a service account: the project, `-`, and the first 12
/// hexadecimal digits of the key's ID.
fn has_key_id(name: &str) -> bool {
    let id = name.strip_suffix(".json").and_then(|name| name.rsplit_once('-'));
    id.is_some_and(|(project, id)| {
        !project.is_empty() && id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether a file is named like those that have the key of an account.
fn is_account(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '_'], "");
    ["credentials", "serviceaccount", "adminsdk", "clientsecret"].iter().any(|part| name.contains(part))
}

fn shows(sign: Sign, text: &[u8]) -> bool {
    let Sign::Words(words) = sign else { return true };
    let shows = |line: &str| {
        !line.trim_start().starts_with(['#', ';'])
            && words.iter().any(|word| line.find(word).is_some_and(|at| !line[at..].contains("${")))
    };
    String::from_utf8_lossy(text).lines().any(shows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::FileNode;

    fn looks_secret(name: &str, content: &str) -> bool {
        let mut tree = Tree::new();
        let path: ImagePath = format!("/var/task/{name}").parse().unwrap();
        tree.insert(path.clone(), Node::File(FileNode::of_bytes(content.as_bytes(), false)));
        of_tree(&tree).unwrap() == [path]
    }

    #[test]
    fn secrets_are_known_by_name_and_content() {
        let key = "x\n-----BEGIN RSA PRIVATE KEY-----\nMII\n";
        for (name, content) in [
            (".env", "A=1"),
            (".env.production", "A=1"),
            (".env.local", "A=1"),
            ("conf/.envrc", "export A=1"),
            ("prod.env", "A=1"),
            ("conf/api.staging.env", "A=1"),
            ("id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            (".ssh/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            ("tls/server.pem", key),
            ("server.key", "-----BEGIN PRIVATE KEY-----\n"),
            ("AuthKey.p8", "-----BEGIN PRIVATE KEY-----\n"),
            ("store.p12", "\0"),
            (".aws/credentials", "[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"),
            (".npmrc", "registry=https://r\n//r/:_authToken=npm_x\n"),
            (".pypirc", "[pypi]\npassword: x\n"),
            (".netrc", "machine h login u password p\n"),
            ("shop-prod-0123456789ab.json", "{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMII\"}"),
            ("service-account.json", "{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMII\"}"),
        ] {
            assert!(looks_secret(name, content), "{name}");
        }
    }

    #[test]
    fn what_may_be_read_by_all_is_not_a_secret() {
        for (name, content) in [
            (".env", ""),
            (".env.example", "A="),
            (".env.local.sample", "A="),
            (".env.TEMPLATE", "A="),
            ("example.env", "A="),
            ("prod.Sample.env", "A="),
            ("app-template.env", "A="),
            ("chunk-0123456789ab.json", "{\"client_secret\": 1}"),
            ("chunk-0123456789abc.json", "-----BEGIN PRIVATE KEY-----"),
            ("certifi/cacert.pem", "-----BEGIN CERTIFICATE-----\nMII\n"),
            ("server.key", "-----BEGIN PUBLIC KEY-----\n"),
            ("id_rsa.pub", "ssh-rsa AAA"),
            ("botocore/credentials.py", "aws_secret_access_key = None"),
            ("credentials", "see the manual"),
            (".npmrc", "registry=https://r\n//r/:_authToken=${NPM_TOKEN}\n# _auth=x\n"),
            ("credentials.json", "{}"),
            ("package.json", "{\"client_secret\": 1}"),
            ("environment.env.js", "x"),
        ] {
            assert!(!looks_secret(name, content), "{name}");
        }
    }
}
