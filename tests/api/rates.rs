//! How often one client may ask, and who counts as one.

use super::client::Answer;
use super::function::Function;
use super::gateways::Gateway;
use super::keys::{SHOP, entries};
use super::pictures::jpeg;
use super::requests::request;
use super::server::Server;

/// Every client here has two requests, and waits half an hour for another.
const TWO: [(&str, &str); 1] = [("RATE_LIMIT", "2/h")];

impl Server {
    fn read(&self, sent: &str) -> Answer {
        self.send(format!("GET /thumbnails/none-thumbnail.jpg HTTP/1.1\r\n{sent}"), b"")
    }
}

#[test]
fn one_too_many_is_refused_with_the_time_to_wait() {
    let server = Server::start_with(&TWO);
    let fields =
        |answer: &Answer| [answer.header("ratelimit-policy").to_owned(), answer.header("ratelimit").to_owned()];
    let first = server.upload("a.jpg", &jpeg(30, 20));
    assert_eq!(
        (first.outcome(), fields(&first)),
        ("201".into(), ["\"client\";q=2;w=3600", "\"client\";r=1;t=1800"].map(str::to_owned))
    );
    let second = server.read("");
    assert_eq!((second.outcome(), second.header("ratelimit")), ("404 not-found".into(), "\"client\";r=0;t=1800"));
    let third = server.put("/uploads/b.jpg", &jpeg(30, 20));
    assert_eq!(
        (third.outcome(), third.header("ratelimit-policy")),
        ("429 rate-limited".into(), "\"client\";q=2;w=3600")
    );
    let wait: u32 = third.header("retry-after").parse().unwrap();
    assert!((1790..=1800).contains(&wait), "{wait}");
    assert_eq!(third.header("ratelimit"), format!("\"client\";r=0;t={wait}"));
    assert!(third.json()["detail"].as_str().unwrap().contains("2 requests in 3600 s"), "{}", third.text());
    assert_eq!(server.stored(), "thumbnails/a-thumbnail.jpg uploads/a.jpg", "nothing was stored");
}

