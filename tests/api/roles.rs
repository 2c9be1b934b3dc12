//! The other roles of the binary, and settings that stop it.

use std::fs;

use super::pictures::{jpeg, png, size};
use super::server::{Server, command};

#[test]
fn files_get_thumbnails_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.jpg"), jpeg(300, 200)).unwrap();
    fs::write(folder.path().join("b.png"), png(10, 20)).unwrap();
    fs::write(folder.path().join("broken.jpg"), &jpeg(300, 200)[..300]).unwrap();
    let run = |files: &[&str]| {
        let output = command(folder.path(), &[]).arg("thumbnail").args(files).args(["--out", "out"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = run(&["a.jpg", "b.png"]);
    assert_eq!((code, said.lines().count()), (Some(0), 2), "{said}");
    assert_eq!(size(&fs::read(folder.path().join("out/a-thumbnail.jpg")).unwrap()), (150, 100));
    assert_eq!(size(&fs::read(folder.path().join("out/b-thumbnail.png")).unwrap()), (10, 20));
    let (code, said) = run(&["a.jpg", "broken.jpg", "missing.jpg", "notes.txt"]);
    assert_eq!(code, Some(1));
    let failed: Vec<_> = said.lines().filter(|line| line.contains("failed")).collect();
    assert_eq!(failed.len(), 3, "{said}");
}

#[test]
fn health_asks_a_running_server() {
    let mut server = Server::start();
    let url = format!("http://{}", server.address);
    let ask = || command(server.folder.path(), &[]).args(["health", &url]).output().unwrap().status.code();
    assert_eq!(ask(), Some(0));
    server.terminate();
    server.ended(std::time::Duration::from_secs(25));
    let output = command(server.folder.path(), &[]).args(["health", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&url));
}

#[test]
fn wrong_settings_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for (variable, value, allowed) in [
        ("THUMBNAIL_SIZE", "big", "150x150"),
        ("STORE", "ftp", "s3"),
        ("LISTEN", "0.0.0.0:0", "ALLOW_ANONYMOUS"),
        ("UPLOAD_BUCKET", "marketing-thumbnails-bucket", "must differ"),
        ("MEMORY_BUDGET", "2000000", "at least"),
        ("DATA_DIR", "file", "folder"),
        ("DATA_DIR", "/proc/thumbgate", "cannot"),
        ("RUST_LOG", "a=b=c", "thumbgate=debug"),
        ("LISTEN", "192.0.2.1:0", "192.0.2.1"),
    ] {
        let output = command(
            folder.path(),
            &[(variable, value), ("ALLOW_ANONYMOUS", if value.starts_with("192") { "true" } else { "false" })],
        )
        .output()
        .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{variable}={value}");
        assert!(said.contains(value) && said.contains(allowed), "{variable}={value}: {said}");
        assert!(said.contains(variable), "{variable}={value}: {said}");
    }
}

#[test]
fn the_program_tells_about_itself() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = command(folder.path(), &[]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let version = said(&["--version"]);
    let commit = version.split("(commit ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    assert!(version.starts_with(concat!("thumbgate ", env!("CARGO_PKG_VERSION"), " (commit ")), "{version}");
    assert!(commit == "unknown" || commit.len() >= 7, "{version}");
    assert!(version.trim().ends_with(", features: none)"), "{version}");
    for (shell, part) in [("bash", "complete -F _thumbgate"), ("zsh", "#compdef thumbgate"), ("fish", "thumbgate")] {
        let script = said(&["completions", shell]);
        assert!(script.contains(part) && script.contains("thumbnail-bucket"), "{shell}: {script}");
    }
    let manual = said(&["man"]);
    assert!(manual.contains(".TH thumbgate 1") && manual.contains("MEMORY_BUDGET"), "{manual}");
}
