#!/usr/bin/env python3
"""What infra/template.yaml has to say: also where the AWS on this machine does not listen."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "operate"))

from cfnlint.decode.cfn_yaml import load  # noqa: E402

from harness import REPOSITORY, contains, equal, run_checks  # noqa: E402
from metrics import table  # noqa: E402

TEMPLATE = REPOSITORY / "infra" / "template.yaml"
RESOURCES = load(str(TEMPLATE))["Resources"]
METRICS = table(REPOSITORY / "docs" / "metrics.md")
BUCKETS = ["UploadBucket", "ThumbnailBucket"]


def properties(name: str) -> dict:
    return RESOURCES[name]["Properties"]


def buckets_keep_versions_and_nothing_in_them_is_public() -> None:
    for name in BUCKETS:
        bucket = properties(name)
        equal(bucket["VersioningConfiguration"], {"Status": "Enabled"}, f"versioning of {name}")
        equal(set(bucket["PublicAccessBlockConfiguration"].values()), {True}, f"public access block of {name}")
        equal(len(bucket["PublicAccessBlockConfiguration"]), 4, f"public access block of {name}")
        equal(bucket["OwnershipControls"]["Rules"], [{"ObjectOwnership": "BucketOwnerEnforced"}], "ownership")
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        equal(rule["ServerSideEncryptionByDefault"], {"SSEAlgorithm": "AES256"}, "encryption")
        (statement,) = properties(f"{name}Policy")["PolicyDocument"]["Statement"]
        equal((statement["Effect"], statement["Principal"], statement["Action"]), ("Deny", "*", "s3:*"), "the policy")
        equal(statement["Condition"], {"Bool": {"aws:SecureTransport": "false"}}, "TLS only")


def what_is_left_over_goes_by_itself() -> None:
    for name in BUCKETS:
        rules = properties(name)["LifecycleConfiguration"]["Rules"]
        kinds = {kind for rule in rules for kind in rule} - {"Id", "Status"}
        wanted = {"NoncurrentVersionExpiration", "ExpiredObjectDeleteMarker", "AbortIncompleteMultipartUpload"}
        equal(kinds, wanted, f"lifecycle rules of {name}")
        equal({rule["Status"] for rule in rules}, {"Enabled"}, "their status")


def pages_may_follow_links() -> None:
    """A redirected fetch comes with the origin null, which only a star lets in."""
    for name in BUCKETS:
        rules = {tuple(rule["AllowedMethods"]): rule for rule in properties(name)["CorsConfiguration"]["CorsRules"]}
        equal(rules["GET", "HEAD"]["AllowedOrigins"], ["*"], f"who may read {name} by a link")
        if name == "UploadBucket":
            put = rules["PUT",]
            equal(put["AllowedHeaders"], ["content-type", "if-none-match"], "headers of presigned uploads")
            contains(str(put["AllowedOrigins"]), "CorsOrigins", "who may send them")
            assert "'*'" not in str(put["AllowedOrigins"]), put
        equal(len(rules), 2 if name == "UploadBucket" else 1, f"CORS rules of {name}")


def the_buckets_events_come_by_a_queue_without_a_cycle() -> None:
    equal(RESOURCES["UploadBucket"]["DependsOn"], "EventQueuePolicy", "what comes before the bucket")
    (notification,) = properties("UploadBucket")["NotificationConfiguration"]["QueueConfigurations"]
    equal(notification["Event"], "s3:ObjectCreated:*", "the event")
    (statement,) = properties("EventQueuePolicy")["PolicyDocument"]["Statement"]
    source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    equal(list(source), ["Fn::Sub"], "the source, as text")
    assert "Bucket" not in str(source), f"it refers to the bucket itself: {source}"
    queue, function = properties("EventQueue"), properties("Function")
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"], queue
    equal(queue["RedrivePolicy"]["deadLetterTargetArn"], {"Fn::GetAtt": ["DeadLetters", "Arn"]}, "dead letters")
    source = properties("EventSource")
    assert source["BatchSize"] <= 5, source
    equal(source["FunctionResponseTypes"], ["ReportBatchItemFailures"], "partial batch responses")
    anchors = re.findall(r"^\s*[^#'\"]*[:-] [&*]\w+.*$", TEMPLATE.read_text(), re.MULTILINE)
    equal(anchors, [], "anchors, which AWS does not read")


def the_function_is_as_small_as_it_was_measured() -> None:
    function = properties("Function")
    equal((function["Runtime"], function["Timeout"]), ("provided.al2023", 30), "the function")
    parameters = load(str(TEMPLATE))["Parameters"]
    equal(parameters["MemorySize"]["Default"], "256", "its memory")
    equal(sorted(parameters["Architecture"]["AllowedValues"]), ["arm64", "x86_64"], "its architectures")
    assert {"UPLOAD_BUCKET", "THUMBNAIL_BUCKET"} <= set(function["Environment"]["Variables"]), function
    equal("Default" in parameters["Access"], False, "a default for who may use it")


def the_role_may_do_what_is_used_and_no_more() -> None:
    (policy,) = properties("FunctionRole")["Policies"]
    equal("ManagedPolicyArns" in properties("FunctionRole"), False, "policies of others")
    actions = sorted(action for statement in policy["PolicyDocument"]["Statement"] for action in statement["Action"])
    equal(actions, sorted([
        "s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning",
        "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion",
        "s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:PutObjectTagging", "s3:PutObjectVersionTagging",
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
        "logs:CreateLogStream", "logs:PutLogEvents",
    ]), "what the role may do")
    resources = str([statement["Resource"] for statement in policy["PolicyDocument"]["Statement"]])
    assert "'*'" not in resources, resources


def the_api_throttles_logs_and_leaves_cors_to_the_function() -> None:
    equal("CorsConfiguration" in properties("HttpApi"), False, "CORS answers of the API's own")
    stage = properties("Stage")
    equal(stage["StageName"], "$default", "the stage")
    equal(sorted(stage["DefaultRouteSettings"]), ["ThrottlingBurstLimit", "ThrottlingRateLimit"], "throttling")
    equal(stage["AccessLogSettings"]["DestinationArn"], {"Fn::GetAtt": ["AccessLog", "Arn"]}, "access logs")
    for name in ("FunctionLog", "AccessLog"):
        equal(properties(name)["RetentionInDays"], {"Ref": "LogRetentionDays"}, f"how long {name} is kept")
    contains(str(load(str(TEMPLATE))["Outputs"]["Curl"]), "curl -F file=@image1.jpg", "a line of curl")


def keys_go_to_the_function_and_are_not_shown() -> None:
    template = load(str(TEMPLATE))
    equal(template["Parameters"]["ApiKeys"]["NoEcho"], True, "that keys are not shown")
    variables = properties("Function")["Environment"]["Variables"]
    equal(variables["API_KEYS"], {"Fn::If": ["HasKeys", {"Ref": "ApiKeys"}, {"Ref": "AWS::NoValue"}]}, "API_KEYS")
    equal(variables["ALLOW_ANONYMOUS"], {"Fn::If": ["HasKeys", "false", "true"]}, "ALLOW_ANONYMOUS")
    equal(sorted(template["Rules"]), ["KeysAreGiven", "KeysAreUsed", "PagesWithKeysAreNamed"], "what is refused")


def alarms() -> dict[str, dict]:
    return {name: part["Properties"] for name, part in RESOURCES.items() if part["Type"] == "AWS::CloudWatch::Alarm"}


def what_goes_wrong_rings() -> None:
    equal(sorted(alarm["MetricName"] for alarm in alarms().values()), [
        "5xx", "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "Duration", "Errors", "Throttles",
        "thumbgate_events_total", "thumbgate_orphans_left_total", "thumbgate_store_breaker_state",
    ], "alarms")
    for name, alarm in alarms().items():
        equal(list(alarm["AlarmActions"]), ["Fn::If"], f"whom {name} tells")
        equal(alarm["TreatMissingData"], "notBreaching", f"what {name} makes of a night without uploads")
        if alarm["Namespace"] == "thumbgate":
            dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm.get("Dimensions", [])}
            is_a_figure_of_ours(alarm["MetricName"], dimensions)


def is_a_figure_of_ours(name: str, dimensions: dict[str, str | None]) -> None:
    """By docs/metrics.md. CloudWatch knows a figure by all its dimensions: one that is left out finds nothing."""
    metric = METRICS[name]
    equal(sorted(dimensions), sorted(metric.labels), f"dimensions of {name}")
    for label, value in dimensions.items():
        assert value is None or value in metric.labels[label], f"{name}: {label}={value}"


def the_dashboard_shows_what_there_is() -> None:
    widgets = json.loads(re.sub(r"\$\{[^}]+\}", "x", dashboard_body()))["widgets"]
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        title = widget["properties"]["title"]
        cells = {(widget["x"] + x, widget["y"] + y) for x in range(widget["width"]) for y in range(widget["height"])}
        assert widget["x"] + widget["width"] <= 24 and not cells & taken, f"the place of {title}"
        taken |= cells
        for metric in widget["properties"].get("metrics", []):
            is_shown_rightly(metric)
    (rings,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    equal(len(rings), len(alarms()), "alarms shown")


def dashboard_body() -> str:
    return RESOURCES["OperationDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]


def is_shown_rightly(metric: list) -> None:
    """Ours alone: namespace, name, then each dimension's name and value; or a search for all values of some dimensions."""
    if isinstance(metric[0], dict):
        search = re.fullmatch(
            r"SEARCH\('\{thumbgate,([a-z,]+)\} MetricName=\"(\w+)\"', '(Sum|Maximum)', 300\)", metric[0]["expression"])
        assert search, metric[0]
        is_a_figure_of_ours(search[2], dict.fromkeys(search[1].split(",")))
    elif metric[0] == "thumbgate":
        texts = [part for part in metric[2:] if isinstance(part, str)]
        is_a_figure_of_ours(metric[1], dict(zip(texts[::2], texts[1::2])))


def the_dashboard_names_parts_of_the_template() -> None:
    parts = RESOURCES.keys() | {"AWS::Region", "AWS::StackName"}
    named = {name.split(".")[0] for name in re.findall(r"\$\{([^}]+)\}", dashboard_body())}
    equal(sorted(named - parts), [], "parts that there are not")
    equal({f"{name}.Arn" for name in alarms()} <= set(re.findall(r"\$\{(\w+\.Arn)\}", dashboard_body())), True, "alarms")


CHECKS = [
    buckets_keep_versions_and_nothing_in_them_is_public,
    what_is_left_over_goes_by_itself,
    pages_may_follow_links,
    the_buckets_events_come_by_a_queue_without_a_cycle,
    the_function_is_as_small_as_it_was_measured,
    the_role_may_do_what_is_used_and_no_more,
    the_api_throttles_logs_and_leaves_cors_to_the_function,
    keys_go_to_the_function_and_are_not_shown,
    what_goes_wrong_rings,
    the_dashboard_shows_what_there_is,
    the_dashboard_names_parts_of_the_template,
]

if __name__ == "__main__":
    sys.exit(run_checks("template", CHECKS))