#[test]
fn what_is_open_is_not_counted() {
    let server = Server::start_with(&[("RATE_LIMIT", "1/h")]);
    for path in ["/", "/static/upload.js", "/limits", "/health", "/ready", "/openapi.yaml", "/problems", "/nothing"] {
        for _ in 0..3 {
            let answer = server.get(path);
            assert_ne!(answer.status, 429, "{path}");
            assert_eq!(answer.header("ratelimit"), "", "{path}");
        }
    }
    assert_eq!(server.read("").status, 404);
    for (method, path) in [
        ("GET", "/uploads/a.jpg"),
        ("HEAD", "/uploads/a.jpg"),
        ("PUT", "/uploads/a.jpg"),
        ("PUT", "/uploads/"),
        ("GET", "/thumbnails/a-thumbnail.jpg"),
        ("GET", "/result/a.jpg"),
        ("POST", "/uploads"),
        ("POST", "/uploads/presigned"),
    ] {
        assert_eq!(server.send(format!("{method} {path} HTTP/1.1\r\n"), b"").status, 429, "{method} {path}");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_limit_by_the_second_is_over_soon() {
    let server = Server::start_with(&[("RATE_LIMIT", "1/s")]);
    assert_eq!(server.read("").status, 404);
    let refused = server.read("");
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(server.read("").status, 404, "whoever waits as long as it is told gets through");
}

#[test]
fn whoever_has_a_key_is_counted_by_its_name_and_others_by_address() {
    let keys = entries();
    let server = Server::start_with(&[&TWO[..], &[("API_KEYS", &*keys)]].concat());
    let shop = format!("X-Api-Key: {SHOP}\r\n");
    let table = [
        (&*shop, 404, "the shop's first"),
        ("X-Api-Key: tg_next-key-of-the-shop\r\n", 404, "its other key is of the same name"),
        (&*shop, 429, "its third"),
        ("X-Api-Key: tg_key-of-the-lab\r\n", 404, "the lab's first"),
        ("", 401, "nobody's first"),
        ("X-Api-Key: wrong\r\n", 401, "guessing is counted by address"),
        ("X-Api-Key: wrong\r\n", 429, "and ends soon"),
        ("", 429, "for all from there"),
        ("X-Api-Key: tg_key-of-the-lab\r\n", 404, "but for those with a key"),
    ];
    for (sent, status, reason) in table {
        assert_eq!(server.read(sent).status, status, "{reason}");
    }
}

#[test]
fn proxies_that_are_trusted_tell_the_clients_address() {
    let (ours, others) = ("127.0.0.0/8,10.0.0.0/8", "10.0.0.0/8");
    // Who is trusted, and X-Forwarded-For of three requests: whether the third is refused.
    let table: [(&str, [&str; 3], bool, &str); 9] = [
        (ours, ["198.51.100.1", "198.51.100.1", "198.51.100.1"], true, "one client"),
        (ours, ["198.51.100.1", "198.51.100.2", "198.51.100.3"], false, "three clients"),
        (others, ["198.51.100.1", "198.51.100.2", "198.51.100.3"], true, "a peer that is not trusted"),
        ("", ["198.51.100.1", "198.51.100.2", "198.51.100.3"], true, "nobody is"),
        (ours, ["1.1.1.1, 198.51.100.1", "2.2.2.2, 198.51.100.1", "3.3.3.3, 198.51.100.1"], true, "a client's lies"),
        (ours, ["198.51.100.1, 10.1.1.1", "198.51.100.1, 10.2.2.2", "198.51.100.1"], true, "proxies behind proxies"),
        (ours, ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:3"], true, "one IPv6 network"),
        (ours, ["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"], false, "three IPv6 networks"),
        (ours, ["198.51.100.1, x", "198.51.100.2, x", "198.51.100.3, x"], true, "nonsense tells of nobody"),
    ];
    for (trusted, hops, is_refused, reason) in table {
        let trusted = [("TRUSTED_PROXIES", trusted)];
        let server = Server::start_with(&[&TWO[..], if trusted[0].1.is_empty() { &[] } else { &trusted }].concat());
        let statuses = hops.map(|hops| server.read(&format!("X-Forwarded-For: {hops}\r\n")).status);
        assert_eq!(statuses, [404, 404, if is_refused { 429 } else { 404 }], "{reason}");
    }
}

/// Lines of one header are one list.
#[test]
fn the_last_line_of_several_is_the_nearest() {
    let server = Server::start_with(&[&TWO[..], &[("TRUSTED_PROXIES", "127.0.0.1")]].concat());
    let statuses = ["1.1.1.1", "2.2.2.2", "3.3.3.3"]
        .map(|lie| server.read(&format!("X-Forwarded-For: {lie}\r\nX-Forwarded-For: 198.51.100.1\r\n")).status);
    assert_eq!(statuses, [404, 404, 429]);
}

#[test]
fn on_lambda_the_gateway_tells_the_clients_address() {
    let read = request("GET", "/thumbnails/none-thumbnail.jpg", &[("X-Forwarded-For", "1.1.1.1, 192.0.2.1")], b"");
    for gateway in Gateway::ALL {
        let function = Function::start(&[&[("STORE", "local"), ("LOG_FORMAT", "json")], &TWO[..]].concat());
        let from = |address: &str| {
            let mut event = gateway.event(&read);
            let text = event.to_string().replace("192.0.2.1", address);
            event = serde_json::from_str(&text).unwrap();
            gateway.answer(&function.invoke(&event).unwrap()).status
        };
        let statuses = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"].map(from);
        assert_eq!(statuses, [404, 404, 429, 404], "{gateway:?}");
    }
}

/// Routers differ by the address that a function is reached at; its clients must not have one count for each.
#[test]
fn on_lambda_all_addresses_of_a_function_count_together() {
    let read = request("GET", "/thumbnails/none-thumbnail.jpg", &[], b"");
    let function = Function::start(&[&[("STORE", "local"), ("LOG_FORMAT", "json")], &TWO[..]].concat());
    let through = [Gateway::HttpApi, Gateway::RestApi, Gateway::FunctionUrl];
    assert_eq!(through.map(|gateway| gateway.send(&function, &read).status), [404, 404, 429]);
}
