//! What stands in front of a function: each gateway makes an event of a request, in its own way, and HTTP of
//! the answer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::client::Answer;
use super::function::{Function, TIME};

/// Every service that can call a function for an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    HttpApi,
    HttpApiStage,
    RestApi,
    FunctionUrl,
    LoadBalancer,
    LoadBalancerMultiValue,
}

impl Gateway {
    pub const ALL: [Self; 6] = [
        Self::HttpApi,
        Self::HttpApiStage,
        Self::RestApi,
        Self::FunctionUrl,
        Self::LoadBalancer,
        Self::LoadBalancerMultiValue,
    ];

    /// Where the service is reached: what its answers must name.
    pub fn public_url(self) -> &'static str {
        match self {
            Self::HttpApi => "https://abc.execute-api.us-east-1.amazonaws.com",
            Self::HttpApiStage | Self::RestApi => "https://abc.execute-api.us-east-1.amazonaws.com/prod",
            Self::FunctionUrl => "https://abc.lambda-url.us-east-1.on.aws",
            Self::LoadBalancer | Self::LoadBalancerMultiValue => "",
        }
    }

    /// The event for a request.
    pub fn event(self, request: &Request) -> Value {
        match self {
            Self::HttpApi | Self::HttpApiStage | Self::FunctionUrl => self.v2(request),
            Self::RestApi => rest(request),
            Self::LoadBalancer => load_balancer(request, "headers", request.headers()),
            Self::LoadBalancerMultiValue => load_balancer(request, "multiValueHeaders", request.multi_value_headers()),
        }
    }

    /// Sends a request through this gateway.
    pub fn send(self, function: &Function, request: &Request) -> Answer {
        let outcome = function.invoke_raw(self.event(request).to_string().into_bytes(), TIME);
        self.answer(&outcome.unwrap_or_else(|error| panic!("{self:?}: {error} to {request:?}")))
    }

    /// What the client gets of an answer.
    pub fn answer(self, event: &Value) -> Answer {
        let status = u16::try_from(event["statusCode"].as_u64().unwrap_or_else(|| panic!("{event}"))).unwrap();
        let mut head = format!("HTTP/1.1 {status}");
        for (name, value) in headers_of(self, event) {
            head += &format!("\r\n{name}: {value}");
        }
        let body = event["body"].as_str().unwrap_or_default();
        // Pictures alone: base64 costs a third more, and whoever reads a log can't read it.
        let is_picture = !body.is_empty() && head.contains("\r\ncontent-type: image/");
        assert_eq!(event["isBase64Encoded"], is_picture, "{self:?}: {head}");
        let body = if event["isBase64Encoded"] == true { STANDARD.decode(body).unwrap() } else { body.into() };
        Answer { status, head, body }
    }

    /// HTTP APIs hand the path over decoded, with the stage in front; Function URLs as it was.
    fn v2(self, request: &Request) -> Value {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let decoded = || percent_decode_str(path).decode_utf8().unwrap().into_owned();
        let (domain, stage, path) = match self {
            Self::FunctionUrl => ("abc.lambda-url.us-east-1.on.aws", "$default", path.to_owned()),
            Self::HttpApiStage => ("abc.execute-api.us-east-1.amazonaws.com", "prod", format!("/prod{}", decoded())),
            _ => ("abc.execute-api.us-east-1.amazonaws.com", "$default", decoded()),
        };
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
            "headers": request.headers(), "isBase64Encoded": true, "body": STANDARD.encode(&request.body),
            "requestContext": {
                "accountId": "000000000000", "apiId": "abc", "domainName": domain, "domainPrefix": "abc",
                "http": {"method": request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                    "userAgent": "test"},
                "requestId": "id", "routeKey": "$default", "stage": stage,
                "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1_773_342_238_000_u64,
            },
        })
    }
}

/// A request, as a client sends it.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Request {
    fn headers(&self) -> Value {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in self.all_headers() {
            headers.entry(name).and_modify(|before| *before += &format!(", {value}")).or_insert(value);
        }
        json!(headers)
    }

    fn multi_value_headers(&self) -> Value {
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in self.all_headers() {
            headers.entry(name).or_default().push(value);
        }
        json!(headers)
    }

    fn all_headers(&self) -> impl Iterator<Item = (String, String)> {
        let length = (!self.body.is_empty()).then(|| ("content-length".into(), self.body.len().to_string()));
        let given = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        given.chain([("host".into(), "evil.example".into())]).chain(length)
    }
}

/// REST APIs hand the query over decoded.
fn rest(request: &Request) -> Value {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let query: BTreeMap<_, _> = pairs_of(query).map(|(name, value)| (decoded(name), vec![decoded(value)])).collect();
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": request.method,
        "headers": request.headers(), "multiValueHeaders": request.multi_value_headers(),
        "queryStringParameters": null, "multiValueQueryStringParameters": query,
        "pathParameters": {"proxy": path}, "stageVariables": null,
        "requestContext": {
            "resourcePath": "/{proxy+}", "httpMethod": request.method, "path": format!("/prod{path}"),
            "accountId": "000000000000", "protocol": "HTTP/1.1", "stage": "prod", "apiId": "abc",
            "domainName": "abc.execute-api.us-east-1.amazonaws.com", "domainPrefix": "abc", "requestId": "id",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "test"},
        },
        "body": STANDARD.encode(&request.body), "isBase64Encoded": true,
    })
}

fn pairs_of(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Load balancers leave the query encoded.
fn load_balancer(request: &Request, field: &str, headers: Value) -> Value {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let query: BTreeMap<_, _> = pairs_of(query).collect();
    let mut event = json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:0:targetgroup/a/b"}},
        "httpMethod": request.method, "path": path, "queryStringParameters": query,
        "body": STANDARD.encode(&request.body), "isBase64Encoded": true,
    });
    event[field] = headers;
    event
}

fn headers_of(gateway: Gateway, event: &Value) -> Vec<(String, String)> {
    let empty = Map::new();
    let single = event["headers"].as_object().unwrap_or(&empty);
    let multiple = event["multiValueHeaders"].as_object().unwrap_or(&empty);
    let of_single = single.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    let of_multiple = multiple.iter().flat_map(|(name, values)| {
        values.as_array().unwrap().iter().map(|value| (name.clone(), value.as_str().unwrap().to_owned()))
    });
    match gateway {
        Gateway::HttpApi | Gateway::HttpApiStage | Gateway::FunctionUrl | Gateway::LoadBalancer => of_single.collect(),
        Gateway::LoadBalancerMultiValue => of_multiple.collect(),
        Gateway::RestApi => of_single.chain(of_multiple).collect(),
    }
}
