//! Decides which addresses jobs may connect to: public ones, and those that the operator allows. The check applies to
//! the address that a connection is about to use, after name resolution, so a name that later resolves differently
//! cannot bypass it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// Addresses in public blocks that only a cloud's own machines can reach, without authentication. Other clouds use
/// link-local addresses for these services.
const CLOUD_PLATFORMS: [(Ipv4Addr, u8); 4] = [
    // Azure: DNS, DHCP, and the agent's goal state with certificates.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    // IBM Cloud: service network and service endpoints.
    (Ipv4Addr::new(161, 26, 0, 0), 16),
    (Ipv4Addr::new(166, 8, 0, 0), 14),
    // Equinix Metal: metadata with user data.
    (Ipv4Addr::new(192, 80, 8, 124), 32),
];

/// One entry of `urls.allow` or `s3.allow`: an address block or a host name, each with an optional port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedAddress {
    host: AllowedHost,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum AllowedHost {
    Block { network: IpAddr, prefix: u8 },
    Name(String),
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{entry:?} is neither an address, a block like 10.0.0.0/8, nor a host name, each with an optional :port")]
pub struct AllowedAddressError {
    entry: String,
}

impl FromStr for AllowedAddress {
    type Err = AllowedAddressError;

    fn from_str(entry: &str) -> Result<Self, Self::Err> {
        let error = || AllowedAddressError { entry: entry.to_owned() };
        let (host, port) = split_port(entry).ok_or_else(error)?;
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c == '@') {
            return Err(error());
        }
        let (address, prefix) = match host.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| error())?)),
            None => (host, None),
        };
        match address.parse::<IpAddr>() {
            Ok(network) => {
                let widest = if network.is_ipv4() { 32 } else { 128 };
                let prefix = prefix.unwrap_or(widest);
                if prefix > widest {
                    return Err(error());
                }
                Ok(AllowedAddress { host: AllowedHost::Block { network, prefix }, port })
            }
            Err(_) if prefix.is_none() => {
                Ok(AllowedAddress { host: AllowedHost::Name(host.to_ascii_lowercase()), port })
            }
            Err(_) => Err(error()),
        }
    }
}

/// Accepts `host`, `host:port`, `[v6]:port` and a bare IPv6 address.
fn split_port(entry: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None if after.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host, Some(port.parse().ok()?))),
        _ => Some((entry, None)),
    }
}

#[derive(Debug, Clone, Default)]
pub struct AddressGuard {
    allowed: Arc<Vec<AllowedAddress>>,
}

impl AddressGuard {
    pub fn new(allowed: Vec<AllowedAddress>) -> Self {
        AddressGuard { allowed: Arc::new(allowed) }
    }

    /// Returns this guard with one more exception.
    pub fn allowing(&self, entry: AllowedAddress) -> Self {
        let mut allowed = self.allowed.as_ref().clone();
        allowed.push(entry);
        AddressGuard::new(allowed)
    }

    /// Returns whether a URL with this host and port may connect to this address.
    pub fn permits(&self, host: &str, address: IpAddr, port: u16) -> bool {
        let address = canonical(address);
        is_public(address) || self.allowed.iter().any(|allowed| allowed.matches(host, address, port))
    }
}

impl AllowedAddress {
    fn matches(&self, host: &str, address: IpAddr, port: u16) -> bool {
        if self.port.is_some_and(|allowed| allowed != port) {
            return false;
        }
        match &self.host {
            AllowedHost::Name(name) => name == &host.to_ascii_lowercase(),
            AllowedHost::Block { network, prefix } => in_block(address, *network, *prefix),
        }
    }
}

fn in_block(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            u32::from(address) & mask == u32::from(network) & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            u128::from(address) & mask == u128::from(network) & mask
        }
        _ => false,
    }
}

/// Returns the IPv4 address embedded in an IPv6 form that routes to it, so that every spelling of an address follows
/// the same rule.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let octets = v6.octets();
    let embedded = match v6.segments() {
        // 64:ff9b::/96, NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => octets.last_chunk::<4>().copied(),
        // 2002::/16, 6to4: the address follows the prefix.
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some([a, b, c, d])
        }
        _ => None,
    };
    embedded.map_or(address, |[a, b, c, d]| IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
}

