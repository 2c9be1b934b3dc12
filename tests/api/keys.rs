//! API keys and signed links: who is let in, by what, and that neither is ever told.

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use thumbgate::hex::hex;

use super::client::{Answer, form, form_head};
use super::function::Function;
use super::gateways::Gateway;
use super::pictures::jpeg;
use super::requests::request;
use super::server::{Server, command};

pub const SHOP: &str = "tg_key-of-the-shop";
const SHOP_NEXT: &str = "tg_next-key-of-the-shop";
const LAB: &str = "tg_key-of-the-lab";

fn digest(key: &str) -> String {
    hex(&Sha256::digest(key))
}

/// An entry of `API_KEYS`.
fn entry(name: &str, key: &str) -> String {
    format!("{name}:{}", digest(key))
}

/// `API_KEYS` with all keys of these tests.
pub fn entries() -> String {
    [entry("shop", SHOP), entry("shop", SHOP_NEXT), entry("lab", LAB)].join(",")
}

fn start(variables: &[(&str, &str)]) -> Server {
    Server::start_with(&[&[("API_KEYS", &*entries())], variables].concat())
}

/// The header that signs in.
fn key(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\n")
}

impl Server {
    fn upload_with(&self, sent: &str, name: &str) -> Answer {
        self.send(form_head() + sent, &form(&[(name, &jpeg(30, 20))]))
    }

    fn ask(&self, method: &str, path: &str, sent: &str) -> Answer {
        self.send(format!("{method} {path} HTTP/1.1\r\n{sent}"), b"")
    }
}

/// What follows the service's address in a `url`.
fn path_in(url: &Value) -> String {
    let url = url.as_str().unwrap();
    url.strip_prefix("http://").unwrap().split_once('/').map(|(_, path)| format!("/{path}")).unwrap()
}

#[test]
fn a_good_key_is_let_in_and_no_other() {
    let server = start(&[]);
    let wrong = "the API key is not one of those that are let in";
    let none = "there is no API key: send it as Authorization: Bearer KEY, or as X-Api-Key: KEY";
    let table = [
        (String::new(), "401 unauthorized", none, "no key"),
        (key(SHOP), "201", "", "a key"),
        (key(SHOP_NEXT), "201", "", "the key that is to follow it"),
        (key(LAB), "201", "", "another's"),
        (format!("X-Api-Key: {SHOP}\r\n"), "201", "", "in the other header"),
        (format!("Authorization: bearer {SHOP}\r\n"), "201", "", "schemes have no case"),
        (format!("Authorization: Basic c2hvcDprZXk=\r\nX-Api-Key: {SHOP}\r\n"), "201", "", "a gateway has its own"),
        (key("tg_key-of-nobody"), "401 unauthorized", wrong, "a wrong key"),
        (key(&SHOP[..SHOP.len() - 1]), "401 unauthorized", wrong, "a key cut short"),
        (key(&format!("{SHOP}x")), "401 unauthorized", wrong, "a key with more behind it"),
        (key(&digest(SHOP)), "401 unauthorized", wrong, "the digest is no key"),
        (key(&entry("shop", SHOP)), "401 unauthorized", wrong, "nor is the entry"),
        (format!("Authorization: Basic {SHOP}\r\n"), "401 unauthorized", none, "another scheme"),
        (format!("X-Api-Key: {SHOP}x\r\n{}", key(SHOP)), "401 unauthorized", wrong, "our own header goes first"),
        (format!("Cookie: key={SHOP}\r\n"), "401 unauthorized", none, "browsers send cookies by themselves"),
    ];
    for (sent, outcome, detail, reason) in table {
        let answer = server.upload_with(&sent, "a.jpg");
        assert_eq!(answer.outcome(), outcome, "{reason}");
        if answer.status == 401 {
            assert_eq!(answer.json()["detail"], detail, "{reason}");
            assert_eq!((answer.header("www-authenticate"), answer.header("cache-control")), ("Bearer", "no-store"));
        }
    }
    let in_the_address = server.get(&format!("/uploads/a.jpg?key={SHOP}&api_key={SHOP}&access_token={SHOP}"));
    assert_eq!(in_the_address.outcome(), "401 unauthorized", "addresses are logged by proxies");
}

