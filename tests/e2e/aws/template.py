#!/usr/bin/env python3
"""What infra/template.yaml has to say: also where the AWS on this machine does not listen."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cfnlint.decode.cfn_yaml import load  # noqa: E402

from harness import REPOSITORY, contains, equal, run_checks  # noqa: E402

TEMPLATE = REPOSITORY / "infra" / "template.yaml"
RESOURCES = load(str(TEMPLATE))["Resources"]
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
    metrics = sorted(part["Properties"]["MetricName"] for part in RESOURCES.values() if part["Type"] == "AWS::CloudWatch::Alarm")
    equal(metrics, ["5xx", "ApproximateNumberOfMessagesVisible", "Errors", "Throttles"], "alarms")
    contains(str(load(str(TEMPLATE))["Outputs"]["Curl"]), "curl -F file=@image1.jpg", "a line of curl")


def keys_go_to_the_function_and_are_not_shown() -> None:
    template = load(str(TEMPLATE))
    equal(template["Parameters"]["ApiKeys"]["NoEcho"], True, "that keys are not shown")
    variables = properties("Function")["Environment"]["Variables"]
    equal(variables["API_KEYS"], {"Fn::If": ["HasKeys", {"Ref": "ApiKeys"}, {"Ref": "AWS::NoValue"}]}, "API_KEYS")
    equal(variables["ALLOW_ANONYMOUS"], {"Fn::If": ["HasKeys", "false", "true"]}, "ALLOW_ANONYMOUS")
    equal(sorted(template["Rules"]), ["KeysAreGiven", "KeysAreUsed", "PagesWithKeysAreNamed"], "what is refused")


CHECKS = [
    buckets_keep_versions_and_nothing_in_them_is_public,
    what_is_left_over_goes_by_itself,
    pages_may_follow_links,
    the_buckets_events_come_by_a_queue_without_a_cycle,
    the_function_is_as_small_as_it_was_measured,
    the_role_may_do_what_is_used_and_no_more,
    the_api_throttles_logs_and_leaves_cors_to_the_function,
    keys_go_to_the_function_and_are_not_shown,
]

if __name__ == "__main__":
    sys.exit(run_checks("template", CHECKS))
