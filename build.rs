//! Asks git which commit is built, for `--version`. `THUMBGATE_COMMIT` says it where there is no repository, as in
//! an image's build.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=THUMBGATE_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    for name in ["HEAD", "refs/heads"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let commit = env::var("THUMBGATE_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = commit.or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    println!("cargo::rustc-env=THUMBGATE_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

/// What git answers, if there is git and a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !answer.trim().is_empty()).then(|| answer.trim().to_owned())
}
