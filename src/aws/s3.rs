//! Downloads objects from Amazon S3 into the store.
//!
//! An object with a version never changes and is downloaded once. Any other one is requested again each time, and sent only
//! if it has changed. An interrupted download is resumed.

use std::sync::Arc;
use std::time::SystemTime;

use reqwest::header::{CONTENT_RANGE, ETAG, IF_MATCH, IF_NONE_MATCH, RANGE};
use reqwest::{Response, StatusCode, Url};
use serde::{Deserialize, Serialize};

use super::signed_request::{Endpoint, Host, S3, UnsignedRequest};
use super::unless_stalled::unless_stalled;
use super::{Aws, AwsError};
use crate::event::{Activity, Progress, Reporter};
use crate::finding::S3Object;
use crate::project::Partition;
use crate::registry::{Attempts, BlobSink};
use crate::response_body;
use crate::store::{Blob, Digest, Store};
use crate::text::excerpt;

/// The kind of the store's records about objects.
const RECORDS: &str = "s3-objects-1";

/// The largest object that is downloaded, in bytes: several times what Lambda accepts as code (Lambda developer guide, Lambda
/// quotas).
const SIZE_LIMIT: u64 = 1 << 30;

/// The longest error response that is read, in bytes.
const ERROR_LIMIT: u64 = 1 << 20;

/// Where a request goes first if no Region is set. S3 then names the bucket's.
const FIRST_REGION: &str = "us-east-1";

/// The header with the Region of a bucket (Amazon S3 API reference, `HeadBucket`).
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// Fetches objects from S3.
#[derive(Clone)]
pub struct S3Objects {
    aws: Aws,
    store: Store,
    reporter: Arc<dyn Reporter>,
}

/// An object whose content is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedObject {
    /// The content.
    pub blob: Blob,
    /// The digest of the content.
    pub sha256: Digest,
}

/// What the store remembers about an object.
#[derive(Serialize, Deserialize)]
struct Record {
    sha256: Digest,
    etag: String,
}

impl S3Objects {
    /// Objects go to `store`.
    #[must_use]
    pub fn new(aws: Aws, store: Store, reporter: Arc<dyn Reporter>) -> Self {
        Self { aws, store, reporter }
    }

    /// Fetches an object, unless the store has it. `expected` is the digest that its content must have.
    ///
    /// # Errors
    /// When it does not exist, the credentials may not read it, it is too large, or it has another digest than expected.
    pub async fn fetch(
        &self,
        object: &S3Object,
        expected: Option<&Digest>,
    ) -> Result<FetchedObject, AwsError> {
        if let Some(sha256) = expected
            && let Some(blob) = self.store.blob(sha256)
        {
            return Ok(FetchedObject { blob, sha256: sha256.clone() });
        }
        let region = self.aws.region().await?.unwrap_or_else(|| FIRST_REGION.to_owned());
        let (region, partition) = self.aws.region_or(Some(&region)).await?;
        let key = self.key(object, &region, partition).await?;
        let known = self.store.record::<Record>(RECORDS, &key);
        let known = known.and_then(|record| Some((self.store.blob(&record.sha256)?, record)));
        if let Some((blob, record)) = &known
            && object.version().is_some()
        {
            return checked(object, expected, blob.clone(), record.sha256.clone());
        }
        let download = Download {
            fetcher: self,
            object,
            region,
            partition,
            may_change_region: true,
            known_etag: known.as_ref().map(|(_, record)| record.etag.clone()),
            content: None,
            sink: BlobSink::new(&self.store),
        };
        match (download.run().await?, known) {
            (Some((etag, blob, sha256)), _) => {
                self.store.write_record(RECORDS, &key, &Record { sha256: sha256.clone(), etag })?;
                checked(object, expected, blob, sha256)
            }
            (None, Some((blob, record))) => checked(object, expected, blob, record.sha256),
            (None, None) => Err(AwsError::UnexpectedResponse { action: action(object) }),
        }
    }

    /// The key of the record about an object. Emulators have objects of their own.
    async fn key(&self, object: &S3Object, region: &str, partition: Partition) -> Result<Digest, AwsError> {
        let endpoint = self.aws.endpoint(&host(region, partition)).await?;
        let place = if endpoint.is_configured { endpoint.url } else { partition.name().to_owned() };
        Ok(Digest::of(format!("{place}\n{object}").as_bytes()))
    }
}