/// All routes of the router's source. One that is new has to be put on one side or the other.
#[test]
fn every_route_is_either_open_or_needs_a_key() {
    let server = start(&[("S3_EVENTS_TOKEN", "0123456789abcdef"), ("STORE", "s3"), ("AWS_REGION", "us-east-1")]);
    let open =
        ["/", "/static/{file}", "/limits", "/health", "/ready", "/metrics", "/openapi.yaml", "/problems", "/events/s3"];
    let guarded = [
        ("/uploads", "POST"),
        ("/uploads/", "PUT"),
        ("/uploads/presigned", "POST"),
        ("/uploads/{*key}", "GET HEAD PUT"),
        ("/thumbnails/{*key}", "GET HEAD"),
        ("/result/{*key}", "GET HEAD"),
    ];
    let source = include_str!("../../src/http/mod.rs");
    let routes: Vec<&str> = source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(routes.len(), open.len() + guarded.len(), "{routes:?}");
    for route in routes {
        let path = route.replace("{*key}", "x/a-thumbnail.jpg").replace("{file}", "icon.svg");
        let Some((_, methods)) = guarded.iter().find(|(guarded, _)| *guarded == route) else {
            assert!(open.contains(&route), "{route} is neither open nor guarded");
            let answer = server.get(&path);
            assert!(answer.status != 401 && answer.status != 403, "{route}: {}", answer.outcome());
            continue;
        };
        for method in methods.split(' ') {
            for (sent, reason) in [("", "no key"), ("X-Api-Key: wrong\r\n", "a wrong key")] {
                let answer = server.ask(method, &path, sent);
                assert_eq!(
                    (answer.status, answer.header("www-authenticate")),
                    (401, "Bearer"),
                    "{method} {path}: {reason}"
                );
            }
        }
    }
}

#[test]
fn with_a_key_all_is_as_without_keys() {
    let server = start(&[]);
    let record = server.upload_with(&key(SHOP), "a.jpg");
    assert_eq!((record.outcome(), record.header("location")), ("201".into(), "/uploads/a.jpg"));
    let sent = key(LAB);
    for (method, path, outcome) in [
        ("GET", "/uploads/a.jpg", "200"),
        ("HEAD", "/uploads/a.jpg", "200"),
        ("GET", "/thumbnails/a-thumbnail.jpg", "200"),
        ("HEAD", "/thumbnails/a-thumbnail.jpg", "200"),
        ("GET", "/thumbnails/none-thumbnail.jpg", "404 not-found"),
        ("DELETE", "/uploads/a.jpg", "405 method-not-allowed"),
        ("GET", "/result/a.jpg", "404 not-found"),
        ("GET", "/nothing", "404 not-found"),
    ] {
        let answer = server.ask(method, path, &sent);
        assert_eq!(answer.outcome(), outcome, "{method} {path}");
        if answer.status == 200 {
            assert_eq!(answer.header("cache-control"), "private, no-cache", "{method} {path}");
        }
    }
    let put = server.send(format!("PUT /uploads/x/b.jpg HTTP/1.1\r\n{sent}"), &jpeg(30, 20));
    assert_eq!(put.outcome(), "201");
    let unique = start(&[("KEY_LAYOUT", "unique")]);
    let location = unique.upload_with(&sent, "a.jpg").header("location").to_owned();
    assert_eq!(unique.ask("GET", &location, &sent).header("cache-control"), "private, max-age=31536000, immutable");
}

#[test]
fn browsers_forms_are_not_offered() {
    let server = start(&[]);
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let refused = server.upload_with(browser, "a.jpg");
    assert_eq!(refused.outcome(), "401 unauthorized", "no page");
    assert!(!refused.headers("vary").contains(&"Accept"), "every client gets the same answer");
    assert_eq!(server.upload_with(&(key(SHOP) + browser), "a.jpg").outcome(), "201");
    let page = server.get("/").text();
    assert!(page.contains("Uploads here need an API key"), "{page}");
    assert!(!Server::start().get("/").text().contains("key-needed"));
}

