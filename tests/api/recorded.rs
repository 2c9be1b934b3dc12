//! Events as AWS's services wrote them, recorded by others (see their folder's README): whatever else stands in them,
//! they are understood.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::function::Function;
use super::gateways::Gateway;

/// The event's file, who sent it, and the outcome of it as it is.
const HTTP: [(&str, Gateway, &str); 15] = [
    ("alb_health_check", Gateway::LoadBalancer, "200"),
    ("alb_multi_value_request", Gateway::LoadBalancerMultiValue, "200"),
    ("alb_no_host", Gateway::LoadBalancer, "404 not-found"),
    ("alb_request", Gateway::LoadBalancer, "200"),
    ("apigw_multi_value_proxy_request", Gateway::RestApi, "404 not-found"),
    ("apigw_no_host", Gateway::RestApi, "404 not-found"),
    ("apigw_proxy_request", Gateway::RestApi, "404 not-found"),
    ("apigw_v2_proxy_request", Gateway::HttpApi, "404 not-found"),
    ("apigw_v2_proxy_request_with_stage_in_path", Gateway::HttpApi, "404 not-found"),
    ("apigw_v2_sam_local", Gateway::HttpApi, "404 not-found"),
    ("example-apigw-console-test-request", Gateway::RestApi, "404 not-found"),
    ("example-apigw-sam-rest-request", Gateway::RestApi, "404 not-found"),
    ("example-apigw-v2-request-iam", Gateway::HttpApi, "404 not-found"),
    ("example-apigw-v2-request-lambda-authorizer", Gateway::HttpApi, "404 not-found"),
    ("lambda_function_url_request", Gateway::FunctionUrl, "404 not-found"),
];

fn recorded(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events");
    serde_json::from_slice(&fs::read(folder.join(name).with_extension("json")).unwrap()).unwrap()
}

#[test]
fn requests_of_every_gateway_are_understood() {
    let function = Function::start(&[("STORE", "local")]);
    for (name, gateway, expected) in HTTP {
        let mut event = recorded(name);
        let answer = gateway.answer(&function.invoke(&event).unwrap());
        assert_eq!(answer.outcome(), expected, "{name}, as it is: {}", answer.text());
        ask_for_limits(&mut event);
        let answer = gateway.answer(&function.invoke(&event).unwrap());
        assert_eq!(answer.outcome(), "200", "{name}, as a question for /limits: {}", answer.text());
        assert_eq!(answer.json()["max_file_bytes"], 4_500_000, "{name}");
    }
}

/// What was asked for is not what we have: the path and the method are changed, and nothing else.
fn ask_for_limits(event: &mut Value) {
    let is_v2 = event["version"] == "2.0";
    let stage = event["requestContext"]["stage"].as_str().filter(|stage| is_v2 && *stage != "$default");
    let path = stage.map_or("/limits".to_owned(), |stage| format!("/{stage}/limits"));
    if is_v2 {
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["method"] = json!("GET");
    } else {
        event["path"] = json!(path);
        event["httpMethod"] = json!("GET");
    }
}

#[test]
fn events_of_others_buckets_and_queues_are_told_apart() {
    let function = Function::start(&[("STORE", "local")]);
    assert_eq!(function.invoke(&recorded("example-s3-event")), Ok(Value::Null), "of a bucket that is not ours");
    let answer = function.invoke(&recorded("example-sqs-event")).unwrap();
    let failed = json!({"batchItemFailures": [{"itemIdentifier": "MessageID_1"}]});
    assert_eq!(answer, failed, "a message that is no notification goes to the dead letters");
}
