//! The address of an engine, and from that the address at which its published ports can be reached.

use std::fmt;
use std::net::IpAddr;

use super::EngineError;

/// The port of an engine whose address has none, by Docker's convention.
const DEFAULT_PORT: &str = "2375";

/// The same for an engine that uses TLS.
const TLS_PORT: &str = "2376";

/// The address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EngineAddress {
    url: String,
    /// The host at which published ports can be reached, unless it is this machine.
    remote: Option<String>,
}

impl EngineAddress {
    /// Parses a value of `DOCKER_HOST`. User information in it is dropped: engines do not use it, and it may be secret.
    pub(super) fn parse(url: &str) -> Result<Self, EngineError> {
        let url = &remove_user_information(url);
        let invalid = || EngineError::InvalidAddress { address: url.clone() };
        let (scheme, rest) = url.split_once("://").ok_or_else(invalid)?;
        match scheme {
            "unix" | "npipe" => Ok(Self { url: url.clone(), remote: None }),
            "tcp" | "http" | "https" => {
                let rest = rest.trim_end_matches('/');
                let (host, port) = split_port(rest);
                if host.is_empty() {
                    return Err(invalid());
                }
                let usual = if scheme == "https" { TLS_PORT } else { DEFAULT_PORT };
                Ok(Self {
                    url: format!("{scheme}://{host}:{}", port.unwrap_or(usual)),
                    remote: (!is_loopback(host)).then(|| host.to_owned()),
                })
            }
            _ => Err(invalid()),
        }
    }

    /// Whether it is that of a TCP port.
    pub(super) fn is_tcp(&self) -> bool {
        !self.url.starts_with("unix:") && !self.url.starts_with("npipe:")
    }

    /// Whether it requires TLS.
    pub(super) fn requires_tls(&self) -> bool {
        self.url.starts_with("https:")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.url
    }

    /// The address on the engine's machine on which to publish ports. `0.0.0.0` is only for engines on other machines,
    /// of which no narrower address is known to be reachable.
    pub(super) fn publish_on(&self) -> &'static str {
        if self.remote.is_some() { "0.0.0.0" } else { "127.0.0.1" }
    }

    /// The host at which published ports can be reached from this machine.
    pub(super) fn published_host(&self) -> &str {
        self.remote.as_deref().unwrap_or("127.0.0.1")
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Removes what precedes an `@`, which may be a password. The path of a socket may contain an `@`.
fn remove_user_information(url: &str) -> String {
    let start = url.find("://").map_or(0, |colon| colon + 3);
    let (scheme, rest) = url.split_at(start);
    match rest.rsplit_once('@') {
        Some((_, rest)) if !["unix://", "npipe://"].contains(&scheme) => format!("{scheme}{rest}"),
        _ => url.to_owned(),
    }
}

/// Splits `HOST[:PORT]`, where the host may be an IPv6 address in brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn is_loopback(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_ports_are_reached_at_the_engines_host() {
        for (given, url, publish_on, published_host) in [
            ("unix:///run/docker.sock", "unix:///run/docker.sock", "127.0.0.1", "127.0.0.1"),
            ("tcp://localhost:2375", "tcp://localhost:2375", "127.0.0.1", "127.0.0.1"),
            ("tcp://127.0.0.2", "tcp://127.0.0.2:2375", "127.0.0.1", "127.0.0.1"),
            ("tcp://[::1]:1/", "tcp://[::1]:1", "127.0.0.1", "127.0.0.1"),
            ("tcp://docker:2375", "tcp://docker:2375", "0.0.0.0", "docker"),
            ("http://10.0.0.5:80", "http://10.0.0.5:80", "0.0.0.0", "10.0.0.5"),
            ("tcp://[fd00::2]", "tcp://[fd00::2]:2375", "0.0.0.0", "[fd00::2]"),
            ("https://docker", "https://docker:2376", "0.0.0.0", "docker"),
            ("tcp://me:hush@docker:1", "tcp://docker:1", "0.0.0.0", "docker"),
            ("unix:///run/me@host.sock", "unix:///run/me@host.sock", "127.0.0.1", "127.0.0.1"),
        ] {
            let address = EngineAddress::parse(given).unwrap();
            assert_eq!(
                (address.as_str(), address.publish_on(), address.published_host()),
                (url, publish_on, published_host)
            );
        }
    }

    #[test]
    fn unsupported_addresses_are_refused_without_user_information() {
        for given in [
            "ssh://me:hush@host",
            "docker",
            "tcp://",
            "fd://",
            "tcp://me:hush@",
            "me:hush@host:2375",
            "x://a@hush@host",
        ] {
            let error = EngineAddress::parse(given).unwrap_err();
            assert!(matches!(&error, EngineError::InvalidAddress { .. }), "{error}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
