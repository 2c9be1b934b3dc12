//! How often one client may ask: whoever has a key by its name, everybody else by address.
//!
//! What stands in the answers are the fields `RateLimit` and `RateLimit-Policy` of the IETF's draft (HTTPAPI working
//! group, draft 10): `q` requests in `w` seconds; `r` of them are left, and one more comes back within `t` seconds.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, MonotonicClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Web;
use super::access::{Caller, is_open};
use super::client_address::{ClientAddress, network_of};
use super::problem::Refusal;
use crate::api_key::KeyName;
use crate::config::{Config, RateLimit};

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Clients that are counted each by itself. They take about 4 MB.
const MOST_CLIENTS: usize = 64 * 1024;
/// Where all others are counted while there are more, several by one count.
const CROWDS: u64 = 1024;
/// How often clients that have not asked for long are forgotten.
const SWEEP: Duration = Duration::from_secs(60);
/// The same while there is no room for new ones.
const SWEEP_WHEN_FULL: Duration = Duration::from_secs(1);

/// Counts every client's requests. One for the whole process: on AWS Lambda there are several routers.
pub struct Limiter<C: Clock = MonotonicClock> {
    limit: RateLimit,
    clock: C,
    counts: Counts<C>,
    most_clients: usize,
    swept: Mutex<C::Instant>,
    crowds: RandomState,
}

type Counts<C> = RateLimiter<Client, HashMapStateStore<Client>, C, StateInformationMiddleware>;

/// Who is counted as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Client {
    Holder(KeyName),
    Address(IpAddr),
    Crowd(u64),
}

/// How a client stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// So many are left.
    Within { left: u32 },
    /// This one is too many; another may be sent after so long.
    Over { wait: Duration },
}

/// Counts the request, and refuses it where it is one too many: before anything else is done for it.
pub(super) async fn count(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let Some(limiter) = web.limiter.as_ref().filter(|_| !is_open(&request)) else { return next.run(request).await };
    let standing = limiter.take(Client::of(&request));
    let mut response = match standing {
        Standing::Within { .. } => next.run(request).await,
        Standing::Over { wait } => {
            Refusal::RateLimited { limit: limiter.limit, seconds: whole_seconds(wait) }.into_response()
        }
    };
    let (policy, state) = fields(limiter.limit, standing);
    response.headers_mut().insert(RATE_LIMIT_POLICY, policy);
    response.headers_mut().insert(RATE_LIMIT, state);
    response
}

