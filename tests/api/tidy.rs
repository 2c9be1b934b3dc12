//! Who may name what: the import rules that src/lib.rs states.

use std::fs;
use std::path::{Path, PathBuf};

/// Words, the files that may hold them (all others may not), and why.
const RULES: [(&[&str], &[&str], &str); 8] = [
    (
        &["aws_sdk_s3", "aws_config", "aws_runtime", "aws_sigv4", "aws_smithy_runtime_api"],
        &["src/store/s3.rs"],
        "one vendor, one file",
    ),
    (
        &["axum", "tower_http", "multer", "hyper", "hyper_util"],
        &["src/http/", "src/server.rs", "src/main.rs"],
        "HTTP stays at the edge",
    ),
    (&["lambda_http", "lambda_runtime", "aws_lambda_events"], &["src/lambda"], "so does Lambda"),
    (
        &["::metrics::", "metrics_exporter_prometheus", "metrics_process", "metrics_cloudwatch_embedded"],
        &["src/metrics"],
        "what is measured is named in one place",
    ),
    (&["opentelemetry", "tracing_opentelemetry"], &["src/telemetry/"], "one vendor, one file"),
    (&["std::env", "env::var", "env ="], &["src/config"], "one place for settings"),
    (&["thumbnail::thumbnail(", "thumbnail::probe"], &["src/app.rs", "src/app/", "crates/"], "one caller of the core"),
    (
        &["tokio", "http::", "aws_", "serde", "tracing", "std::env", "std::fs", "std::net"],
        &["src/"],
        "the core is pure",
    ),
];

#[test]
fn files_name_only_what_is_theirs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    rust_files(&root.join("src"), &mut sources);
    rust_files(&root.join("crates/thumbnail/src"), &mut sources);
    assert!(sources.len() > 30, "only {} files found", sources.len());
    let mut seen = vec![false; RULES.len()];
    let mut broken = Vec::new();
    for source in &sources {
        let name = source.strip_prefix(root).unwrap().to_str().unwrap();
        for (number, (words, places, reason)) in RULES.iter().enumerate() {
            let Some(line) = code_of(source).find(|line| words.iter().any(|word| names(line, word))) else { continue };
            if places.iter().any(|place| name.starts_with(place)) {
                seen[number] = true;
            } else {
                broken.push(format!("{name}: {reason}: {}", line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    for (number, (words, ..)) in RULES.iter().enumerate() {
        assert!(seen[number], "the rule on {words:?} finds nothing at all");
    }
}

/// Lines that are code: no comments, nothing behind the unit tests' mark.
fn code_of(source: &Path) -> impl Iterator<Item = String> {
    let text = fs::read_to_string(source).unwrap();
    let lines: Vec<_> = text.lines().take_while(|line| *line != "#[cfg(test)]").map(str::to_owned).collect();
    lines.into_iter().filter(|line| !line.trim_start().starts_with("//"))
}

/// Whether a line holds a word that is not the end of a longer one.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => rust_files(&path, found),
            Some(extension) if extension == "rs" => found.push(path),
            _ => {}
        }
    }
}
