//! What a definition takes from AWS instead of this machine, and limg can fetch: a [`RemoteValue`].
//!
//! This module reads the forms in which definitions write it. It fetches nothing.

use std::fmt;
use std::str::FromStr;

/// The hosts of Amazon S3 end with one of these (AWS General Reference, Amazon S3 endpoints).
const DNS_SUFFIXES: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"];

/// What precedes the version of an object in its URL (AWS SAM developer guide, `CodeUri`).
const VERSION: &str = "?versionId=";

/// Something in AWS that a definition needs, and that the user can have fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemoteValue {
    /// An object in S3: code, a layer or a template.
    Object(S3Object),
    /// A parameter in Parameter Store.
    Parameter(StoredParameter),
}

impl fmt::Display for RemoteValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(object) => object.fmt(f),
            Self::Parameter(parameter) => write!(f, "the parameter `{}`", parameter.name),
        }
    }
}

/// A text that is not the URL of an object in S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of an object in S3, such as `s3://BUCKET/KEY`")]
pub struct S3UrlError;

/// An object in S3. Its bucket and key can be written into a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct S3Object {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl S3Object {
    /// An object of a bucket; nothing if the bucket or the key is not valid (Amazon S3 user guide, General purpose bucket
    /// naming rules, with those of old buckets in us-east-1). A key with `.` or `..` between slashes cannot be requested,
    /// since HTTP clients remove them from paths (RFC 3986, section 5.2.4),
    /// and `?versionId=` in a key looks like a version.
    #[must_use]
    pub fn new(bucket: &str, key: &str, version: Option<&str>) -> Option<Self> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_bucket = (3..=255).contains(&bucket.len())
            && bucket.bytes().all(letter)
            && bucket.starts_with(|first: char| first.is_ascii_alphanumeric())
            && bucket.ends_with(|last: char| last.is_ascii_alphanumeric());
        let is_key = (1..=1024).contains(&key.len())
            && !key.contains('\0')
            && !key.contains(VERSION)
            && key.split('/').all(|segment| !matches!(segment, "." | ".."));
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let version = version.filter(|version| !version.is_empty()).map(str::to_owned);
        (is_bucket && is_key).then_some(Self { bucket, key, version })
    }

    /// Reads `s3://BUCKET/KEY`, or an HTTPS URL in one of S3's forms, each with a version or without (Amazon S3 user guide,
    /// Virtual hosting of general purpose buckets).
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (url, version) = match url.split_once(VERSION) {
            Some((url, version)) => (url, Some(version)),
            None => (url, None),
        };
        if let Some(path) = url.strip_prefix("s3://") {
            let (bucket, key) = path.split_once('/')?;
            return Self::new(bucket, key, version);
        }
        let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
        let host = DNS_SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix))?;
        let (bucket, path) = match bucket_of_host(host)? {
            "" => path.split_once('/')?,
            bucket => (bucket, path),
        };
        if path.contains(['?', '#']) {
            return None;
        }
        Self::new(bucket, &percent_decoded(path)?, version)
    }

    /// The bucket's name, which is unique in its partition.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key in the bucket.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The version, if one is named. Without one the object may change.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

/// The bucket that a host of S3 names before its suffix; empty if the path names it. `s3`, `s3.REGION` and `s3-REGION` are
/// hosts of the service.
fn bucket_of_host(host: &str) -> Option<&str> {
    let is_service = |labels: &str| {
        let region = labels.strip_prefix("s3");
        region.is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix(['.', '-']).is_some_and(|region| !region.contains('.'))
        })
    };
    if is_service(host) {
        return Some("");
    }
    let dots = host.match_indices('.').map(|(at, _)| at);
    dots.filter(|at| is_service(&host[at + 1..])).map(|at| &host[..at]).next()
}

/// The text that a path of a URL stands for.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(*high)? * 16 + digit(*low)?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

impl FromStr for S3Object {
    type Err = S3UrlError;

    fn from_str(url: &str) -> Result<Self, S3UrlError> {
        Self::of_url(url).ok_or(S3UrlError)
    }
}

impl fmt::Display for S3Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)?;
        match &self.version {
            Some(version) => write!(f, "{VERSION}{version}"),
            None => Ok(()),
        }
    }
}

