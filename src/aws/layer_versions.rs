//! Downloads layer versions into the store, each only once: a version never changes.
//!
//! The zip is hashed while it is written, and kept only if it has the hash that Lambda reports. An interrupted
//! download is resumed. The download URL gives anyone access to the zip and never appears in messages.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::get_layer_version::LayerVersionDetails;
use super::unless_stalled::unless_stalled;
use super::{Aws, AwsError};
use crate::event::{Activity, Progress, Reporter};
use crate::failure::AnyFailure;
use crate::layer_version::{FetchedLayerVersion, LayerVersionError, LayerVersions};
use crate::project::LayerVersionArn;
use crate::registry::{Attempts, BlobSink, Transient as _};
use crate::store::{Blob, Digest, Store};
use crate::text::excerpt;

/// The kind of the store's records about layer versions. Their key is the digest of the ARN.
const RECORDS: &str = "layer-versions-1";

/// The age at which a download URL is renewed. It is valid for ten minutes (Lambda API reference,
/// `LayerVersionContentOutput`).
const URL_AGE: Duration = Duration::from_mins(9);

/// Fetches layer versions from Lambda.
#[derive(Clone)]
pub struct AwsLayerVersions {
    aws: Aws,
    store: Store,
    reporter: Arc<dyn Reporter>,
    offline: bool,
}

/// What the store remembers about a layer version.
#[derive(Serialize, Deserialize)]
struct Record {
    sha256: Digest,
    runtimes: Vec<String>,
    architectures: Vec<String>,
}

impl Record {
    fn with_blob(self, blob: Blob) -> FetchedLayerVersion {
        let Self { sha256, runtimes, architectures } = self;
        FetchedLayerVersion { blob, sha256, runtimes, architectures }
    }
}

impl LayerVersions for AwsLayerVersions {
    fn fetch<'a>(
        &'a self,
        arn: &'a LayerVersionArn,
        expected: Option<&'a Digest>,
    ) -> BoxFuture<'a, Result<FetchedLayerVersion, LayerVersionError>> {
        async move {
            self.fetch_version(arn, expected).await.map_err(|error| {
                let is_unusable =
                    matches!(error, AwsError::LayerNotFound { .. } | AwsError::LayerChanged { .. });
                let kind = if is_unusable { LayerVersionError::Unusable } else { LayerVersionError::Fetch };
                kind(AnyFailure::new(error))
            })
        }
        .boxed()
    }
}

impl AwsLayerVersions {
    /// Zips go to `store`.
    #[must_use]
    pub fn new(aws: Aws, store: Store, reporter: Arc<dyn Reporter>) -> Self {
        Self { aws, store, reporter, offline: false }
    }

    /// The same, which does not contact AWS if `offline` is set.
    #[must_use]
    pub fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// As [`LayerVersions::fetch`]. Nothing is kept of a zip with another digest than expected or than Lambda reports.
    pub(super) async fn fetch_version(
        &self,
        arn: &LayerVersionArn,
        expected: Option<&Digest>,
    ) -> Result<FetchedLayerVersion, AwsError> {
        let lock = self.aws.fetch_lock(arn).await;
        let _locked = lock.lock().await;
        let key = Digest::of(arn.to_string().as_bytes());
        let is_expected = |sha256: &Digest| expected.is_none_or(|expected| expected == sha256);
        let record = self.store.record::<Record>(RECORDS, &key);
        if let Some(record) = record.filter(|record| is_expected(&record.sha256))
            && let Some(blob) = self.store.blob(&record.sha256)
        {
            return Ok(record.with_blob(blob));
        }
        if self.offline {
            return Err(AwsError::Offline { arn: arn.clone() });
        }
        let details = self.aws.get_layer_version(arn, &*self.reporter).await?;
        if let Some(expected) = expected.filter(|_| !is_expected(&details.sha256)) {
            return Err(changed(arn, expected, &details));
        }
        let LayerVersionDetails { sha256, size, runtimes, architectures, .. } = details.clone();
        let blob = match self.store.blob(&sha256).filter(|blob| blob.size == size) {
            Some(blob) => blob,
            None => Download { fetcher: self, arn, details, url_created: Instant::now() }.run().await?,
        };
        let record = Record { sha256, runtimes, architectures };
        self.store.write_record(RECORDS, &key, &record)?;
        Ok(record.with_blob(blob))
    }
}

/// The download of one zip.
struct Download<'a> {
    fetcher: &'a AwsLayerVersions,
    arn: &'a LayerVersionArn,
    details: LayerVersionDetails,
    url_created: Instant,
}

