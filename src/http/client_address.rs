//! Where a request comes from: the client's address, also where proxies stand in between.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::Request;
use axum::http::HeaderName;
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection, or what a gateway says of it: the client, or a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The client's address, as far as it is known from those that we trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address that a request comes from; none where nobody told of a peer.
    pub(super) fn of(request: &Request, trusted: &[IpNet]) -> Option<Self> {
        let Peer(peer) = request.extensions().get()?;
        let lines = request.headers().get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
        Some(Self(nearest_untrusted(*peer, lines.flat_map(|line| line.split(',')), trusted)))
    }
}

/// What one client has for itself: whoever has one IPv6 address has 2^64 of them.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// Each proxy adds whom it got the request from at the right, so that the way back is walked from there. The first
/// that is not to be trusted can have made up all that stands left of it.
fn nearest_untrusted<'a>(peer: IpAddr, hops: impl DoubleEndedIterator<Item = &'a str>, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    for hop in hops.rev() {
        if !trusted.iter().any(|network| network.contains(&nearest)) {
            break;
        }
        let Some(address) = address_in(hop.trim()) else { break };
        nearest = address;
    }
    nearest
}

/// Some proxies add the port.
fn address_in(hop: &str) -> Option<IpAddr> {
    let with_port = || Some(hop.parse::<std::net::SocketAddr>().ok()?.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address: IpAddr = hop.parse().ok().or_else(with_port).or_else(in_brackets)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_address_that_is_not_a_proxy_of_ours_is_the_clients() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().expect("a network"));
        let table = [
            ("192.0.2.1", "", "192.0.2.1", "no proxy"),
            ("192.0.2.1", "198.51.100.7", "192.0.2.1", "whoever connects may say what it likes"),
            ("10.0.0.1", "198.51.100.7", "198.51.100.7", "a proxy of ours"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7", "what the client made up stands left of it"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.7,10.0.0.2 , 10.9.9.9", "198.51.100.7", "three proxies of ours"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", "a client within"),
            ("10.0.0.1", "", "10.0.0.1", "a proxy that tells nothing"),
            ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1", "a proxy that tells nonsense"),
            ("10.0.0.1", "198.51.100.7, ", "10.0.0.1", "an empty hop"),
            ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7", "with a port"),
            ("10.0.0.1", "[2001:db9::1]:4711", "2001:db9::1", "with a port, IPv6"),
            ("10.0.0.1", "[2001:db9::1]", "2001:db9::1", "in brackets"),
            ("2001:db8::1", "2001:db9::1", "2001:db9::1", "IPv6"),
            ("::ffff:10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7", "IPv4 in IPv6's clothes"),
        ];
        for (peer, hops, expected, reason) in table {
            let hops = hops.split(',').filter(|_| !hops.is_empty());
            let found = nearest_untrusted(peer.parse().expect("an address"), hops, &trusted);
            assert_eq!(found.to_string(), expected, "{reason}");
        }
    }
}