#[test]
fn the_records_links_work_without_a_key_for_their_time() {
    let server = start(&[("PRESIGN_EXPIRES", "3s")]);
    let record = server.upload_with(&key(SHOP), "größe 1.jpg").json();
    let other = server.upload_with(&key(SHOP), "b.jpg").json();
    let original = path_in(&record["upload"]["url"]);
    let thumbnail = path_in(&record["thumbnail"]["url"]);
    assert_eq!(record["url"], record["upload"]["url"]);
    for link in [&original, &thumbnail] {
        let (got, head) = (server.get(link), server.ask("HEAD", link, ""));
        assert_eq!((got.outcome(), got.header("content-type")), ("200".into(), "image/jpeg"), "{link}");
        assert_eq!((head.outcome(), head.header("etag")), ("200".into(), got.header("etag")), "{link}");
        assert_eq!(got.header("cache-control"), "private, no-cache");
        assert_eq!(server.ask("GET", link, "X-Api-Key: wrong\r\n").outcome(), "200", "the link is enough");
    }
    let query = original.split_once('?').unwrap().1;
    let (others, plain) = (path_in(&other["upload"]["url"]), original.split_once('?').unwrap().0);
    let signature = query.split_once("&signature=").unwrap().1;
    let table = [
        (plain.to_owned(), "401 unauthorized", "no link at all"),
        (
            format!("{plain}?{}", query.split_once("&signature=").unwrap().0),
            "401 unauthorized",
            "without its signature",
        ),
        (format!("/uploads/b.jpg?{query}"), "403 forbidden", "another's file"),
        (format!("{plain}?{}", others.split_once('?').unwrap().1), "403 forbidden", "another's link"),
        (
            format!("{}?{query}", thumbnail.split_once('?').unwrap().0),
            "403 forbidden",
            "of the original, for its thumbnail",
        ),
        (original.replace("expires=", "expires=1"), "403 forbidden", "another end"),
        (original[..original.len() - 1].to_owned(), "403 forbidden", "cut by a digit"),
        (original[..original.len() - 2].to_owned(), "403 forbidden", "cut by a byte"),
        (
            format!("{plain}?{}signature=", &query[..query.len() - "signature=".len() - 64]),
            "403 forbidden",
            "cut to nothing",
        ),
        (format!("{plain}?signature={signature}"), "403 forbidden", "without its end"),
        (original.replace(signature, &"0".repeat(64)), "403 forbidden", "a made-up signature"),
        (format!("{original}&expires=99999999999"), "403 forbidden", "two ends"),
    ];
    for (link, outcome, reason) in &table {
        assert_eq!(server.get(link).outcome(), *outcome, "{reason}: {link}");
    }
    let put = server.send(format!("PUT {original} HTTP/1.1\r\nContent-Type: image/jpeg\r\n"), &jpeg(30, 20));
    assert_eq!(put.outcome(), "403 forbidden", "a link that reads does not write");
    std::thread::sleep(Duration::from_millis(4100));
    for link in [&original, &thumbnail] {
        assert_eq!(server.get(link).outcome(), "403 link-expired", "{link}");
        assert_eq!(server.ask("GET", link, &key(SHOP)).outcome(), "200", "a key does not end");
    }
}

