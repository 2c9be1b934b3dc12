//! How many connections there may be: in all, and from one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;
use crate::http::network_of;

/// The places for connections.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    most_per_client: usize,
    /// They bring many clients.
    proxies: Vec<IpNet>,
    /// Clients with at least one connection.
    clients: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    client: IpAddr,
    _one_of_all: OwnedSemaphorePermit,
}

impl Places {
    /// As many as the limits say.
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(limits.connections)),
            most_per_client: limits.connections_per_client,
            proxies: limits.proxies,
            clients: Mutex::default(),
        })
    }

    /// Waits until there is a place for anybody; the next connections wait in the kernel's queue meanwhile.
    pub(super) async fn any(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.all).acquire_owned().await;
        permit.unwrap_or_else(|_| unreachable!("the semaphore is never closed"))
    }

    /// The place of a client, unless it has as many as it may have.
    pub(super) fn of_client(self: &Arc<Self>, address: IpAddr, one_of_all: OwnedSemaphorePermit) -> Option<Place> {
        let client = network_of(address);
        let is_proxy = self.proxies.iter().any(|network| network.contains(&address.to_canonical()));
        let mut clients = self.clients();
        let taken = clients.entry(client).or_default();
        if *taken >= self.most_per_client && !is_proxy {
            return None;
        }
        *taken += 1;
        drop(clients);
        Some(Place { places: Arc::clone(self), client, _one_of_all: one_of_all })
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.places.clients();
        if let Some(taken) = clients.get_mut(&self.client) {
            *taken -= 1;
            if *taken == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_client_has_so_many_places_and_no_trace_is_left() {
        let proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        let places = Places::new(Limits { connections: 100, connections_per_client: 2, proxies });
        let table = [
            ("192.0.2.1", true, "the first"),
            ("192.0.2.1", true, "the second"),
            ("192.0.2.1", false, "one too many"),
            ("::ffff:192.0.2.1", false, "the same client, as an IPv6 socket shows it"),
            ("192.0.2.2", true, "another client"),
            ("2001:db8:0:1::1", true, "IPv6"),
            ("2001:db8:0:1::2", true, "the same network"),
            ("2001:db8:0:1:ffff::3", false, "the same network once more"),
            ("2001:db8:0:2::1", true, "another network"),
            ("10.0.0.1", true, "a proxy of ours"),
            ("10.0.0.1", true, "for a second client"),
            ("10.0.0.1", true, "for a third"),
        ];
        let mut taken = Vec::new();
        for (address, expected, why) in table {
            let place = places.of_client(address.parse().expect("an address"), places.any().await);
            assert_eq!(place.is_some(), expected, "{address}: {why}");
            taken.extend(place);
        }
        assert_eq!(places.all.available_permits(), 91, "nine are taken");
        drop(taken);
        assert_eq!(places.all.available_permits(), 100);
        assert!(places.clients().is_empty());
    }
}
