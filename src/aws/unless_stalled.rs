//! Waits for the network during a download.

use std::time::Duration;

use tokio::time::timeout;

use super::AwsError;

/// How long a download may receive nothing.
const STALL_TIMEOUT: Duration = Duration::from_mins(1);

/// Waits for a response or for its next bytes, up to [`STALL_TIMEOUT`]. `action` says what failed.
pub(super) async fn unless_stalled<T>(
    action: impl Fn() -> String,
    received: impl Future<Output = reqwest::Result<T>>,
) -> Result<T, AwsError> {
    match timeout(STALL_TIMEOUT, received).await {
        Ok(Ok(received)) => Ok(received),
        Ok(Err(error)) => Err(AwsError::Network { action: action(), source: error.without_url() }),
        Err(_) => Err(AwsError::Stalled { action: action(), seconds: STALL_TIMEOUT.as_secs() }),
    }
}
