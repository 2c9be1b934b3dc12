//! What becomes of file names: the key, or a refusal, and never a file elsewhere.

use super::client::{end, part};
use super::pictures::jpeg;
use super::server::Server;

#[test]
fn file_names_become_safe_keys() {
    let server = Server::start();
    let picture = jpeg(20, 10);
    let long = format!("form-data; name=f; filename=\"{}.jpg\"", "x".repeat(10_000));
    let long_key = format!("201 {}.jpg", "x".repeat(196));
    let table: &[(&[u8], &str, &str)] = &[
        (b"form-data; name=f; filename=\"image1.jpg\"", "201 image1.jpg", "an ordinary name"),
        (b"form-data; name=f; filename=\"PHOTO.JPG\"", "201 PHOTO.JPG", "capitals are allowed and kept"),
        (b"form-data; name=f; filename=\"../../etc/passwd.jpg\"", "201 passwd.jpg", "no way up"),
        (b"form-data; name=f; filename=\"..\\..\\boot.jpg\"", "201 boot.jpg", "nor by backslashes"),
        (b"form-data; name=f; filename=\"C:\\Users\\me\\cat.jpg\"", "201 cat.jpg", "an old browser's path"),
        (b"form-data; name=f; filename=\"a%0D%0Ab.jpg\"", "201 a-b.jpg", "CR and LF as browsers send them"),
        (b"form-data; name=f; filename=\"a%22b.jpg\"", "201 a-b.jpg", "a quote as browsers send it"),
        (b"form-data; name=f; filename=\"a\\\"b.jpg\"", "201 a-b.jpg", "a quote as curl sends it"),
        (b"form-data; name=f; filename*=UTF-8''a%00b.jpg", "201 a-b.jpg", "NUL"),
        (b"form-data; name=f; filename*=UTF-8''a%1B%5B31m.jpg", "201 a-31m.jpg", "an escape sequence"),
        (
            "form-data; name=f; filename=\"\u{202e}gpj.exe.jpg\"".as_bytes(),
            "201 -gpj.exe.jpg",
            "right-to-left override",
        ),
        (long.as_bytes(), &long_key, "cut to 200 bytes"),
        (b"form-data; name=f; filename=\"caf\xe9.jpg\"", "201 café.jpg", "Latin-1 bytes"),
        (
            "form-data; name=f; filename=\"u\u{308}ber.jpg\"".as_bytes(),
            "201 über.jpg",
            "decomposed Unicode is composed",
        ),
        (b"form-data; name=f; filename=\"x.jpg\"; filename*=UTF-8''na%C3%AFve.jpg", "201 naïve.jpg", "filename* wins"),
        (b"form-data; name=f; filename=\"....\"", "400 invalid-filename", "only dots"),
        (b"form-data; name=f; filename=\".jpg\"", "400 invalid-filename", "an extension alone"),
        (b"form-data; name=f; filename=\"a.jpg\"; filename=\"b.jpg\"", "400 invalid-filename", "two names"),
        (b"form-data; name=f; filename*=UTF-8''%ff.jpg", "400 invalid-filename", "not what it says"),
        (b"form-data; name=f; filename=\"image\"", "415 unsupported-extension", "no extension"),
        (b"form-data; name=f; filename=\"image.jpg.php\"", "415 unsupported-extension", "the last extension decides"),
    ];
    for (disposition, expected, reason) in table {
        let answer = server.post(&end(part(disposition, &picture)));
        let outcome = match answer.status {
            201 => format!("201 {}", answer.json()["upload"]["key"].as_str().unwrap()),
            _ => answer.outcome(),
        };
        assert_eq!(&outcome, expected, "{reason}");
    }
    let parents: Vec<_> =
        std::fs::read_dir(server.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(parents, ["data"], "nothing was written beside the store");
}

#[test]
fn paths_become_safe_keys() {
    let server = Server::start();
    let picture = jpeg(20, 10);
    let too_long = format!("/uploads/{}a.jpg", "folder/".repeat(150));
    let table = [
        ("/uploads/x/y/photo.jpg", "201 x/y/photo.jpg", "folders are kept"),
        ("/uploads/caf%C3%A9.jpg", "201 café.jpg", "percent-decoded"),
        ("/uploads/a%252Fb.jpg", "201 a-2Fb.jpg", "once only"),
        ("/uploads/a%2Fc.jpg", "201 a/c.jpg", "an encoded slash makes a folder as well"),
        ("/uploads/a%2F..%2Fb.jpg", "400 invalid-filename", "but no way up"),
        ("/uploads/a.jpg/b.jpg", "201 a.jpg/b.jpg", "a folder may look like a file"),
        ("/uploads/a.jpg", "201 a.jpg", "and the file be there too"),
        ("/uploads/x/../../y.jpg", "400 invalid-filename", "a folder of dots"),
        ("/uploads/x//y.jpg", "400 invalid-filename", "a folder without a name"),
        ("/uploads/%ff.jpg", "400 invalid-filename", "not UTF-8"),
        (&too_long, "400 invalid-filename", "too long for a key"),
        ("/uploads/", "400 invalid-filename", "no name"),
        ("/uploads/presigned", "405 method-not-allowed", "no extension, and so no clash with that route"),
        ("/uploads/photo.gif", "415 unsupported-extension", "another type"),
    ];
    for (path, expected, reason) in table {
        let answer = server.put(path, &picture);
        let outcome = match answer.status {
            201 => format!("201 {}", answer.json()["upload"]["key"].as_str().unwrap()),
            _ => answer.outcome(),
        };
        assert_eq!(outcome, expected, "{reason}");
    }
    assert!(server.stored().contains("uploads/a.jpg uploads/a.jpg~/b.jpg"), "{}", server.stored());
}

#[test]
fn a_refused_extension_is_logged_escaped_and_cut() {
    let server = Server::start();
    let name = format!("\x1b[31m{}.txt", "n".repeat(300));
    let disposition =
        format!("form-data; name=f; filename*=UTF-8''{}", name.replace('\x1b', "%1B").replace('[', "%5B"));
    let answer = server.post(&end(part(disposition.as_bytes(), b"text")));
    assert_eq!(answer.outcome(), "415 unsupported-extension");
    let line = server.logged("invalid file type uploaded");
    assert_eq!(line["level"], "WARN");
    let logged = line["file_name"].as_str().unwrap();
    assert!(logged.starts_with("\\u{1b}[31mnnn") && logged.ends_with("n…"), "{logged}");
    assert!(logged.chars().count() < 140, "{logged}");
    assert_eq!(server.stored(), "");
}