#[test]
fn a_presigned_upload_needs_a_key_to_ask_for_it_and_none_to_send_it() {
    let server = start(&[]);
    let picture = jpeg(30, 20);
    let wanted = format!(r#"{{"filename":"a.jpg","content_type":"image/jpeg","bytes":{}}}"#, picture.len());
    let ask = |sent: &str| server.send(format!("POST /uploads/presigned HTTP/1.1\r\n{sent}"), wanted.as_bytes());
    assert_eq!(ask("").outcome(), "401 unauthorized");
    let link = path_in(&ask(&key(SHOP)).json()["url"]);
    let put = |link: &str, content: &[u8]| {
        server.send(format!("PUT {link} HTTP/1.1\r\nContent-Type: image/jpeg\r\n"), content)
    };
    assert_eq!(put(&link.replace("bytes=", "bytes=1"), &picture).outcome(), "403 forbidden");
    assert_eq!(put(&link.replace("/a.jpg", "/b.jpg"), &picture).outcome(), "403 forbidden");
    assert_eq!(server.get(&link).outcome(), "403 forbidden", "a link that writes does not read");
    let stored = put(&link, &picture);
    assert_eq!(stored.outcome(), "201");
    assert_eq!(server.get(&path_in(&stored.json()["thumbnail"]["url"])).outcome(), "200");
}

#[test]
fn a_secret_of_ones_own_keeps_links_good_over_a_restart() {
    let secret = [("LINK_SECRET", "a secret of the tests"), ("API_KEYS", &entries())]
        .map(|(name, value)| (name, value.replace(' ', "-")));
    let secret = secret.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (first, second) = (Server::start_with(&secret), Server::start_with(&secret));
    let link = path_in(&first.upload_with(&key(SHOP), "a.jpg").json()["thumbnail"]["url"]);
    second.upload_with(&key(SHOP), "a.jpg");
    assert_eq!(second.get(&link).outcome(), "200");
    let third = start(&[]);
    third.upload_with(&key(SHOP), "a.jpg");
    assert_eq!(third.get(&link).outcome(), "403 forbidden", "without one, each start has its own");
    third.logged("LINK_SECRET is not set");
    let warnings = |server: &Server| server.all_logged("LINK_SECRET is not set").len();
    assert_eq!((warnings(&first), warnings(&third), warnings(&Server::start())), (0, 1, 0), "where links are used");
}

/// A body that waits for its `100 Continue` never comes.
#[test]
fn who_asks_first_is_refused_before_the_body() {
    let server = start(&[]);
    for head in ["POST /uploads", "PUT /uploads/a.jpg", "POST /uploads/presigned"] {
        let mut stream = server.connect();
        let rest = "Host: x\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\nContent-Type: multipart/form-data; boundary=x";
        stream.write_all(format!("{head} HTTP/1.1\r\n{rest}\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let text = String::from_utf8(answer).unwrap();
        assert!(text.starts_with("HTTP/1.1 401"), "the final status, not an invitation: {text}");
    }
}

/// Everything that a session says, at the most talkative level of ours.
#[test]
fn no_key_and_no_signature_is_ever_told() {
    let server = start(&[("RUST_LOG", "trace"), ("LINK_SECRET", "the-secret-behind-links"), ("PRESIGN_EXPIRES", "1s")]);
    let mut told = String::new();
    let mut tell = |answer: Answer| {
        told += &answer.head;
        told += &answer.text();
        answer
    };
    let record = server.upload_with(&key(SHOP), "a.jpg").json();
    let links = [path_in(&record["upload"]["url"]), path_in(&record["thumbnail"]["url"])];
    tell(server.upload_with(&format!("X-Api-Key: {LAB}\r\n"), "file.txt"));
    tell(server.upload_with(&key("tg_wrong-key"), "a.jpg"));
    tell(server.upload_with(&(key(LAB) + "Origin: https://evil.example\r\n"), "a.jpg"));
    tell(server.ask("GET", "/uploads/none.jpg", &key(LAB)));
    tell(server.ask("GET", &links[0].replace("a.jpg", "b.jpg"), ""));
    tell(server.get(&links[0]));
    std::thread::sleep(Duration::from_millis(2100));
    tell(server.get(&links[1]));
    server.logged("\"code\":\"link-expired\"");
    let log = server.all_logged("").iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let signatures = links.iter().map(|link| link.split_once("signature=").unwrap().1.to_owned());
    let secrets = [SHOP, LAB, "tg_wrong-key", "the-secret-behind-links"].map(str::to_owned);
    for secret in secrets.into_iter().chain(signatures) {
        for (place, text) in [("the log", &log), ("the answers", &told)] {
            assert!(!text.contains(&secret), "{secret} stands in {place}:\n{text}");
        }
    }
    for key in [SHOP, LAB] {
        assert!(!log.contains(&digest(key)), "nor do their digests:\n{log}");
    }
}

#[test]
fn log_lines_tell_whose_key_it_was() {
    let server = start(&[]);
    server.upload_with(&key(SHOP), "a.jpg");
    server.upload_with(&key(LAB), "file.txt");
    server.upload_with("", "b.jpg");
    assert_eq!(server.logged("\"a.jpg\"")["key_name"], "shop");
    assert_eq!(server.logged("invalid file type uploaded")["key_name"], "lab");
    assert!(server.logged("\"code\":\"unauthorized\"")["key_name"].is_null());
}

#[test]
fn on_lambda_keys_and_links_let_in_behind_every_gateway() {
    let keys = entries();
    for gateway in Gateway::ALL {
        let function = Function::start(&[
            ("STORE", "local"),
            ("API_KEYS", &keys),
            ("ALLOW_ANONYMOUS", "false"),
            ("LOG_FORMAT", "json"),
        ]);
        let send = |method, target: &str, headers: &[(&'static str, &str)], body: &[u8]| {
            gateway.send(&function, &request(method, target, headers, body))
        };
        let picture = jpeg(30, 20);
        assert_eq!(send("PUT", "/uploads/a.jpg", &[], &picture).outcome(), "401 unauthorized", "{gateway:?}");
        let stored = send("PUT", "/uploads/a%20b.jpg", &[("Authorization", &format!("Bearer {SHOP}"))], &picture);
        assert_eq!(stored.outcome(), "201", "{gateway:?}");
        let url = stored.json()["thumbnail"]["url"].as_str().unwrap().to_owned();
        let link = url.strip_prefix(gateway.public_url()).unwrap();
        assert_eq!(send("GET", link, &[], b"").outcome(), "200", "{gateway:?}: {link}");
        assert_eq!(send("HEAD", link, &[], b"").outcome(), "200", "{gateway:?}: {link}");
        let changed = link.replace("expires=", "expires=1");
        assert_eq!(send("GET", &changed, &[], b"").outcome(), "403 forbidden", "{gateway:?}: {changed}");
        assert_eq!(function.logged("\"a-b.jpg\"")["key_name"], "shop", "{gateway:?}");
    }
}

#[test]
fn a_new_key_is_printed_with_its_entry_and_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| command(folder.path(), &[]).args(arguments).output().unwrap();
    let printed = run(&["key", "new", "shop"]);
    assert!(printed.status.success());
    let lines = String::from_utf8(printed.stdout).unwrap();
    let (new, entry) = lines.trim_end().split_once('\n').unwrap();
    assert!(String::from_utf8(printed.stderr).unwrap().contains("not shown again"));
    let server = Server::start_with(&[("API_KEYS", entry)]);
    assert_eq!(server.upload_with(&key(new), "a.jpg").outcome(), "201");
    assert_eq!(server.upload_with(&key(SHOP), "a.jpg").outcome(), "401 unauthorized");
    let refused = run(&["key", "new", "two words"]);
    assert!(!refused.status.success() && String::from_utf8(refused.stderr).unwrap().contains("1 to 64 letters"));
}

#[test]
fn a_start_that_would_be_open_or_odd_is_refused() {
    let (entries, folder) = (entries(), tempfile::tempdir().unwrap());
    let run = |variables: &[(&str, &str)]| {
        let mut refused: Command = command(folder.path(), variables);
        let output = refused.output().unwrap();
        assert!(!output.status.success(), "{variables:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run(&[("LISTEN", "0.0.0.0:0")]);
    assert!(said.contains("set API_KEYS") && said.contains("ALLOW_ANONYMOUS=true"), "{said}");
    let said = run(&[("API_KEYS", &entries), ("CORS_ORIGINS", "*")]);
    assert!(said.contains("CORS_ORIGINS=*"), "{said}");
    let said = run(&[("API_KEYS", "shop:tg_the-key-itself")]);
    assert!(said.contains("entry 1 of API_KEYS") && !said.contains("tg_the-key-itself"), "{said}");
    let said = run(&[("LINK_SECRET", "nearly-right")]);
    assert!(said.contains("LINK_SECRET") && !said.contains("nearly-right"), "{said}");
}

#[test]
fn pages_of_other_origins_may_send_a_key() {
    let server = start(&[("CORS_ORIGINS", "https://www.example.com")]);
    let origin = "Origin: https://www.example.com\r\n";
    let asks = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-api-key,authorization\r\n";
    let preflight = server.ask("OPTIONS", "/uploads", &format!("{origin}{asks}"));
    assert_eq!(preflight.status, 200, "a preflight carries no key");
    let allowed = preflight.header("access-control-allow-headers").to_owned();
    assert!(allowed.contains("x-api-key") && allowed.contains("authorization"), "{allowed}");
    assert_eq!(server.upload_with(&(key(SHOP) + origin), "a.jpg").outcome(), "201");
    let refused = server.upload_with(origin, "a.jpg");
    assert_eq!(refused.outcome(), "401 unauthorized");
    assert_eq!(refused.header("access-control-allow-origin"), "https://www.example.com", "the page can read why");
    assert_eq!(server.upload_with(&(key(SHOP) + "Origin: null\r\n"), "a.jpg").outcome(), "403 forbidden-origin");
}
