//! Facts about URLs: their origin, their host, and the form in which messages show them.

use std::net::IpAddr;

use reqwest::Url;

use crate::text::excerpt;

/// Whether two URLs have the same scheme, host and port. Only then may one receive the secrets of the other.
pub(super) fn same_origin(left: &Url, right: &Url) -> bool {
    left.scheme() == right.scheme()
        && left.host_str() == right.host_str()
        && left.port_or_known_default() == right.port_or_known_default()
}

/// Whether two URLs have the same host.
pub(super) fn same_host(left: &Url, right: &Url) -> bool {
    left.host_str() == right.host_str()
}

/// The IP address that a URL contains in place of a host name.
pub(super) fn literal_ip(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether a URL's host is this machine, by an IP address or as `localhost`.
pub(super) fn is_loopback(url: &Url) -> bool {
    match literal_ip(url) {
        Some(address) => address.to_canonical().is_loopback(),
        None => url.host_str().is_some_and(|host| host == "localhost" || host.ends_with(".localhost")),
    }
}

/// A URL for messages: without user and password, and without the query, which holds the signature of a signed URL.
pub(super) fn without_secrets(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    excerpt(&format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (other, same) in [
            ("https://a/x", true),
            ("https://a:443/", true),
            ("https://A/", true),
            ("http://a/", false),
            ("https://a:444/", false),
            ("https://b/", false),
            ("https://a.b/", false),
        ] {
            assert_eq!(same_origin(&url("https://a/"), &url(other)), same, "{other}");
        }
    }

    #[test]
    fn this_machine_is_recognised_in_every_spelling() {
        for this_machine in [
            "http://127.0.0.1:5000/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "https://localhost/",
            "https://a.localhost:1/",
            "http://0x7f.1/",
            "http://2130706433/",
        ] {
            assert!(is_loopback(&url(this_machine)), "{this_machine}");
        }
        for other in ["https://localhost.example.com/", "https://example.com/", "https://1.1.1.1/"] {
            assert!(!is_loopback(&url(other)), "{other}");
        }
    }

    #[test]
    fn messages_show_a_url_without_its_secrets() {
        assert_eq!(without_secrets(&url("https://user:word@a:444/x?signature")), "https://a:444/x");
    }
}
