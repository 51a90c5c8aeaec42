//! Proxies of the environment, and the hosts that are reached without them.
//!
//! `NO_PROXY` is read as programs in Go do, Docker among them (golang.org/x/net/http/httpproxy): names with and without
//! subdomains, addresses, networks, and each with a port. reqwest itself knows neither ports nor `*.`.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::{ClientBuilder, Proxy, Url};

use super::url::{is_loopback, literal_ip};

/// The proxies of the environment.
#[derive(Clone, Default)]
pub struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    exceptions: Arc<[Exception]>,
}

/// An entry of `NO_PROXY`.
#[derive(Debug, PartialEq, Eq)]
enum Exception {
    All,
    Network(IpNet),
    Host { host: Host, port: Option<u16> },
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    /// A name and the names below it.
    Domain(String),
    /// Only the names below a name.
    Subdomains(String),
}

impl Proxies {
    /// The values of `HTTP_PROXY` and `HTTPS_PROXY`, or of `ALL_PROXY` in place of either, and that of `NO_PROXY`. What is
    /// not a URL is ignored, as by other programs.
    #[must_use]
    pub fn new(http: Option<&str>, https: Option<&str>, exceptions: &str) -> Self {
        let entries = exceptions.split(|c: char| c == ',' || c.is_whitespace());
        Self {
            http: http.and_then(proxy_url),
            https: https.and_then(proxy_url),
            exceptions: entries.filter_map(Exception::parse).collect(),
        }
    }

    /// Makes a client use these proxies. Without any, it uses those of the operating system.
    pub(crate) fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        if self.http.is_none() && self.https.is_none() {
            return builder;
        }
        let own = self.clone();
        builder.proxy(Proxy::custom(move |url| own.proxy(url).cloned()))
    }

    /// The proxy for a URL.
    pub(crate) fn proxy(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        let is_direct = is_loopback(url) || self.exceptions.iter().any(|exception| exception.covers(url));
        proxy.as_ref().filter(|_| !is_direct)
    }
}

impl fmt::Debug for Proxies {
    /// Without the URLs, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

/// The URL of a proxy. Without a scheme it is plain HTTP.
fn proxy_url(text: &str) -> Option<Url> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&with_scheme).ok().filter(Url::has_host)
}

impl Exception {
    /// Parses an entry; none if it is empty or has no meaning.
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        if let Ok(network) = entry.replace(['[', ']'], "").parse() {
            return Some(Self::Network(network));
        }
        let (host, port) = match entry.rsplit_once(':') {
            // The last part of an IPv6 address without brackets is not a port.
            Some((host, port)) if !port.ends_with(']') && entry.parse::<IpAddr>().is_err() => {
                (host, Some(port.parse().ok()?))
            }
            _ => (entry, None),
        };
        let host = match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => Host::Address(address.to_canonical()),
            Err(_) => Host::parse(host)?,
        };
        Some(Self::Host { host, port })
    }

    fn covers(&self, url: &Url) -> bool {
        let address = literal_ip(url).map(|address| address.to_canonical());
        match self {
            Self::All => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Self::Host { host, port } => {
                port.is_none_or(|port| url.port_or_known_default() == Some(port))
                    && match host {
                        Host::Address(own) => address == Some(*own),
                        Host::Domain(name) => below(url, name).is_some(),
                        Host::Subdomains(name) => below(url, name).is_some_and(|below| !below.is_empty()),
                    }
            }
        }
    }
}

impl Host {
    fn parse(name: &str) -> Option<Self> {
        let parent = name.strip_prefix("*.").or_else(|| name.strip_prefix('.'));
        // A URL has names in lower case and with international characters encoded.
        let url = Url::parse(&format!("http://{}/", parent.unwrap_or(name))).ok()?;
        let name = url.host_str().filter(|_| url.path() == "/")?.trim_end_matches('.').to_owned();
        Some(if parent.is_some() { Self::Subdomains(name) } else { Self::Domain(name) })
    }
}