/// A parameter in Parameter Store. Its name, but not its value, may appear in messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredParameter {
    name: String,
    /// The Region of the stack, if it is known. Each Region has its own parameters.
    region: Option<String>,
}

impl StoredParameter {
    /// Reads `NAME` or `NAME:VERSION`; nothing if that is not the name of a parameter (Systems Manager user guide, About
    /// requirements and constraints for parameter names; CloudFormation user guide, Get a plaintext value from Systems Manager
    /// Parameter Store).
    #[must_use]
    pub fn new(text: &str, region: Option<&str>) -> Option<Self> {
        let (name, version) = text.split_once(':').map_or((text, None), |(name, it)| (name, Some(it)));
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/');
        let is_name = (1..=2048).contains(&name.len()) && name.bytes().all(letter);
        let is_version = |text: &str| text.parse::<u32>().is_ok_and(|version| version > 0);
        (is_name && version.is_none_or(is_version))
            .then(|| Self { name: text.to_owned(), region: region.map(str::to_owned) })
    }

    /// The name, with its version if one is named.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Region of the stack, if it is known.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(url: &str) -> Option<String> {
        S3Object::of_url(url).map(|object| object.to_string())
    }

    #[test]
    fn objects_are_read_from_all_forms_of_urls() {
        for (url, expected) in [
            ("s3://shop-code/a/b.zip", "s3://shop-code/a/b.zip"),
            ("s3://shop-code/a%20b c.zip?versionId=v.1", "s3://shop-code/a%20b c.zip?versionId=v.1"),
            ("https://shop.s3.amazonaws.com/a%20b.zip", "s3://shop/a b.zip"),
            ("https://shop.s3.eu-west-1.amazonaws.com/a.zip?versionId=7", "s3://shop/a.zip?versionId=7"),
            ("https://shop.s3-eu-west-1.amazonaws.com/a.zip", "s3://shop/a.zip"),
            ("https://my.shop.s3.eu-west-1.amazonaws.com/a.zip", "s3://my.shop/a.zip"),
            ("https://s3-shop.s3.amazonaws.com/a.zip", "s3://s3-shop/a.zip"),
            ("https://s3.amazonaws.com/shop/a/b.zip", "s3://shop/a/b.zip"),
            ("https://s3.eu-west-1.amazonaws.com/shop/a.zip", "s3://shop/a.zip"),
            ("https://s3-eu-west-1.amazonaws.com/shop/a.zip", "s3://shop/a.zip"),
            ("https://s3.cn-north-1.amazonaws.com.cn/shop/a.zip", "s3://shop/a.zip"),
            ("https://shop.s3.eusc-de-east-1.amazonaws.eu/a.zip", "s3://shop/a.zip"),
        ] {
            assert_eq!(read(url).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn nothing_else_is_an_object() {
        for url in [
            "s3://shop",
            "s3://shop/",
            "s3://a/b",
            "s3://evil.example#/x",
            "s3://-shop/x",
            "s3://shop/a/../b",
            "s3://shop/./b",
            "https://example.com/shop/a.zip",
            "https://shop.s3.amazonaws.com.example.com/a.zip",
            "https://s3.amazonaws.com/shop",
            "https://s3.amazonaws.com/shop/a%2",
            "https://s3.amazonaws.com/shop/%2e%2e/b",
            "https://shop.s3.amazonaws.com/a.zip?X-Amz-Signature=secret",
            "http://s3.amazonaws.com/shop/a.zip",
            "",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
    }

    #[test]
    fn parameters_have_names_and_versions() {
        let read = |text| StoredParameter::new(text, None).is_some();
        assert!(["/shop/runtime", "runtime", "a.b-c_d", "/shop/runtime:3"].into_iter().all(read));
        assert!(!["", "a b", "/shop:", "/shop:0", "/shop:x", "/shop:1:2", "{{resolve"].into_iter().any(read));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(url in "(s3|https)://[a-z0-9.:/?%-]{0,60}|\\PC{0,40}") {
            if let Some(object) = S3Object::of_url(&url) {
                prop_assert_eq!(object.to_string().parse(), Ok(object));
            }
        }
    }
}
