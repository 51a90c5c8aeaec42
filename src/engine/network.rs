//! A container's network: which one it joins, the names that it resolves, and the ports that it publishes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;

use bollard::models::PortBinding;

use super::emulator;

/// The names by which a sandbox in Lambda resolves itself. Extensions that receive logs listen there.
const SANDBOX_NAMES: [&str; 2] = ["sandbox", "sandbox.localdomain"];

/// The engine's word for the address of its own machine.
const HOST_GATEWAY: &str = "host-gateway";

/// The network of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkOptions {
    /// The network that it joins; `None` for the engine's default.
    pub name: Option<String>,
    /// Names that it resolves in addition to those of the network.
    pub hosts: Vec<HostEntry>,
    /// Ports that it publishes in addition to the emulator's.
    pub ports: Vec<PublishedPort>,
}

/// A text of the command line that the engine would refuse, or that would make the function unreachable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NetworkOptionError(&'static str);

/// A name and its address: `HOST:IP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    name: String,
    /// An IP address, or the engine's word for its own machine.
    address: String,
}

impl FromStr for HostEntry {
    type Err = NetworkOptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Docker accepts both separators. An IPv6 address has colons, a name has none.
        let pair = text.split_once([':', '=']);
        let (name, address) = pair.ok_or(NetworkOptionError("use HOST:IP"))?;
        let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(NetworkOptionError("the name of the host is not valid: use HOST:IP"));
        }
        if address != HOST_GATEWAY && address.parse::<IpAddr>().is_err() {
            return Err(NetworkOptionError(
                "the address is not valid: use an IP address, or `host-gateway` for the machine that runs Docker",
            ));
        }
        Ok(Self { name: name.to_owned(), address: address.to_owned() })
    }
}

/// A port of the container and where it is published, as `docker run --publish` reads it:
/// `[[IP:][PORT]:]CONTAINER_PORT[/udp]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// The address of the engine's machine; `None` for the one on which limg publishes the emulator.
    address: Option<IpAddr>,
    /// The port of the engine's machine; `None` for any free one.
    port: Option<u16>,
    /// The port in the container, as the engine writes it: `3000/tcp`.
    container_port: String,
}

impl PublishedPort {
    /// The same port in the container and on the engine's machine.
    #[must_use]
    pub fn same(port: u16) -> Self {
        Self { address: None, port: Some(port), container_port: format!("{port}/tcp") }
    }
}

impl FromStr for PublishedPort {
    type Err = NetworkOptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let failed = NetworkOptionError(
            "use [[IP:]PORT:]CONTAINER_PORT, for example 3000:3000 or 127.0.0.1:5353:53/udp",
        );
        let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0).ok_or(failed.clone());
        let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        if !["tcp", "udp"].contains(&protocol) {
            return Err(failed);
        }
        let (rest, container_port) = match rest.rsplit_once(':') {
            Some((rest, port)) => (Some(rest), port),
            None => (None, rest),
        };
        let (address, port) = match rest.map(|rest| rest.rsplit_once(':')) {
            Some(Some((address, port))) => (Some(address), Some(port)),
            Some(None) => (None, rest),
            None => (None, None),
        };
        let ip = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().map_err(|_| failed.clone());
        Ok(Self {
            address: address.map(ip).transpose()?,
            port: port.filter(|port| !port.is_empty()).map(number).transpose()?,
            container_port: format!("{}/{protocol}", number(container_port)?),
        })
    }
}

/// Checks the name of a network.
///
/// # Errors
/// For those that have no published ports, by which limg reaches the emulator.
pub fn check_network(name: &str) -> Result<String, NetworkOptionError> {
    if ["host", "none"].contains(&name) || name.starts_with("container:") {
        return Err(NetworkOptionError(
            "limg reaches the function at a published port, which only bridge networks have; to reach this machine from \
             the function, use `--add-host host.docker.internal:host-gateway`",
        ));
    }
    Ok(name.to_owned())
}