impl Limiter {
    /// A limiter by `RATE_LIMIT`; none where there is no limit.
    pub fn new(config: &Config) -> Option<Arc<Self>> {
        let limit = config.access.rate_limit?;
        Some(Arc::new(Self::with(limit, MonotonicClock, MOST_CLIENTS)))
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn with(limit: RateLimit, clock: C, most_clients: usize) -> Self {
        let quota = Quota::with_period(limit.window / limit.requests.get());
        let quota = quota.unwrap_or_else(|| unreachable!("a second has more nanoseconds than a million"));
        let quota = quota.allow_burst(limit.requests);
        let counts = RateLimiter::hashmap_with_clock(quota, clock.clone()).with_middleware();
        Self { limit, counts, most_clients, swept: Mutex::new(clock.now()), clock, crowds: RandomState::new() }
    }

    fn take(&self, client: Client) -> Standing {
        let client = match client {
            Client::Address(address) if !self.has_room() => Client::Crowd(self.crowds.hash_one(address) % CROWDS),
            client => client,
        };
        match self.counts.check_key(&client) {
            Ok(state) => Standing::Within { left: state.remaining_burst_capacity() },
            Err(until) => Standing::Over { wait: until.wait_time_from(self.clock.now()) },
        }
    }

    /// Whether another address can be counted by itself. A flood of addresses takes no more memory than this, and
    /// nothing from those that have keys.
    fn has_room(&self) -> bool {
        let is_full = || self.counts.len() >= self.most_clients;
        let pause = if is_full() { SWEEP_WHEN_FULL } else { SWEEP };
        let now = self.clock.now();
        let is_due = {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = Duration::from(now.duration_since(*swept)) >= pause;
            if is_due {
                *swept = now;
            }
            is_due
        };
        if is_due {
            self.counts.retain_recent();
            self.counts.shrink_to_fit();
        }
        !is_full()
    }
}

impl<C: Clock> std::fmt::Debug for Limiter<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Client {
    /// Whoever's address nobody knows is counted with all others of the kind.
    fn of(request: &Request) -> Self {
        if let Some(Caller::Holder(name)) = request.extensions().get() {
            return Self::Holder(name.clone());
        }
        let address =
            request.extensions().get().map_or(Ipv6Addr::UNSPECIFIED.into(), |ClientAddress(address)| *address);
        Self::Address(network_of(address))
    }
}

fn fields(limit: RateLimit, standing: Standing) -> (HeaderValue, HeaderValue) {
    let policy = format!("\"client\";q={};w={}", limit.requests, limit.window.as_secs());
    let (left, seconds) = match standing {
        Standing::Within { left } => (left, whole_seconds(limit.window / limit.requests.get())),
        Standing::Over { wait } => (0, whole_seconds(wait)),
    };
    let state = format!("\"client\";r={left};t={seconds}");
    [policy, state].map(|field| HeaderValue::from_str(&field).unwrap_or(HeaderValue::from_static(""))).into()
}

/// Rounded up: who comes back after it is not too early.
fn whole_seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limiter(limit: &str, most_clients: usize) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Limiter::with(limit.parse().expect("a limit"), clock.clone(), most_clients), clock)
    }

    fn address(text: &str) -> Client {
        Client::Address(network_of(text.parse().expect("an address")))
    }

    fn v4(number: u32) -> Client {
        Client::Address(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn a_client_may_ask_as_often_as_the_limit_says() {
        let (limiter, clock) = limiter("3/m", 10);
        let client = address("192.0.2.1");
        let seconds = |seconds| Standing::Over { wait: Duration::from_secs(seconds) };
        for left in [2, 1, 0] {
            assert_eq!(limiter.take(client.clone()), Standing::Within { left });
        }
        assert_eq!(limiter.take(client.clone()), seconds(20));
        assert_eq!(limiter.take(address("192.0.2.2")), Standing::Within { left: 2 }, "another has its own");
        clock.advance(Duration::from_secs(19));
        assert_eq!(limiter.take(client.clone()), seconds(1), "refusals don't count");
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.take(client.clone()), Standing::Within { left: 0 });
        clock.advance(Duration::from_secs(60));
        assert_eq!(limiter.take(client), Standing::Within { left: 2 }, "no more than the limit is saved up");
    }

    #[test]
    fn addresses_of_one_network_are_one_client() {
        let (limiter, _) = limiter("1/h", 10);
        for (text, is_new, reason) in [
            ("2001:db8:0:1::1", true, "a network"),
            ("2001:db8:0:1:ffff::2", false, "the same network"),
            ("2001:db8:0:2::1", true, "the next one"),
            ("192.0.2.1", true, "IPv4"),
            ("192.0.2.2", true, "each IPv4 address is one's own"),
        ] {
            assert_eq!(matches!(limiter.take(address(text)), Standing::Within { .. }), is_new, "{reason}");
        }
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory_and_nothing_from_those_with_keys() {
        let (limiter, clock) = limiter("1/m", 100);
        let holder = Client::Holder("shop".parse().expect("a name"));
        let through = (0..20_000).filter(|number| matches!(limiter.take(v4(*number)), Standing::Within { .. })).count();
        let most = 100 + usize::try_from(CROWDS).expect("a small number");
        assert!((101..=most).contains(&through), "{through} were let through");
        assert!(limiter.counts.len() <= most, "{} are counted", limiter.counts.len());
        assert_eq!(limiter.take(holder), Standing::Within { left: 0 });
        clock.advance(Duration::from_secs(121));
        assert_eq!(limiter.take(v4(0)), Standing::Within { left: 0 }, "the flood is forgotten");
        assert!(limiter.counts.len() <= 2, "{} are counted", limiter.counts.len());
    }

    #[test]
    fn fields_are_structured_as_the_draft_has_them() {
        let table = [
            ("60/m", Standing::Within { left: 59 }, "\"client\";q=60;w=60", "\"client\";r=59;t=1"),
            ("100/h", Standing::Within { left: 3 }, "\"client\";q=100;w=3600", "\"client\";r=3;t=36"),
            ("7/s", Standing::Over { wait: Duration::from_millis(100) }, "\"client\";q=7;w=1", "\"client\";r=0;t=1"),
            (
                "1/m",
                Standing::Over { wait: Duration::from_millis(59_001) },
                "\"client\";q=1;w=60",
                "\"client\";r=0;t=60",
            ),
        ];
        for (limit, standing, policy, state) in table {
            assert_eq!(
                fields(limit.parse().expect("a limit"), standing),
                (HeaderValue::from_static(policy), HeaderValue::from_static(state))
            );
        }
    }
}
