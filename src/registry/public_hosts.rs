//! Hosts on the public internet: which IP addresses are public, and name resolution that can require them.
//!
//! A registry on the internet may redirect limg to any URL. limg runs where other services trust every client that can
//! reach them: on this machine, in a private network, at a cloud's metadata address. So a host that a public registry
//! names must be public too. An IP address in a URL can be checked at once. A name shows its addresses only when it is
//! resolved, so the check happens here, while connecting: the addresses cannot change in between.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::url::{is_loopback, literal_ip};
use crate::sync::lock;

/// A public registry named a host that is not on the public internet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public registry named the host `{host}`, which has no public address")]
pub(super) struct NoPublicAddress {
    host: String,
}

/// Whether an address belongs to the public internet (IANA special-purpose address registries).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // "This network", the broadcast address and reserved ones.
        || first == 0
        || first >= 240
        // Shared address space of carriers; some clouds have their metadata service there.
        || (first == 100 && (64..128).contains(&second))
        // Protocol assignments and benchmarks.
        || (first == 192 && second == 0 && third == 0)
        || (first == 198 && (18..20).contains(&second)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        // Translated from an IPv4 address (NAT64, 6to4), which decides.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Only 2000::/3 is assigned to the internet; parts of it are for documentation, tunnels and benchmarks.
        [0x2001, 0x0db8 | 0..=0x01ff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// What limg knows about host names.
#[derive(Debug, Default)]
pub(super) struct PublicHosts {
    /// Whether a name ever had a public address. From then on it counts as public, whichever addresses it has later.
    resolved: Mutex<BTreeMap<String, bool>>,
    /// The names that public registries named.
    restricted: Mutex<BTreeSet<String>>,
}

impl PublicHosts {
    /// Whether a URL's host is on the public internet. A name that was never resolved here counts as public, since then
    /// a proxy resolves it.
    pub(super) fn contains(&self, url: &Url) -> bool {
        if is_loopback(url) {
            return false;
        }
        if let Some(address) = literal_ip(url) {
            return is_public(address);
        }
        url.host_str().and_then(|name| lock(&self.resolved).get(name).copied()).unwrap_or(true)
    }

    /// Restricts a URL's host to public addresses, because a public registry named it.
    pub(super) fn restrict(&self, url: &Url) {
        if let Some(name) = url.host_str() {
            lock(&self.restricted).insert(name.to_owned());
        }
    }

    /// Records the addresses of a name, and returns those that may be used: with `public_only`, only the public ones of
    /// a restricted name.
    fn usable(
        &self,
        name: &str,
        found: Vec<SocketAddr>,
        public_only: bool,
    ) -> Result<Vec<SocketAddr>, NoPublicAddress> {
        let is_public = |address: &SocketAddr| is_public(address.ip());
        *lock(&self.resolved).entry(name.to_owned()).or_default() |= found.iter().any(is_public);
        // With `public_only`, the other names are those of proxies, which may well be in a private network.
        if !(public_only && lock(&self.restricted).contains(name)) {
            return Ok(found);
        }
        let usable: Vec<_> = found.into_iter().filter(is_public).collect();
        if usable.is_empty() { Err(NoPublicAddress { host: name.to_owned() }) } else { Ok(usable) }
    }
}

/// Resolves names as the system does, and records their addresses.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) hosts: Arc<PublicHosts>,
    /// Whether restricted names resolve to their public addresses only.
    pub(super) public_only: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let hosts = Arc::clone(&self.hosts);
        let public_only = self.public_only;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let look_up = move || -> io::Result<(String, Vec<SocketAddr>)> {
                let found = (name.as_str(), 0).to_socket_addrs()?.collect();
                Ok((name, found))
            };
            let (name, found) = tokio::task::spawn_blocking(look_up).await??;
            let usable = hosts.usable(&name, found, public_only)?;
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_purpose_addresses_are_not_public() {
        for public in [
            "1.1.1.1",
            "52.95.110.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2600:1f18::1",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_in_urls_are_judged_without_resolving() {
        let hosts = PublicHosts::default();
        for (other, public) in [
            ("http://[::ffff:127.0.0.1]/", false),
            ("https://a.localhost:1/", false),
            ("https://10.0.0.1/", false),
            ("https://1.1.1.1/", true),
            ("https://example.com/", true),
        ] {
            assert_eq!(hosts.contains(&url(other)), public, "{other}");
        }
    }

    #[test]
    fn a_restricted_name_resolves_to_its_public_addresses_only() {
        let hosts = PublicHosts::default();
        let (public, private): (SocketAddr, SocketAddr) =
            ("1.1.1.1:0".parse().unwrap(), "169.254.169.254:0".parse().unwrap());
        hosts.restrict(&url("https://cdn.example.com/"));
        assert_eq!(hosts.usable("cdn.example.com", vec![private, public], true).unwrap(), [public]);
        let error = hosts.usable("cdn.example.com", vec![private], true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a public registry named the host `cdn.example.com`, which has no public address"
        );
        assert_eq!(hosts.usable("cdn.example.com", vec![private], false).unwrap(), [private]);
        assert_eq!(hosts.usable("proxy.internal", vec![private], true).unwrap(), [private]);
    }

    #[test]
    fn a_name_that_was_public_stays_public() {
        let hosts = PublicHosts::default();
        let private: SocketAddr = "10.0.0.1:0".parse().unwrap();
        hosts.usable("registry.internal", vec![private], false).unwrap();
        assert!(!hosts.contains(&url("https://registry.internal/v2/")));
        hosts.usable("rebound.example.com", vec!["1.1.1.1:0".parse().unwrap()], false).unwrap();
        hosts.usable("rebound.example.com", vec![private], false).unwrap();
        assert!(hosts.contains(&url("https://rebound.example.com/")));
    }
}