impl Download<'_> {
    async fn run(mut self) -> Result<Blob, AwsError> {
        let activity = Activity::Fetch {
            what: self.arn.to_string(),
            repository: format!("Lambda in {}", self.arn.region()),
        };
        let reporter = Arc::clone(&self.fetcher.reporter);
        let progress = Progress::begin(reporter, activity, self.details.size);
        if let Ok(blob) = self.whole(&progress).await? {
            return Ok(blob);
        }
        // A second download shows whether that was an accident.
        self.whole(&progress)
            .await?
            .map_err(|found| self.invalid(format!("its digest is {found}, not {}", self.details.sha256)))
    }

    /// Downloads the whole zip, in as many requests as necessary. The inner error is a digest other than expected.
    async fn whole(&mut self, progress: &Progress) -> Result<Result<Blob, Digest>, AwsError> {
        let action = self.action();
        let AwsLayerVersions { aws, store, reporter, offline: _ } = self.fetcher;
        let mut attempts = Attempts::new(aws.backoff(), &**reporter, &action);
        let mut sink = BlobSink::new(store);
        while let Err(error) = self.rest(&mut sink, progress).await {
            let expired = matches!(error, AwsError::Download { status: 403, .. });
            attempts.after_if(expired || error.is_transient(), error).await?;
            if expired || self.url_created.elapsed() > URL_AGE {
                self.renew_url().await?;
            }
        }
        Ok(sink.finish(&self.details.sha256).await?)
    }

    /// Gets another URL of the same zip.
    async fn renew_url(&mut self) -> Result<(), AwsError> {
        let details = self.fetcher.aws.get_layer_version(self.arn, &*self.fetcher.reporter).await?;
        if details.sha256 != self.details.sha256 || details.size != self.details.size {
            return Err(changed(self.arn, &self.details.sha256, &details));
        }
        self.details = details;
        self.url_created = Instant::now();
        Ok(())
    }

    /// Downloads what is still missing, in one request.
    async fn rest(&self, sink: &mut BlobSink, progress: &Progress) -> Result<(), AwsError> {
        let AwsLayerVersions { aws, store, .. } = self.fetcher;
        let url = self.url().await?;
        let mut request = aws.http().await?.client(&url).get(url.clone());
        if sink.written > 0 {
            request = request.header(RANGE, format!("bytes={}-", sink.written));
        }
        let mut response = unless_stalled(|| self.action(), request.send()).await?;
        let size = self.details.size;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => self.check_range(&response, sink.written)?,
            StatusCode::OK => {
                if let Some(found) = response.content_length().filter(|length| *length != size) {
                    return Err(self.invalid(format!("it has {found} bytes, not {size}")));
                }
                // The server does not support ranges.
                if sink.written > 0 {
                    *sink = BlobSink::new(store);
                }
            }
            status => {
                if status == StatusCode::RANGE_NOT_SATISFIABLE {
                    *sink = BlobSink::new(store);
                }
                return Err(AwsError::Download { arn: self.arn.clone(), status: status.as_u16() });
            }
        }
        while let Some(piece) = unless_stalled(|| self.action(), response.chunk()).await? {
            if sink.written + piece.len() as u64 > size {
                return Err(self.invalid(format!("it has more than {size} bytes")));
            }
            sink.push(piece).await?;
            progress.at(sink.written);
        }
        if sink.written == size {
            return Ok(());
        }
        Err(AwsError::Truncated { action: self.action(), found: sink.written, size })
    }

    /// The URL of the zip, which uses TLS unless the API's endpoint does not.
    async fn url(&self) -> Result<Url, AwsError> {
        let api = self.fetcher.aws.get_layer_version_url(self.arn).await?;
        Url::parse(self.details.location.expose())
            .ok()
            .filter(|url| url.scheme() == "https" || url.scheme() == "http" && api.scheme() == "http")
            .ok_or_else(|| self.invalid("Lambda did not return a valid HTTPS URL for it".to_owned()))
    }

    /// Fails unless a range begins where the last one ended and has the whole rest (RFC 9110, section 14.4).
    fn check_range(&self, response: &Response, from: u64) -> Result<(), AwsError> {
        let size = self.details.size;
        let expected = format!("bytes {from}-{}/{size}", size.saturating_sub(1));
        match response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()) {
            Some(range) if from > 0 && range == expected => Ok(()),
            range => {
                let range = range.map(excerpt).unwrap_or_default();
                Err(self.invalid(format!("Amazon S3 sent the range `{range}` instead of `{expected}`")))
            }
        }
    }

    fn action(&self) -> String {
        format!("download the layer {}", self.arn)
    }

    fn invalid(&self, why: String) -> AwsError {
        AwsError::InvalidDownload { arn: self.arn.clone(), why }
    }
}

fn changed(arn: &LayerVersionArn, expected: &Digest, details: &LayerVersionDetails) -> AwsError {
    AwsError::LayerChanged { arn: arn.clone(), expected: expected.clone(), found: details.sha256.clone() }
}