/// Fails if an object has another digest than expected.
fn checked(
    object: &S3Object,
    expected: Option<&Digest>,
    blob: Blob,
    sha256: Digest,
) -> Result<FetchedObject, AwsError> {
    match expected.filter(|expected| **expected != sha256) {
        None => Ok(FetchedObject { blob, sha256 }),
        Some(expected) => {
            Err(AwsError::ObjectChanged { object: object.clone(), expected: expected.clone(), found: sha256 })
        }
    }
}

/// The download of one object.
struct Download<'a> {
    fetcher: &'a S3Objects,
    object: &'a S3Object,
    region: String,
    partition: Partition,
    /// Whether S3 may still name another Region.
    may_change_region: bool,
    /// The entity tag of the content that the store has.
    known_etag: Option<String>,
    /// What is being downloaded, from the first response on.
    content: Option<Content>,
    sink: BlobSink,
}

/// What S3 says about the content of an object.
struct Content {
    etag: String,
    size: u64,
    progress: Progress,
}

/// What a request has achieved.
enum Step {
    Finished,
    /// The store has the content already.
    Unchanged,
    /// The bucket is in another Region, which is now set.
    OtherRegion,
}

impl Download<'_> {
    /// Downloads the object, in as many requests as necessary: its entity tag, content and digest. Nothing if the known
    /// content is current.
    async fn run(mut self) -> Result<Option<(String, Blob, Digest)>, AwsError> {
        let action = action(self.object);
        let reporter = Arc::clone(&self.fetcher.reporter);
        let mut attempts = Attempts::new(self.fetcher.aws.backoff(), &*reporter, &action);
        loop {
            match self.step().await {
                Ok(Step::Finished) => break,
                Ok(Step::Unchanged) => return Ok(None),
                Ok(Step::OtherRegion) => {}
                Err(error) => attempts.after(error).await?,
            }
        }
        let Some(Content { etag, .. }) = self.content else { return Ok(None) };
        let (blob, sha256) = self.sink.finish_any().await?;
        Ok(Some((etag, blob, sha256)))
    }

    /// Sends a request for what is still missing.
    async fn step(&mut self) -> Result<Step, AwsError> {
        let mut response = self.send().await?;
        match response.status() {
            StatusCode::NOT_MODIFIED if self.known_etag.is_some() => return Ok(Step::Unchanged),
            StatusCode::PARTIAL_CONTENT => self.check_range(&response)?,
            StatusCode::OK => self.begin(&response)?,
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
                self.start_again();
                return Err(AwsError::ObjectReplaced { object: self.object.clone() });
            }
            _ => return self.refused(&mut response).await,
        }
        let unexpected = || AwsError::UnexpectedResponse { action: action(self.object) };
        let Some(Content { size, progress, .. }) = &self.content else { return Err(unexpected()) };
        while let Some(piece) = unless_stalled(|| action(self.object), response.chunk()).await? {
            if self.sink.written + piece.len() as u64 > *size {
                return Err(unexpected());
            }
            self.sink.push(piece).await?;
            progress.at(self.sink.written);
        }
        if self.sink.written == *size {
            return Ok(Step::Finished);
        }
        Err(AwsError::Truncated { action: action(self.object), found: self.sink.written, size: *size })
    }

    async fn send(&self) -> Result<Response, AwsError> {
        let aws = &self.fetcher.aws;
        let url = self.url().await?;
        let credentials = aws.signing_credentials(|| action(self.object)).await?;
        let mut request = aws.http().await?.client(&url).get(url.clone());
        let unsigned =
            UnsignedRequest { service: S3, region: &self.region, method: "GET", url: &url, body: &[] };
        let headers = unsigned.signature(&[], credentials, SystemTime::now());
        let failed = |source| AwsError::Request { action: action(self.object), source };
        for (name, value) in headers.map_err(failed)? {
            request = request.header(name, value);
        }
        match (&self.content, &self.known_etag) {
            (Some(Content { etag, .. }), _) if self.sink.written > 0 => {
                let range = format!("bytes={}-", self.sink.written);
                request = request.header(RANGE, range).header(IF_MATCH, etag);
            }
            (_, Some(etag)) => request = request.header(IF_NONE_MATCH, etag),
            _ => {}
        }
        unless_stalled(|| action(self.object), request.send()).await
    }

    /// The URL of the object. Its host names the bucket where a certificate allows that (Amazon S3 user guide, Virtual hosting
    /// of general purpose buckets).
    async fn url(&self) -> Result<Url, AwsError> {
        let host = host(&self.region, self.partition);
        let Endpoint { url: endpoint, is_configured } = self.fetcher.aws.endpoint(&host).await?;
        let bucket = self.object.bucket();
        let is_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let base = match endpoint.strip_prefix("https://") {
            Some(host) if !is_configured && bucket.len() <= 63 && bucket.bytes().all(is_host) => {
                format!("https://{bucket}.{host}")
            }
            _ => format!("{endpoint}/{bucket}"),
        };
        let key = escaped(self.object.key(), true);
        let version = self.object.version().map(|version| format!("?versionId={}", escaped(version, false)));
        host.url(&format!("{base}/{key}{}", version.unwrap_or_default()))
    }

    /// Begins with the first byte of a content.
    fn begin(&mut self, response: &Response) -> Result<(), AwsError> {
        let object = self.object;
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let (Some(etag), Some(size)) = (etag, response.content_length()) else {
            return Err(AwsError::UnexpectedResponse { action: action(object) });
        };
        if size > SIZE_LIMIT {
            return Err(AwsError::ObjectTooLarge { object: object.clone(), size, limit: SIZE_LIMIT });
        }
        self.start_again();
        let activity = Activity::Fetch {
            what: object.key().to_owned(),
            repository: format!("the bucket {}", object.bucket()),
        };
        let progress = Progress::begin(Arc::clone(&self.fetcher.reporter), activity, size);
        self.content = Some(Content { etag: etag.to_owned(), size, progress });
        Ok(())
    }

    fn start_again(&mut self) {
        self.content = None;
        self.sink = BlobSink::new(&self.fetcher.store);
    }

    /// Fails unless a range begins where the last one ended and has the whole rest (RFC 9110, section 14.4).
    fn check_range(&self, response: &Response) -> Result<(), AwsError> {
        let from = self.sink.written;
        let expected = self
            .content
            .as_ref()
            .filter(|_| from > 0)
            .map(|Content { size, .. }| format!("bytes {from}-{}/{size}", size.saturating_sub(1)));
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        if expected.is_some() && range == expected.as_deref() {
            return Ok(());
        }
        Err(AwsError::UnexpectedResponse { action: action(self.object) })
    }

    /// An error response of S3 (Amazon S3 API reference, Error responses). One about the Region sets it.
    async fn refused(&mut self, response: &mut Response) -> Result<Step, AwsError> {
        let object = self.object;
        let status = response.status().as_u16();
        let header = response.headers().get(BUCKET_REGION).and_then(|region| region.to_str().ok());
        let header = header.map(str::to_owned);
        let body = unless_stalled(|| action(object), response_body::read(response, ERROR_LIMIT)).await?;
        let body = body.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let code = element(&body, "Code").unwrap_or_default();
        let region = header.or_else(|| element(&body, "Region").map(str::to_owned));
        let region = region.filter(|region| Partition::of_region(region) == Some(self.partition));
        if let (301 | 307 | 400, Some(region), true) = (status, region, self.may_change_region)
            && region != self.region
        {
            self.may_change_region = false;
            self.region = region;
            return Ok(Step::OtherRegion);
        }
        let message = excerpt(element(&body, "Message").unwrap_or_default());
        let object = object.clone();
        Err(match (code, status) {
            ("NoSuchKey" | "NoSuchBucket" | "NoSuchVersion", _) | ("", 404) => {
                AwsError::ObjectNotFound { object, message }
            }
            ("AccessDenied" | "AllAccessDisabled", _) => AwsError::ObjectAccessDenied { object, message },
            _ => AwsError::Refused {
                action: action(&object),
                code: if code.is_empty() { format!("HTTP {status}") } else { excerpt(code) },
                message,
                permissions: "s3:GetObject",
                status: Some(status),
            },
        })
    }
}

fn host(region: &str, partition: Partition) -> Host<'_> {
    Host { service: "S3", name: "s3", region, partition }
}

fn action(object: &S3Object) -> String {
    format!("fetch {object}")
}

/// A text in a URL, escaped as signatures require it (IAM user guide, Create a signed AWS API request, `UriEncode`).
fn escaped(text: &str, is_path: bool) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_path && byte == b'/');
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

/// The text of the first element of a name in an error response, which has no attributes.
fn element<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, from) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = from.split_once(&format!("</{name}>"))?;
    Some(text)
}