/// Returns whether the address is global unicast according to the special-purpose registries of RFC 6890 and its
/// updates.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_platform = |(network, prefix): &(Ipv4Addr, u8)| in_block(address.into(), (*network).into(), *prefix);
    !(CLOUD_PLATFORMS.iter().any(is_platform)
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is global unicast. Teredo, ORCHID, documentation and benchmarking blocks within it are excluded.
    let [first, second, ..] = address.segments();
    (first & 0xe000) == 0x2000
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && !(first == 0x3fff && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> AddressGuard {
        AddressGuard::new(allowed.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    #[test]
    fn private_and_special_addresses_are_rejected_in_every_spelling() {
        let guard = guard(&[]);
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "ff02::1",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            assert!(!guard.permits("host", address.parse().unwrap(), 80), "{address}");
        }
        for address in ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "64:ff9b::808:808"] {
            assert!(guard.permits("host", address.parse().unwrap(), 80), "{address}");
        }
    }

    /// Most of these services use link-local or unique local addresses; the others are in public blocks.
    #[test]
    fn metadata_and_platform_services_of_clouds_are_refused_in_every_spelling() {
        let strict = guard(&[]);
        for address in [
            // AWS, Google, Oracle, DigitalOcean, Hetzner and others; Scaleway; Tencent; Alibaba; an older address of
            // Oracle.
            "169.254.169.254",
            "169.254.170.2",
            "169.254.42.42",
            "169.254.0.23",
            "100.100.100.200",
            "192.0.0.192",
            // Azure, IBM, Equinix Metal.
            "168.63.129.16",
            "161.26.0.10",
            "166.8.1.1",
            "166.11.255.255",
            "192.80.8.124",
        ] {
            let v4: Ipv4Addr = address.parse().unwrap();
            let [a, b, c, d] = v4.octets().map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            for spelling in [
                IpAddr::V4(v4),
                v4.to_ipv6_mapped().into(),
                v4.to_ipv6_compatible().into(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low).into(),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low).into(),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low).into(),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1).into(),
            ] {
                assert!(!strict.permits("host", spelling, 80), "{spelling}");
            }
        }
        // AWS, Google, Scaleway, Linode, Oracle, OpenStack, Azure.
        for address in [
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:42::42",
            "fd00:a9fe:a9fe::1",
            "fd00:c1::a9fe:a9fe",
            "fe80::a9fe:a9fe",
            "fe80::1234:5678:9abc",
        ] {
            assert!(!strict.permits("host", address.parse().unwrap(), 80), "{address}");
        }
        for neighbour in
            ["168.63.129.15", "168.63.129.17", "161.25.255.255", "161.27.0.0", "166.7.255.255", "166.12.0.0"]
        {
            assert!(strict.permits("host", neighbour.parse().unwrap(), 80), "{neighbour}");
        }
        assert!(guard(&["168.63.129.16:80"]).permits("host", "::ffff:168.63.129.16".parse().unwrap(), 80));
    }

    #[test]
    fn the_operator_allows_blocks_names_and_ports() {
        let guard = guard(&["127.0.0.1:8099", "10.0.0.0/8", "intern.example:443", "[::1]:9000"]);
        let loopback = "127.0.0.1".parse().unwrap();
        assert!(guard.permits("x", loopback, 8099));
        assert!(!guard.permits("x", loopback, 8100));
        assert!(guard.permits("x", "10.200.0.1".parse().unwrap(), 1));
        assert!(guard.permits("Intern.example", "192.168.1.1".parse().unwrap(), 443));
        assert!(!guard.permits("other.example", "192.168.1.1".parse().unwrap(), 443));
        assert!(guard.permits("x", "::1".parse().unwrap(), 9000));
        assert!("10.0.0.0/40".parse::<AllowedAddress>().is_err());
        assert!("a b".parse::<AllowedAddress>().is_err());
    }

    /// Every IPv6 spelling of an IPv4 address follows the same rule, and only unicast addresses are permitted.
    #[test]
    fn fuzz_addresses() {
        let strict = guard(&[]);
        let open = guard(&["10.0.0.0/8", "fd00::/8", "169.254.169.254:80"]);
        bolero::check!().with_iterations(2_000).with_type::<(u32, u128, u16)>().for_each(|(v4, v6, port)| {
            let v4 = Ipv4Addr::from(*v4);
            let [a, b, c, d] = v4.octets().map(u16::from);
            let spellings = [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d),
                Ipv6Addr::new(0x2002, a << 8 | b, c << 8 | d, 0, 0, 0, 0, *port),
            ];
            for guard in [&strict, &open] {
                let plain = guard.permits("x", v4.into(), *port);
                for spelling in spellings {
                    assert_eq!(guard.permits("x", spelling.into(), *port), plain, "{spelling}");
                }
            }
            // Random addresses rarely fall into special blocks, so the random bits are placed into each block.
            let rest = u32::from(v4);
            for (network, prefix) in [
                (0x0000_0000_u32, 8),
                (0x0a00_0000, 8),
                (0x6440_0000, 10),
                (0x7f00_0000, 8),
                (0xa9fe_0000, 16),
                (0xac10_0000, 12),
                (0xc000_0000, 24),
                (0xc0a8_0000, 16),
                (0xc612_0000, 15),
                (0xe000_0000, 3),
            ] {
                let special = Ipv4Addr::from(network | (rest & (u32::MAX >> prefix)));
                assert!(!strict.permits("x", special.into(), *port), "{special}");
            }
            let v6 = Ipv6Addr::from(*v6);
            let translated = v6.segments().starts_with(&[0x64, 0xff9b]) || v6.to_ipv4_mapped().is_some();
            assert!(v6.segments()[0] >> 13 == 1 || translated || !strict.permits("x", v6.into(), *port), "{v6}");
        });
    }

    /// A valid entry permits the address it names and no neighbouring one.
    #[test]
    fn fuzz_allowed() {
        let pieces =
            ["127.0.0.1", "10.0.0.0", "::1", "fd00::", "[", "]", ":", "80", "/", "8", "33", "host", ".", "@", " ", "é"];
        let input = bolero::produce::<Vec<u8>>().with().len(0usize..6);
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(|picks| {
            let entry: String = picks.iter().map(|pick| pieces[usize::from(*pick) % pieces.len()]).collect();
            let Ok(allowed) = entry.parse::<AllowedAddress>() else { return };
            let guard = AddressGuard::new(vec![allowed.clone()]);
            let port = allowed.port.unwrap_or(1);
            match &allowed.host {
                AllowedHost::Block { network, prefix } => {
                    assert!(guard.permits("x", *network, port), "{entry}");
                    let other: IpAddr = if network.is_ipv4() { "192.168.0.1" } else { "fe80::1" }.parse().unwrap();
                    assert!(*prefix < 8 || !guard.permits("x", other, port), "{entry}");
                }
                AllowedHost::Name(name) => {
                    assert!(guard.permits(name, "127.0.0.1".parse().unwrap(), port), "{entry}");
                    assert!(!guard.permits("y", "127.0.0.1".parse().unwrap(), port), "{entry}");
                }
            }
        });
    }
}
