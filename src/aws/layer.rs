//! Layer versions brought into the store: each once ever, since a version never changes.
//!
//! The zip is hashed while it is written, and only one with the hash that Lambda names is kept. A download that broke off
//! is gone on with. Its URL is a key to the zip for whoever sees it, and is shown to nobody.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use super::{Aws, AwsError, LayerVersion};
use crate::event::{Direction, Reporter};
use crate::project::LayerVersionArn;
use crate::registry::{Attempts, BlobSink, Transfer, Transient as _};
use crate::store::{Blob, Digest, Store};
use crate::text::excerpt;

/// The kind of the records of what is known of a layer version, under the digest of its ARN.
const RECORDS: &str = "layer-versions-1";

/// How old a URL is when another one is asked for: it is good for ten minutes (Lambda API reference,
/// `LayerVersionContentOutput`).
const URL_AGE: Duration = Duration::from_mins(9);

/// How long nothing may come.
const IDLE: Duration = Duration::from_mins(1);

/// A layer version whose zip is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedLayer {
    /// The zip.
    pub blob: Blob,
    /// The digest of the zip.
    pub sha256: Digest,
    /// The runtimes that the layer says it works with, such as `python3.12`. None: it does not say.
    pub runtimes: Vec<String>,
    /// The instruction sets that the layer says it works on, `x86_64` and `arm64`. None: it does not say.
    pub architectures: Vec<String>,
    /// Whether the zip was downloaded now.
    pub downloaded: bool,
}

#[derive(Serialize, Deserialize)]
struct Record {
    sha256: Digest,
    runtimes: Vec<String>,
    architectures: Vec<String>,
}

impl Record {
    fn of(self, blob: Blob, downloaded: bool) -> FetchedLayer {
        let Self { sha256, runtimes, architectures } = self;
        FetchedLayer { blob, sha256, runtimes, architectures, downloaded }
    }
}

/// Brings the zip of a layer version into the store. What is there already is not asked for.
///
/// `expected` is the digest that it had when the project was locked.
///
/// # Errors
/// When there is no such layer version, AWS does not give it, or it has another digest than `expected` or than Lambda says.
/// Then nothing is kept.
pub async fn fetch_layer(
    aws: &Aws,
    arn: &LayerVersionArn,
    expected: Option<&Digest>,
    store: &Store,
    reporter: &Arc<dyn Reporter>,
) -> Result<FetchedLayer, AwsError> {
    let fetching = aws.fetching(arn).await;
    let _alone = fetching.lock().await;
    let key = Digest::of(arn.to_string().as_bytes());
    let is_expected = |sha256: &Digest| expected.is_none_or(|expected| expected == sha256);
    if let Some(record) = store.record::<Record>(RECORDS, &key).filter(|record| is_expected(&record.sha256))
        && let Some(blob) = store.blob(&record.sha256)
    {
        return Ok(record.of(blob, false));
    }
    let version = aws.layer_version(arn, reporter).await?;
    let asked = Instant::now();
    if let Some(expected) = expected.filter(|_| !is_expected(&version.sha256)) {
        return Err(changed(arn, expected, &version));
    }
    let LayerVersion { sha256, size, runtimes, architectures, .. } = version.clone();
    let kept = store.blob(&sha256).filter(|blob| blob.size == size);
    let downloaded = kept.is_none();
    let blob = match kept {
        Some(blob) => blob,
        None => Download { aws, arn, version, asked, reporter }.into_store(store).await?,
    };
    let record = Record { sha256, runtimes, architectures };
    store.write_record(RECORDS, &key, &record)?;
    Ok(record.of(blob, downloaded))
}

/// A zip that is under way.
struct Download<'a> {
    aws: &'a Aws,
    arn: &'a LayerVersionArn,
    version: LayerVersion,
    /// When the URL was asked for.
    asked: Instant,
    reporter: &'a Arc<dyn Reporter>,
}

