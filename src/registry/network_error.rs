//! Failed connections: whether another attempt may succeed, and what the user can do.
//!
//! Errors of TLS are known only by their texts.

use super::public_hosts::NoPublicAddress;
use crate::text::causes;

/// The help about redirects from the internet into a private network.
pub(super) const PRIVATE_NETWORK_HELP: &str = "limg does not follow redirects from the internet into a private network; if \
     this is your own network, use a mirror in it";

/// Whether the same request may succeed a little later: after a broken connection, but not after what would fail again.
pub(crate) fn is_transient_network_error(error: &reqwest::Error) -> bool {
    // A name that does not exist is most likely misspelt. The text is another one if the look-up itself failed.
    let is_unknown_name = error.is_dns() && !mentions(error, "emporary");
    !(error.is_builder() || is_unknown_name || is_certificate_error(error) || is_not_tls(error))
}

/// Whether the server's certificate is the cause.
pub(super) fn is_certificate_error(error: &reqwest::Error) -> bool {
    mentions(error, "certificate")
}

/// Whether the server does not use TLS.
fn is_not_tls(error: &reqwest::Error) -> bool {
    mentions(error, "corrupt message")
}

fn mentions(error: &reqwest::Error, text: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(text))
}

/// What the user can do about a failed connection.
pub(super) fn help(error: &reqwest::Error) -> Option<&'static str> {
    Some(if causes(error).any(|cause| cause.downcast_ref::<NoPublicAddress>().is_some()) {
        PRIVATE_NETWORK_HELP
    } else if mentions(error, "CaUsedAsEndEntity") {
        "issue a certificate with `basicConstraints=CA:FALSE` for the registry: it uses that of an authority as its own"
    } else if is_certificate_error(error) {
        "name a file with the certificate of the registry's certificate authority with `--ca-file` or SSL_CERT_FILE"
    } else if is_not_tls(error) {
        "check the host and port: the server does not use TLS there; for plain HTTP, mark the host as insecure in limg's \
         configuration"
    } else if error.is_connect() {
        "check the registry's name, the network, and HTTPS_PROXY if there is a proxy"
    } else {
        return None;
    })
}