/// What a URL's host has in front of a name, if it is that name or below it.
fn below<'a>(url: &'a Url, name: &str) -> Option<&'a str> {
    let rest = url.host_str()?.trim_end_matches('.').strip_suffix(name)?;
    (rest.is_empty() || rest.ends_with('.')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(exceptions: &str) -> Proxies {
        Proxies::new(Some("plain:3128"), Some("https://me:hush@secure.example.com"), exceptions)
    }

    #[test]
    fn exceptions_are_read_as_by_go() {
        for (exceptions, direct, proxied) in [
            (
                "example.com",
                &["https://example.com/", "https://a.b.example.com/"][..],
                &["https://badexample.com/"][..],
            ),
            (".example.com", &["https://a.example.com/"], &["https://example.com/"]),
            (
                "*.example.com",
                &["https://a.b.example.com/"],
                &["https://example.com/", "https://aexample.com/"],
            ),
            ("Example.COM.", &["https://EXAMPLE.com/", "https://example.com./"], &["https://example.org/"]),
            ("bücher.example", &["https://xn--bcher-kva.example/"], &["https://example/"]),
            (
                "example.com:5000",
                &["https://example.com:5000/", "https://a.example.com:5000/"],
                &["https://example.com/"],
            ),
            (
                "example.com:443",
                &["https://example.com/"],
                &["http://example.com/", "https://example.com:5000/"],
            ),
            (
                "*.example.com:80",
                &["http://a.example.com/"],
                &["https://a.example.com/", "http://example.com/"],
            ),
            (
                "10.1.2.3",
                &["https://10.1.2.3/", "http://10.1.2.3:5000/"],
                &["https://10.1.2.4/", "https://a10.1.2.3.com/"],
            ),
            ("10.1.2.3:5000", &["https://10.1.2.3:5000/"], &["https://10.1.2.3/"]),
            (
                "10.0.0.0/8",
                &["https://10.200.1.1:5000/", "https://[::ffff:10.0.0.1]/"],
                &["https://11.0.0.1/", "https://a.example.com/"],
            ),
            ("10.1.2.3/16", &["https://10.1.9.9/"], &["https://10.2.0.1/"]),
            ("fd00::1", &["https://[fd00::1]/", "https://[fd00::1]:5000/"], &["https://[fd00::2]/"]),
            ("[fd00::1]", &["https://[fd00:0::1]/"], &["https://[fd00::2]/"]),
            ("[fd00::1]:5000", &["https://[fd00::1]:5000/"], &["https://[fd00::1]/"]),
            ("fd00::/8", &["https://[fdff::1]/"], &["https://[fe80::1]/"]),
            ("[fd00::]/8", &["https://[fdff::1]/"], &["https://[fe80::1]/"]),
            ("*", &["https://example.com/", "https://10.0.0.1/", "http://[fd00::1]/"], &[]),
            (
                " a.com , b.com c.com,,",
                &["https://a.com/", "https://b.com/", "https://c.com/"],
                &["https://d.com/"],
            ),
            ("", &["http://localhost:5000/", "https://127.0.0.2/", "https://[::1]:1/"], &["https://a.com/"]),
            (" ,*., .,:80,a.com:,a.com:http,a/b,*a.com", &[], &["https://a.com/", "http://a.com/"]),
        ] {
            let proxies = proxies(exceptions);
            let via = |url: &str| proxies.proxy(&url.parse().unwrap()).is_some();
            for url in direct {
                assert!(!via(url), "{url} with `{exceptions}`");
            }
            for url in proxied {
                assert!(via(url), "{url} with `{exceptions}`");
            }
        }
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let shown = |proxies: &Proxies, url: &str| proxies.proxy(&url.parse().unwrap()).map(Url::to_string);
        let both = proxies("");
        assert_eq!(shown(&both, "http://a.com/").as_deref(), Some("http://plain:3128/"));
        assert_eq!(shown(&both, "https://a.com/").as_deref(), Some("https://me:hush@secure.example.com/"));
        for bad in ["", "http://", "//", "http://a:port"] {
            assert_eq!(shown(&Proxies::new(Some(bad), None, ""), "http://a.com/"), None, "{bad}");
        }
        assert_eq!(shown(&Proxies::new(Some("a"), None, ""), "https://a.com/"), None);
        assert!(!format!("{both:?}").contains("hush"));
    }
}
