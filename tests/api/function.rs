//! The binary as a Lambda function: under a Runtime API of the tests' own, which hands out events and takes
//! the answers, with the limits of the real one.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener as StdListener;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tempfile::TempDir;
use thumbgate::server::{Limits, serve as serve_on};
use tokio::runtime::Runtime;
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::server::{command, wait_for};

/// What events and answers of a synchronous invocation can hold.
const MOST_BYTES: usize = 6 * 1024 * 1024;
/// The function's time, as in the template.
pub const TIME: Duration = Duration::from_secs(30);

/// The number of no event.
const INIT: u64 = 0;

/// What came of an event: the answer, or the error that the function reported.
pub type Outcome = Result<Value, Value>;

/// Ends with the test.
pub struct Function {
    _folder: TempDir,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    figures: Arc<Mutex<Vec<String>>>,
    events: UnboundedSender<Event>,
    outcomes: Receiver<(u64, Outcome)>,
    last: AtomicU64,
    _runtime: Runtime,
}

struct Event {
    number: u64,
    json: Bytes,
    time: Duration,
}

/// The Runtime API's side.
struct Api {
    events: AsyncMutex<UnboundedReceiver<Event>>,
    outcomes: Mutex<Sender<(u64, Outcome)>>,
}

impl Function {
    /// With these variables, and those that Lambda sets.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let (events, to_hand_out) = unbounded_channel();
        let (taken, outcomes) = channel();
        let api = Arc::new(Api { events: AsyncMutex::new(to_hand_out), outcomes: Mutex::new(taken) });
        let address = serve(&runtime, api);
        let folder = tempfile::tempdir().unwrap();
        let of_lambda = [
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "thumbgate"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("ALLOW_ANONYMOUS", "true"),
        ];
        let mut command = command(folder.path(), &[&of_lambda[..], variables].concat());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let log = lines_of(child.stderr.take().unwrap());
        let figures = lines_of(child.stdout.take().unwrap());
        Self { _folder: folder, child, log, figures, events, outcomes, last: AtomicU64::new(0), _runtime: runtime }
    }

    /// Sends an event and waits for what comes of it. The function must not end, and must not be late.
    pub fn invoke(&self, event: &Value) -> Outcome {
        self.invoke_raw(event.to_string().into_bytes(), TIME)
    }

    /// The same with any bytes, and a time of its own.
    pub fn invoke_raw(&self, json: Vec<u8>, time: Duration) -> Outcome {
        assert!(json.len() <= MOST_BYTES, "no event is as large as {} bytes", json.len());
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.events.send(Event { number, json: json.into(), time }).unwrap();
        match self.outcomes.recv_timeout(time) {
            Ok((of, outcome)) => {
                assert_eq!(of, number, "the answer is to another event");
                outcome
            }
            Err(error) => panic!("no answer in time: {error}; the log: {}", self.log.lock().unwrap().join("\n")),
        }
    }

    /// Why it can't start.
    pub fn init_error(&self) -> Value {
        match self.outcomes.recv_timeout(TIME) {
            Ok((INIT, Err(error))) => error,
            other => panic!("the function started: {other:?}"),
        }
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

    /// The lines of figures so far.
    pub fn figures(&self) -> Vec<Value> {
        self.figures.lock().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gathers lines as they come.
fn lines_of(output: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&lines);
    let output = BufReader::new(output).lines();
    thread::spawn(move || output.map_while(Result::ok).for_each(|line| writer.lock().unwrap().push(line)));
    lines
}

fn serve(runtime: &Runtime, api: Arc<Api>) -> String {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{number}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{number}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(api);
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let limits = Limits { connections: 100, connections_per_client: 100, proxies: Vec::new() };
        serve_on(limits, listener, router, std::future::pending()).await
    });
    address
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + event.time;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", event.number.to_string()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:thumbgate".into()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".into()),
    ];
    (headers, event.json).into_response()
}

async fn response(State(api): State<Arc<Api>>, Path(number): Path<u64>, body: Body) -> StatusCode {
    let Ok(json) = to_bytes(body, MOST_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE };
    let answer = serde_json::from_slice(&json).unwrap();
    api.outcomes.lock().unwrap().send((number, Ok(answer))).unwrap();
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Arc<Api>>, Path(number): Path<u64>, json: Bytes) -> StatusCode {
    let error = serde_json::from_slice(&json).unwrap();
    api.outcomes.lock().unwrap().send((number, Err(error))).unwrap();
    StatusCode::ACCEPTED
}

async fn init_error(State(api): State<Arc<Api>>, json: Bytes) -> StatusCode {
    let error = serde_json::from_slice(&json).unwrap();
    api.outcomes.lock().unwrap().send((INIT, Err(error))).unwrap();
    StatusCode::ACCEPTED
}
