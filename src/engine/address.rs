//! The address of an engine, and from that the address at which its published ports can be reached.

use std::fmt;
use std::net::IpAddr;

use super::EngineError;

/// The port of an engine whose address has none, by Docker's convention.
const DEFAULT_PORT: &str = "2375";

/// The address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EngineAddress {
    url: String,
    /// The host at which published ports can be reached, unless it is this machine.
    remote: Option<String>,
}

impl EngineAddress {
    /// Parses a value of `DOCKER_HOST`.
    pub(super) fn parse(url: &str, tls: bool) -> Result<Self, EngineError> {
        let address = || url.to_owned();
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(EngineError::InvalidAddress { address: address() });
        };
        match scheme {
            "unix" | "npipe" => Ok(Self { url: address(), remote: None }),
            "https" => Err(EngineError::Tls { address: address() }),
            "tcp" | "http" if tls => Err(EngineError::Tls { address: address() }),
            "tcp" | "http" => {
                let rest = rest.trim_end_matches('/');
                let (host, port) = split_port(rest);
                if host.is_empty() {
                    return Err(EngineError::InvalidAddress { address: address() });
                }
                Ok(Self {
                    url: format!("{scheme}://{host}:{}", port.unwrap_or(DEFAULT_PORT)),
                    remote: (!is_loopback(host)).then(|| host.to_owned()),
                })
            }
            _ => Err(EngineError::InvalidAddress { address: address() }),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.url
    }

    /// The address on the engine's machine on which to publish ports. `0.0.0.0` is only for engines on other machines:
    /// anyone who reaches such an engine without TLS can run anything there, and no narrower address is known to be
    /// reachable.
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
        ] {
            let address = EngineAddress::parse(given, false).unwrap();
            assert_eq!(
                (address.as_str(), address.publish_on(), address.published_host()),
                (url, publish_on, published_host)
            );
        }
    }

    #[test]
    fn unsupported_addresses_are_refused() {
        for (given, tls) in [("https://docker:2376", false), ("tcp://docker:2376", true)] {
            let error = EngineAddress::parse(given, tls).unwrap_err();
            assert!(matches!(&error, EngineError::Tls { .. }), "{error}");
        }
        for given in ["ssh://me@host", "docker", "tcp://", "fd://"] {
            let error = EngineAddress::parse(given, false).unwrap_err();
            assert!(matches!(&error, EngineError::InvalidAddress { .. }), "{error}");
        }
        assert!(EngineAddress::parse("unix:///run/docker.sock", true).is_ok(), "a socket needs no TLS");
    }
}
