//! Addresses: which belong to the public internet, and names looked up with that in mind.
//!
//! A registry on the internet may answer with any address to go on at. limg runs where other services listen that trust
//! whoever can reach them: on this machine, in a private network, at a cloud's metadata address. So what a public registry
//! names must be public too. A literal address is seen in the URL; a name only shows its addresses when it is looked up,
//! which happens here, at the moment of connecting, so that it cannot change in between.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that leads out of the public internet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` has no public address, and a public registry named it")]
pub(super) struct NoPublicAddress {
    name: String,
}

/// The literal address that a URL's host is, if it is one.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether a URL's host is this machine, by a literal address or as `localhost`.
pub(super) fn is_loopback(url: &Url) -> bool {
    match literal(url) {
        Some(address) => address.to_canonical().is_loopback(),
        None => url.host_str().is_some_and(|host| host == "localhost" || host.ends_with(".localhost")),
    }
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
        // This network, the broadcast address and what is reserved.
        || first == 0
        || first >= 240
        // Shared address space of carriers; a cloud's metadata service has been seen there.
        || (first == 100 && (64..128).contains(&second))
        // Protocol assignments and benchmarks.
        || (first == 192 && second == 0 && third == 0)
        || (first == 198 && (18..20).contains(&second)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match parts {
        // Translated from an IPv4 address (NAT64, 6to4): that one counts.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Only this block is given out to the internet; some of it is for documentation, tunnels and benchmarks.
        [0x2001, 0x0db8 | 0..=0x01ff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// What is known of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Whether a name has ever had a public address. Once it had, it counts as public, whatever it has later.
    public: Mutex<BTreeMap<String, bool>>,
    /// The names that public registries named.
    suspects: Mutex<BTreeSet<String>>,
}

impl Names {
    /// Whether a URL leads to the public internet. A name that was never looked up here counts as public: then a proxy
    /// looks it up.
    pub(super) fn is_public(&self, url: &Url) -> bool {
        if is_loopback(url) {
            return false;
        }
        if let Some(address) = literal(url) {
            return is_public(address);
        }
        let known = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        url.host_str().and_then(|name| known.get(name)).copied().unwrap_or(true)
    }

    /// Takes note that a public registry named this host.
    pub(super) fn suspect(&self, url: &Url) {
        if let Some(name) = url.host_str() {
            self.suspects.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        }
    }

    /// Takes note of a name's addresses, and leaves only the public ones of a suspect if that is asked for.
    fn admit(
        &self,
        name: &str,
        found: Vec<SocketAddr>,
        guarded: bool,
    ) -> Result<Vec<SocketAddr>, NoPublicAddress> {
        let is_public = |address: &SocketAddr| is_public(address.ip());
        *self.public.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default() |=
            found.iter().any(is_public);
        // Other names are those of proxies, which may well be in a private network.
        let suspected = self.suspects.lock().unwrap_or_else(PoisonError::into_inner).contains(name);
        if !(guarded && suspected) {
            return Ok(found);
        }
        let left: Vec<_> = found.into_iter().filter(is_public).collect();
        if left.is_empty() { Err(NoPublicAddress { name: name.to_owned() }) } else { Ok(left) }
    }
}

/// Looks names up as the system does.
#[derive(Debug)]
pub(super) struct Resolver {
    /// What is known of names.
    pub(super) names: Arc<Names>,
    /// Whether suspects are only given with their public addresses.
    pub(super) guarded: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let names = Arc::clone(&self.names);
        let guarded = self.guarded;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let look_up = move || -> io::Result<(String, Vec<SocketAddr>)> {
                let found = (name.as_str(), 0).to_socket_addrs()?.collect();
                Ok((name, found))
            };
            let (name, found) = tokio::task::spawn_blocking(look_up).await??;
            let left = names.admit(&name, found, guarded)?;
            Ok(Box::new(left.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_public_or_not() {
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
    fn hosts_of_urls_are_seen_through() {
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
            assert!(!Names::default().is_public(&url(this_machine)), "{this_machine}");
        }
        for other in ["https://localhost.example.com/", "https://example.com/", "https://1.1.1.1/"] {
            assert!(!is_loopback(&url(other)), "{other}");
            assert!(Names::default().is_public(&url(other)), "{other}");
        }
        assert!(!Names::default().is_public(&url("https://10.0.0.1/")));
    }

    #[test]
    fn a_suspect_keeps_only_its_public_addresses() {
        let names = Names::default();
        let (public, private): (SocketAddr, SocketAddr) =
            ("1.1.1.1:0".parse().unwrap(), "169.254.169.254:0".parse().unwrap());
        names.suspect(&url("https://cdn.example.com/"));
        assert_eq!(names.admit("cdn.example.com", vec![private, public], true).unwrap(), [public]);
        let refused = names.admit("cdn.example.com", vec![private], true).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`cdn.example.com` has no public address, and a public registry named it"
        );
        assert_eq!(names.admit("cdn.example.com", vec![private], false).unwrap(), [private]);
        assert_eq!(names.admit("proxy.internal", vec![private], true).unwrap(), [private]);
    }

    #[test]
    fn a_name_that_was_public_stays_so() {
        let names = Names::default();
        let private: SocketAddr = "10.0.0.1:0".parse().unwrap();
        names.admit("registry.internal", vec![private], false).unwrap();
        assert!(!names.is_public(&url("https://registry.internal/v2/")));
        names.admit("rebound.example.com", vec!["1.1.1.1:0".parse().unwrap()], false).unwrap();
        names.admit("rebound.example.com", vec![private], false).unwrap();
        assert!(names.is_public(&url("https://rebound.example.com/")));
    }
}
