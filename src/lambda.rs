//! The Lambda role: the runtime's loop, and what each event is.
//!
//! Dispatch is on the raw payload. S3 notifications, also in SQS messages, go to [`crate::s3_event`]; all else
//! is taken as HTTP, from API Gateway (HTTP and REST APIs), a Function URL or a load balancer, and goes through
//! the same router as on a plain server.

mod batch;
mod init_error;
mod request;
mod response;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use lambda_http::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use tracing::error;

use crate::app::App;
use crate::config::Config;
use crate::http::{self, Limiter, Router, Web};
use crate::metrics::emf::Figures;
use crate::metrics::set_levels;
use crate::s3_event;
use crate::telemetry::Telemetry;
use batch::Message;
pub use init_error::tell_init_error;
use response::Answer;

/// What is kept of an invocation's time for undoing what is half-done, and for the answer itself.
const MARGIN: Duration = Duration::from_secs(2);
/// What is left where the runtime gives no deadline.
const LONGEST: Duration = Duration::from_secs(900);
/// A function is reached at a few addresses at most; whoever makes up more gets routers of their own.
const MOST_ROUTERS: usize = 16;

/// Any failure of the loop or of one event.
pub type Error = lambda_http::Error;

/// Serves events until the runtime ends the process.
///
/// # Errors
/// Where the runtime API cannot be reached.
pub async fn serve(config: Config, app: Arc<App>, figures: Figures, telemetry: Telemetry) -> Result<(), Error> {
    let telemetry = Arc::new(telemetry);
    let limiter = Limiter::new(&config);
    let function = Arc::new(Function { config, app, limiter, routers: Mutex::default() });
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let (function, telemetry) = (Arc::clone(&function), Arc::clone(&telemetry));
        async move {
            let deadline = deadline_of(event.context.deadline);
            let work = function.handle(&event.payload, deadline, &event.context.request_id);
            let done = AssertUnwindSafe(work).catch_unwind().await;
            set_levels(&function.app.levels());
            figures.write();
            telemetry.flush();
            done.unwrap_or_else(|_| Err("a panic; the log has it".into()))
        }
    });
    lambda_http::lambda_runtime::run(handler).await
}

/// What all invocations share.
struct Function {
    config: Config,
    app: Arc<App>,
    limiter: Option<Arc<Limiter>>,
    /// By the address that the function is reached at.
    routers: Mutex<HashMap<String, Router>>,
}

/// As much of an event as tells what it is.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "Records")]
    records: Option<Vec<Source>>,
    /// `s3:TestEvent` where notifications have just been set up.
    #[serde(rename = "Event")]
    event: Option<String>,
    #[serde(rename = "requestContext")]
    request_context: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "eventSource", alias = "EventSource", default)]
    event_source: String,
}

impl Function {
    async fn handle(&self, payload: &RawValue, deadline: Instant, request_id: &str) -> Result<Box<RawValue>, Error> {
        let shape: Shape = serde_json::from_str(payload.get()).map_err(|_| unknown())?;
        let is_of = |source: &str| {
            let records = shape.records.as_deref().unwrap_or_default();
            !records.is_empty() && records.iter().all(|record| record.event_source == source)
        };
        if shape.request_context.is_some() {
            return self.answer(payload, deadline, request_id).await;
        }
        if is_of("aws:sqs") {
            return Ok(serde_json::value::to_raw_value(&self.take_messages(payload, deadline).await?)?);
        }
        if is_of("aws:s3") || shape.event.as_deref() == Some("s3:TestEvent") {
            self.take_notification(payload.get().as_bytes(), deadline).await?;
            return Ok(RawValue::NULL.to_owned());
        }
        Err(unknown())
    }

    /// One notification, sent to the function directly: as a whole it succeeds or is sent again.
    async fn take_notification(&self, json: &[u8], deadline: Instant) -> Result<(), Error> {
        let notification = s3_event::read(json)?;
        match timeout_at(deadline - MARGIN, s3_event::handle(&self.app, &notification)).await {
            Ok(handled) => Ok(handled?),
            Err(_) => Err("the time is over before all records are dealt with".into()),
        }
    }

    /// Messages are independent of each other: only those that failed are sent again.
    async fn take_messages(&self, payload: &RawValue, deadline: Instant) -> Result<batch::Failures, Error> {
        let messages = batch::read(payload.get())?;
        let all = messages.iter().map(|message| async move {
            let taken = self.take_notification(message.body.as_bytes(), deadline).await;
            taken.err().map(|error| failed(message, &error))
        });
        let failures = futures_util::future::join_all(all).await;
        Ok(batch::Failures::of(failures.into_iter().flatten()))
    }

    async fn answer(&self, payload: &RawValue, deadline: Instant, request_id: &str) -> Result<Box<RawValue>, Error> {
        let request = match request::read(payload.get()) {
            Ok(request) => request,
            Err(unreadable) => return Ok(response::refusal(&unreadable.to_string(), request_id)?),
        };
        let gateway = request.gateway;
        let url = self.config.public_url.clone().unwrap_or_else(|| request.public_url.clone());
        let router = self.router_at(&url);
        let request = request.into_http(http::base_path(&url), deadline - MARGIN);
        let Ok(response) = router.oneshot(request).await;
        Ok(Answer::collect(response).await?.into_event(gateway)?)
    }

    /// Addresses in answers are the ones that the function is reached at, so each has a router of its own.
    fn router_at(&self, url: &str) -> Router {
        let mut routers = self.routers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(router) = routers.get(url) {
            return router.clone();
        }
        let router = http::router(Web::new(&self.config, url.to_owned(), Arc::clone(&self.app), self.limiter.clone()));
        if routers.len() < MOST_ROUTERS {
            routers.insert(url.to_owned(), router.clone());
        }
        router
    }
}

fn failed(message: &Message, error: &Error) -> String {
    error!(message_id = message.message_id, cause = %error, "a message is to be sent again");
    message.message_id.clone()
}

#[cold]
fn unknown() -> Error {
    "the event is neither HTTP (API Gateway, Function URL, load balancer) nor an S3 notification, alone or in SQS \
     messages"
        .into()
}

/// The context gives milliseconds since 1970; our timers have a clock of their own.
fn deadline_of(milliseconds: u64) -> Instant {
    Instant::now() + time_left(Duration::from_millis(milliseconds), SystemTime::now())
}

fn time_left(given: Duration, now: SystemTime) -> Duration {
    // `cargo lambda watch` tells how long there is, not until when.
    if given <= LONGEST {
        return given;
    }
    (SystemTime::UNIX_EPOCH + given).duration_since(now).unwrap_or_default().min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_is_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let table = [
            (1_800_000_030_000, 30, "half a minute"),
            (1_799_999_999_000, 0, "over"),
            (1_900_000_000_000, 900, "longer than there can be"),
            (u64::MAX, 900, "nonsense"),
            (600_000, 600, "as cargo-lambda tells it"),
        ];
        for (milliseconds, expected, reason) in table {
            assert_eq!(time_left(Duration::from_millis(milliseconds), now).as_secs(), expected, "{reason}");
        }
    }
}