impl NetworkOptions {
    /// The names with their addresses, as the engine writes them. The user's come first, since the first one counts.
    pub(super) fn hosts(&self) -> Vec<String> {
        let given = self.hosts.iter().map(|entry| format!("{}:{}", entry.name, entry.address));
        given.chain(SANDBOX_NAMES.map(|name| format!("{name}:127.0.0.1"))).collect()
    }

    /// The ports of the container that are published.
    pub(super) fn exposed_ports(&self) -> Vec<String> {
        let mut ports: Vec<_> = self.ports.iter().map(|port| port.container_port.clone()).collect();
        ports.push(emulator_port());
        ports.sort();
        ports.dedup();
        ports
    }

    /// Where ports are published: on the address `publish_on` unless the user names one. `port` is that of the
    /// emulator; without one, the engine chooses a free one.
    pub(super) fn bindings(
        &self,
        port: Option<u16>,
        publish_on: &str,
    ) -> HashMap<String, Option<Vec<PortBinding>>> {
        let binding = |address: String, port: Option<u16>| PortBinding {
            host_ip: Some(address),
            host_port: port.map(|port| port.to_string()),
        };
        let own = (emulator_port(), binding(publish_on.to_owned(), port));
        let given = self.ports.iter().map(|published| {
            let address =
                published.address.map_or_else(|| publish_on.to_owned(), |address| address.to_string());
            (published.container_port.clone(), binding(address, published.port))
        });
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for (port, binding) in std::iter::once(own).chain(given) {
            bindings.entry(port).or_default().get_or_insert_default().push(binding);
        }
        bindings
    }
}

/// The emulator's port, as the engine writes it.
pub(super) fn emulator_port() -> String {
    format!("{}/tcp", emulator::PORT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn host_entries_are_read_as_docker_reads_them() {
        for (text, expected) in [
            ("db:10.0.0.5", "db:10.0.0.5"),
            ("db=10.0.0.5", "db:10.0.0.5"),
            ("db:fd00::5", "db:fd00::5"),
            ("db:[fd00::5]", "db:fd00::5"),
            ("host.docker.internal:host-gateway", "host.docker.internal:host-gateway"),
        ] {
            let hosts = NetworkOptions { hosts: vec![text.parse().unwrap()], ..NetworkOptions::default() };
            assert_eq!(hosts.hosts(), [expected, "sandbox:127.0.0.1", "sandbox.localdomain:127.0.0.1"]);
        }
        for text in ["db", "db:", ":10.0.0.5", "db:db2", "d b:10.0.0.5", "db:10.0.0.5:80"] {
            assert!(text.parse::<HostEntry>().is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_read_as_docker_reads_them() {
        let binding = |text: &str| {
            let network = NetworkOptions { ports: vec![text.parse().unwrap()], ..NetworkOptions::default() };
            let mut bindings = network.bindings(None, "127.0.0.1");
            bindings.remove("28080/tcp");
            json!(bindings)
        };
        for (text, expected) in [
            ("3000", json!({ "3000/tcp": [{ "HostIp": "127.0.0.1" }] })),
            ("80:3000", json!({ "3000/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "80" }] })),
            ("0.0.0.0:80:3000/udp", json!({ "3000/udp": [{ "HostIp": "0.0.0.0", "HostPort": "80" }] })),
            ("10.0.0.1::3000", json!({ "3000/tcp": [{ "HostIp": "10.0.0.1" }] })),
            ("[::1]:80:3000/tcp", json!({ "3000/tcp": [{ "HostIp": "::1", "HostPort": "80" }] })),
        ] {
            assert_eq!(binding(text), expected);
        }
        for text in ["", "x", "0", "65536", "80:", "3000-3010", "db:80:3000", "3000/sctp", "1:2:3:4"] {
            assert!(text.parse::<PublishedPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn networks_without_published_ports_are_refused() {
        assert!(check_network("shop_default").is_ok());
        for name in ["host", "none", "container:db"] {
            assert!(check_network(name).is_err(), "{name}");
        }
    }
}
