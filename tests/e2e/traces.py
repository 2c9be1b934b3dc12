#!/usr/bin/env python3
"""Traces as a collector gets them: OTLP over HTTP, read by OpenTelemetry's own message definitions.

The program under test is built with the feature `otel`.
"""

from __future__ import annotations

import contextlib
import http.server
import sys
import threading
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

import seaweedfs
from harness import JPEG, Service, contains, equal, until
from s3 import Buckets

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(http.server.ThreadingHTTPServer):
    """Takes what an OpenTelemetry collector takes, and keeps it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.requests: list[ExportTraceServiceRequest] = []
        self.complaints: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list:
        scopes = (scope for request in self.requests for resource in request.resource_spans for scope in resource.scope_spans)
        return [span for scope in scopes for span in scope.spans]

    def named(self, name: str) -> list:
        return [span for span in self.spans() if span.name == name]


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if (self.path, self.headers["Content-Type"]) != ("/v1/traces", "application/x-protobuf"):
            self.server.complaints.append(f"{self.path} {self.headers['Content-Type']}")
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_) -> None:
        pass


@contextlib.contextmanager
def collector():
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def attributes(span) -> dict:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


def an_upload_is_one_trace_down_to_the_store() -> None:
    with collector() as received, Service.started(
        **Buckets().settings(OTEL_EXPORTER_OTLP_ENDPOINT=received.endpoint)
    ) as service:
        answer = service.curl(
            "--header", f"traceparent: 00-{TRACE}-{PARENT}-01", "--form", f"file=@{JPEG}", f"{service.url}/uploads",
        ).expect(201)
        until(lambda: received.named("request") and len(received.named("S3.PutObject")) == 2, 20, "the upload's spans")
        (request,) = [span for span in received.named("request") if span.trace_id.hex() == TRACE]
        equal(request.parent_span_id.hex(), PARENT, "the sender's span is the parent")
        told = attributes(request)
        equal(told["request_id"], answer.headers["x-request-id"], "the request's id")
        equal(
            (told["http.request.method"], told["http.route"], told["http.response.status_code"]),
            ("POST", "/uploads", 201), "what was asked and answered",
        )
        ((decode,), (store,)) = received.named("decode"), received.named("store")
        equal((decode.parent_span_id, store.parent_span_id), (request.span_id,) * 2, "phases are parts of the request")
        puts = received.named("S3.PutObject")
        equal({put.parent_span_id for put in puts}, {store.span_id}, "what the SDK does is part of the storing")
        equal({span.trace_id.hex() for span in (request, decode, store, *puts)}, {TRACE}, "all are one trace")
        assert all(span.start_time_unix_nano < span.end_time_unix_nano for span in puts), "a put takes time"
        resource = {pair.key: pair.value.string_value for pair in received.requests[0].resource_spans[0].resource.attributes}
        equal(resource["service.name"], "thumbgate", "the service's name")
        contains(resource["service.version"], "features: otel", "its version")
        equal(received.complaints, [], "every request is as OTLP over HTTP wants it")


def a_request_without_a_trace_begins_one() -> None:
    with collector() as received, Service.started(
        OTEL_EXPORTER_OTLP_ENDPOINT=received.endpoint, OTEL_SERVICE_NAME="shop-uploads",
    ) as service:
        service.request("GET", "/limits").expect(200)
        service.request("GET", "/nothing", headers={"traceparent": "00-nonsense-01"}).expect(404)
        service.signal()
        equal(service.exit_status(30), 0, "the end of the server")
        spans = received.named("request")
        equal(sorted(attributes(span)["http.route"] for span in spans), ["/limits", "other"], "both are sent before it ends")
        equal([span.parent_span_id for span in spans], [b"", b""], "neither has a parent")
        assert len({span.trace_id for span in spans}) == 2, "each is a trace of its own"
        name = received.requests[0].resource_spans[0].resource.attributes
        assert any(pair.key == "service.name" and pair.value.string_value == "shop-uploads" for pair in name), name


def a_collector_that_is_away_costs_no_upload() -> None:
    with Service.started(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as service:
        begun = time.monotonic()
        for number in range(20):
            service.upload(f"{number}.jpg", JPEG.read_bytes()).expect(201)
        assert time.monotonic() - begun < 10, "uploads do not wait for it"


CHECKS = [
    an_upload_is_one_trace_down_to_the_store,
    a_request_without_a_trace_begins_one,
    a_collector_that_is_away_costs_no_upload,
]


if __name__ == "__main__":
    sys.exit(seaweedfs.run_checks_on_store("traces", CHECKS))