impl Download<'_> {
    async fn into_store(mut self, store: &Store) -> Result<Blob, AwsError> {
        let transfer = Transfer::begin(
            Arc::clone(self.reporter),
            Direction::Fetch,
            format!("Lambda in {}", self.arn.region()),
            self.arn.to_string(),
            self.version.size,
        );
        match self.whole(store, &transfer).await? {
            Ok(blob) => Ok(blob),
            // Once more, from the beginning: that shows whether it was an accident.
            Err(_) => self
                .whole(store, &transfer)
                .await?
                .map_err(|found| self.wrong(format!("its digest is {found}, not {}", self.version.sha256))),
        }
    }

    /// Downloads the whole zip, in as many parts as it takes. The inner error is the digest that it has instead.
    async fn whole(&mut self, store: &Store, transfer: &Transfer) -> Result<Result<Blob, Digest>, AwsError> {
        let doing = format!("download the layer {}", self.arn);
        let mut attempts = Attempts::new(self.aws.backoff(), &**self.reporter, &doing);
        let mut sink = BlobSink::new(store);
        while let Err(error) = self.part(&mut sink, store, transfer).await {
            let expired = matches!(error, AwsError::Download { status: 403, .. });
            attempts.after_if(expired || error.is_transient(), error).await?;
            if expired || self.asked.elapsed() > URL_AGE {
                self.renew().await?;
            }
        }
        Ok(sink.finish(&self.version.sha256).await?)
    }

    /// Asks for another URL of the same zip.
    async fn renew(&mut self) -> Result<(), AwsError> {
        let version = self.aws.layer_version(self.arn, self.reporter).await?;
        if version.sha256 != self.version.sha256 || version.size != self.version.size {
            return Err(changed(self.arn, &self.version.sha256, &version));
        }
        self.version = version;
        self.asked = Instant::now();
        Ok(())
    }

    /// Downloads what is missing, as far as it comes.
    async fn part(&self, sink: &mut BlobSink, store: &Store, transfer: &Transfer) -> Result<(), AwsError> {
        let url = self.url().await?;
        let mut request = self.aws.http().await?.client(&url).get(url.clone());
        if sink.written > 0 {
            request = request.header(RANGE, format!("bytes={}-", sink.written));
        }
        let mut response = self.in_time(request.send()).await?;
        let size = self.version.size;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => self.check_range(&response, sink.written)?,
            StatusCode::OK => {
                if let Some(found) = response.content_length().filter(|length| *length != size) {
                    return Err(self.wrong(format!("it has {found} bytes, not {size}")));
                }
                // What answers does not know parts.
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
        while let Some(piece) = self.in_time(response.chunk()).await? {
            if sink.written + piece.len() as u64 > size {
                return Err(self.wrong(format!("it has more than {size} bytes")));
            }
            sink.push(piece).await?;
            transfer.at(sink.written);
        }
        if sink.written == size {
            return Ok(());
        }
        Err(AwsError::Truncated { arn: self.arn.clone(), found: sink.written, size })
    }

    /// The URL of the zip. It does not lead out of TLS.
    async fn url(&self) -> Result<Url, AwsError> {
        let api = self.aws.layer_url(self.arn).await?;
        Url::parse(self.version.location.expose())
            .ok()
            .filter(|url| url.scheme() == "https" || url.scheme() == "http" && api.scheme() == "http")
            .ok_or_else(|| self.wrong("Lambda names no URL for it that limg follows".to_owned()))
    }

    /// Waits for what comes over the network, but not for ever.
    async fn in_time<T>(&self, coming: impl Future<Output = reqwest::Result<T>>) -> Result<T, AwsError> {
        let doing = || format!("download the layer {}", self.arn);
        match timeout(IDLE, coming).await {
            Ok(Ok(came)) => Ok(came),
            Ok(Err(error)) => Err(AwsError::Network { doing: doing(), source: error.without_url() }),
            Err(_) => Err(AwsError::Idle { doing: doing(), seconds: IDLE.as_secs() }),
        }
    }

    /// Fails unless a part begins where the last one ended and goes to the end (RFC 9110, section 14.4).
    fn check_range(&self, response: &Response, from: u64) -> Result<(), AwsError> {
        let size = self.version.size;
        let expected = format!("bytes {from}-{}/{size}", size.saturating_sub(1));
        match response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()) {
            Some(range) if from > 0 && range == expected => Ok(()),
            range => Err(self.wrong(format!(
                "the part `{}` came instead of `{expected}`",
                range.map(excerpt).unwrap_or_default()
            ))),
        }
    }

    fn wrong(&self, why: String) -> AwsError {
        AwsError::Zip { arn: self.arn.clone(), why }
    }
}

fn changed(arn: &LayerVersionArn, expected: &Digest, version: &LayerVersion) -> AwsError {
    AwsError::LayerChanged { arn: arn.clone(), expected: expected.clone(), found: version.sha256.clone() }
}
