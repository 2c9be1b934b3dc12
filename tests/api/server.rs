//! A server of one's own: the real binary on a free port, over a folder of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_thumbgate");

/// How long a test waits for what must come at once.
pub const SOON: Duration = Duration::from_secs(20);

/// Ends with the test.
pub struct Server {
    pub address: SocketAddr,
    pub folder: TempDir,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// With the defaults.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With these variables, and no others from outside.
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let command = command(folder.path(), variables);
        Self::of(folder, command)
    }

    /// On a disk that has no room for files over 4 KiB: by a limit on the process, of which a write that
    /// goes beyond it is told, since the signal is ignored.
    pub fn start_on_full_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = prepared("sh".as_ref(), folder.path(), &[]);
        shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\"", BINARY]);
        Self::of(folder, shell)
    }

    fn of(folder: TempDir, mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let writer = Arc::clone(&log);
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| writer.lock().unwrap().push(line)));
        let mut server = Self { address: ([127, 0, 0, 1], 0).into(), folder, child, log };
        let ready = server.logged("thumbgate is ready for uploads");
        let listening = ready["listening"].as_str().unwrap().to_owned();
        server.address = listening.parse().unwrap();
        server
    }

    /// The first log line that holds this text; waits for it.
    pub fn logged(&self, text: &str) -> Value {
        wait_for(&format!("a log line with {text:?}"), || self.all_logged(text).into_iter().next())
    }

    /// The log lines so far that hold this text, once there are so many: an answer may be here before the line.
    pub fn logged_times(&self, times: usize, text: &str) -> Vec<Value> {
        wait_for(&format!("{times} log lines with {text:?}"), || {
            Some(self.all_logged(text)).filter(|lines| lines.len() >= times)
        })
    }

    /// The log lines so far that hold this text.
    pub fn all_logged(&self, text: &str) -> Vec<Value> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|line| line.contains(text)).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The files that a person would see in the local store, as `uploads/image1.jpg …`.
    pub fn stored(&self) -> String {
        let mut files = Vec::new();
        for (bucket, name) in [("marketing-uploads-bucket", "uploads"), ("marketing-thumbnails-bucket", "thumbnails")] {
            let root = self.folder.path().join("data").join(bucket);
            walk(&root, &mut |file| {
                files.push(format!("{name}/{}", file.strip_prefix(&root).unwrap().display()));
            });
        }
        files.sort();
        files.join(" ")
    }

    /// The path of a file in the local store.
    pub fn file(&self, bucket: &str, key: &str) -> PathBuf {
        self.folder.path().join("data").join(format!("marketing-{bucket}-bucket")).join(key)
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
    }

    /// Waits until the process has ended by itself.
    pub fn ended(&mut self, within: Duration) -> ExitStatus {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the server still runs");
            thread::park_timeout(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, to be run in a folder with these variables and no others.
pub fn command(folder: &Path, variables: &[(&str, &str)]) -> Command {
    prepared(BINARY.as_ref(), folder, variables)
}

fn prepared(program: &Path, folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LISTEN", "127.0.0.1:0")
        .env("LOG_FORMAT", "json");
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Asks again until there is an answer.
pub fn wait_for<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    wait_longer_for(what, SOON, ask)
}

/// The same for what takes its time.
pub fn wait_longer_for<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap).filter(|entry| entry.file_name() != ".thumbgate") {
        let path = entry.path();
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}
