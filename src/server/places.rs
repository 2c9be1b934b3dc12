//! How many connections there may be: in all, and from one client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for connections.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    most_per_client: usize,
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
    /// So many in all, and for one client.
    pub(super) fn new(most: usize, most_per_client: usize) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(most)), most_per_client, clients: Mutex::default() })
    }

    /// Waits until there is a place for anybody; the next connections wait in the kernel's queue meanwhile.
    pub(super) async fn any(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.all).acquire_owned().await;
        permit.unwrap_or_else(|_| unreachable!("the semaphore is never closed"))
    }

    /// The place of a client, unless it has as many as it may have.
    pub(super) fn of_client(self: &Arc<Self>, address: IpAddr, one_of_all: OwnedSemaphorePermit) -> Option<Place> {
        let client = client_of(address);
        let mut clients = self.clients();
        let taken = clients.entry(client).or_default();
        if *taken == self.most_per_client {
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

/// Who has one IPv6 address has the 2^64 beside it as well.
fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_client_has_so_many_places_and_no_trace_is_left() {
        let places = Places::new(100, 2);
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
        ];
        let mut taken = Vec::new();
        for (address, expected, why) in table {
            let place = places.of_client(address.parse().expect("an address"), places.any().await);
            assert_eq!(place.is_some(), expected, "{address}: {why}");
            taken.extend(place);
        }
        assert_eq!(places.all.available_permits(), 94, "six are taken");
        drop(taken);
        assert_eq!(places.all.available_permits(), 100);
        assert!(places.clients().is_empty());
    }
}
