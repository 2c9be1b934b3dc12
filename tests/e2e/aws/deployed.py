#!/usr/bin/env python3
"""infra/template.yaml deployed as infra/README.md says, into an AWS on this machine (ministack), and used.

What ministack leaves out of the template is found out and printed as UNCHECKED; the template is deployed as it is.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import sys
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from botocore.exceptions import ClientError  # noqa: E402

import operated  # noqa: E402
from cloud import STACK, Cloud, Stack, commands_of_readme  # noqa: E402
from harness import (  # noqa: E402
    JPEG, PNG, TEXT, Answer, contains, equal, form, picture_size, request, run_checks, sha256, until, with_comment,
)
from s3 import is_stored_as_answered  # noqa: E402

cloud: Cloud
stack: Stack


def the_three_commands_of_readme_deploy_it() -> None:
    global stack
    build, package, deploy = commands_of_readme("Deploy")
    contains(build, "cargo lambda build --profile dist", "the first command")
    print("   in place of `cargo lambda build`: the release binary, as target/lambda/thumbgate/bootstrap", flush=True)
    contains(deploy, "Access=", "the choice in the third command")
    cloud.sh(package)
    cloud.sh(deploy.replace("Access=gateway", "Access=anonymous"))
    stack = Stack(cloud, STACK)
    contains(stack.outputs["Curl"], f"{stack.url}/uploads", "the line of curl among the outputs")


def the_parts_are_set_as_the_template_says() -> None:
    function = cloud.client("lambda").get_function_configuration(FunctionName=stack.outputs["FunctionName"])
    equal(
        [function[name] for name in ("Runtime", "Handler", "MemorySize", "Timeout", "Architectures")],
        ["provided.al2023", "bootstrap", 256, 30, ["arm64"]], "the function",
    )
    variables = function["Environment"]["Variables"]
    equal([variables["UPLOAD_BUCKET"], variables["THUMBNAIL_BUCKET"]], [stack.uploads, stack.thumbnails], "buckets")
    equal([name for name in ("API_KEYS", "CORS_ORIGINS") if name in variables], [], "variables that nobody asked for")
    (source,) = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    equal((source["BatchSize"], source["FunctionResponseTypes"]), (5, ["ReportBatchItemFailures"]), "the event source")
    for bucket in (stack.uploads, stack.thumbnails):
        equal(stack.client.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled", f"versioning of {bucket}")
        (statement,) = json.loads(stack.client.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        equal(statement["Effect"], "Deny", "the bucket policy's effect")
        equal(statement["Condition"], {"Bool": {"aws:SecureTransport": "false"}}, "the bucket policy's condition")
        equal(statement["Resource"], [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], "what it is about")
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    equal({group.get("retentionInDays") for group in groups}, {30}, "days that log groups keep lines")
    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    equal(sorted(alarm["MetricName"] for alarm in alarms if not alarm["MetricName"].startswith("thumbgate_")),
          ["5xx", "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "Duration", "Errors", "Throttles"],
          "what alarms watch")
    assert all(dimension["Value"] for alarm in alarms for dimension in alarm["Dimensions"]), alarms
    board = cloud.client("cloudwatch").get_dashboard(DashboardName=f"{STACK}-us-east-1")
    rings = json.loads(board["DashboardBody"])["widgets"][0]["properties"]["alarms"]
    equal(sorted(rings), sorted(alarm["AlarmArn"] for alarm in alarms), "alarms on the dashboard")


def what_ministack_leaves_out_is_said() -> None:
    """Asked for each: a newer ministack that applies one of them no longer gets its line."""
    bucket = stack.client, {"Bucket": stack.uploads}
    asked = {
        "CORS rules of buckets": (*bucket, "get_bucket_cors"),
        "lifecycle rules of buckets": (*bucket, "get_bucket_lifecycle_configuration"),
        "public access block of buckets": (*bucket, "get_public_access_block"),
    }
    left_out = []
    for name, (client, arguments, operation) in asked.items():
        try:
            getattr(client, operation)(**arguments)
        except ClientError:
            left_out.append(name)
    if "RedrivePolicy" not in queue_attributes():
        left_out.append("dead letters of the queue")
    left_out += ["Rules of parameters", "TLS-only policies", "AWS_IAM on routes", "throttling", "access logs"]
    unchecked(f"AWS: deployed, but not applied by ministack: {'; '.join(left_out)}")


def queue_attributes() -> dict[str, str]:
    sqs = cloud.client("sqs")
    (url,) = [url for url in sqs.list_queues()["QueueUrls"] if f"/{STACK}-EventQueue" in url]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    equal(attributes["VisibilityTimeout"], "180", "the queue's visibility timeout: six times the function's")
    return attributes


def a_form_is_answered_with_both_objects_and_its_event_makes_nothing_more() -> None:
    for file, thumbnail_key, size in ((JPEG, "image1-thumbnail.jpg", (150, 113)), (PNG, "image2-thumbnail.png", (113, 150))):
        answer = stack.curl("--form", f"file=@{file}", f"{stack.url}/uploads").expect(201)
        record = answer.json()
        equal(answer.headers["location"], f"/uploads/{file.name}", "Location")
        equal((record["upload"]["key"], record["thumbnail"]["key"]), (file.name, thumbnail_key), "the keys")
        is_stored_as_answered(stack, record, file.read_bytes(), size)
        equal(record["thumbnail"]["url"], f"https://{stack.host}/thumbnails/{thumbnail_key}", "thumbnail.url")
        fetched = stack.request("GET", f"/thumbnails/{thumbnail_key}").expect(200)
        equal(fetched.body, stack.object(stack.thumbnails, thumbnail_key)["Body"], "the thumbnail through the API")
        equal(gives(record["url"]), file.read_bytes(), "the original by its signed link")
    stack.until_no_event_is_left()
    equal(stack.keys(stack.thumbnails), ["image1-thumbnail.jpg", "image2-thumbnail.png"], "versions of thumbnails")
    equal(stack.keys(stack.uploads), ["image1.jpg", "image2.png"], "versions of originals")


def gives(url: str) -> bytes:
    parts = urllib.parse.urlsplit(url)
    return request(f"{parts.scheme}://{parts.netloc}", "GET", f"{parts.path}?{parts.query}").expect(200).body


def refusals_are_problems_and_store_nothing() -> None:
    before = [stack.keys(bucket) for bucket in (stack.uploads, stack.thumbnails)]
    stack.curl("--form", f"file=@{TEXT}", f"{stack.url}/uploads").expect_problem(415, "unsupported-extension")
    body, content_type = form([("broken.jpg", JPEG.read_bytes()[:4000])])
    stack.request("POST", "/uploads", body, {"Content-Type": content_type}).expect_problem(422, "corrupt-image")
    body, content_type = form([("large.jpg", larger_than_the_api_takes())])
    problem = stack.request("POST", "/uploads", body, {"Content-Type": content_type}).expect_problem(413, "payload-too-large")
    equal(problem["limit"], 4_500_000, "the limit")
    contains(problem["detail"], "/uploads/presigned", "the way that is pointed to")
    equal([stack.keys(bucket) for bucket in (stack.uploads, stack.thumbnails)], before, "what is stored")


def larger_than_the_api_takes() -> bytes:
    content = JPEG.read_bytes()
    while len(content) <= 5_000_000:
        content = with_comment(content, "x" * 65_000)
    return content


def the_labs_own_three_files_put_into_the_bucket() -> None:
    for file in (JPEG, PNG, TEXT):
        stack.put(f"lab/{file.name}", file.read_bytes())
    for file, key, size in ((JPEG, "lab/image1-thumbnail.jpg", (150, 113)), (PNG, "lab/image2-thumbnail.png", (113, 150))):
        is_thumbnail_of(f"lab/{file.name}", file.read_bytes(), key, size)
        (line,) = until(lambda k=key: stack.logged(message="thumbnail created", thumbnail_key=k), 10, "a line in the log")
        expected = {"level": "INFO", "key": f"lab/{file.name}", "bytes": file.stat().st_size}
        equal({name: line[name] for name in expected}, expected, "the line in the log")
    warned = {"level": "WARN", "message": "invalid file type uploaded", "file_name": "lab/file.txt"}
    equal(len(until(lambda: stack.logged(**warned), 10, "a WARN line")), 1, "WARN lines about file.txt")
    stack.until_no_event_is_left()
    lab = [key for key in stack.keys(stack.thumbnails) if key.startswith("lab/")]
    equal(lab, ["lab/image1-thumbnail.jpg", "lab/image2-thumbnail.png"], "thumbnails")


def is_thumbnail_of(key: str, content: bytes, thumbnail_key: str, size: tuple[int, int]) -> dict:
    """It is there, of the newest version of the original, which is left as it was."""
    thumbnail = stack.thumbnail(thumbnail_key)
    original = stack.object(stack.uploads, key)
    equal(original["Body"], content, "the original's bytes")
    equal(picture_size(thumbnail["Body"])[1:], size, "the thumbnail's size")
    equal(thumbnail["ContentType"], picture_size(content)[0], "the thumbnail's type")
    metadata = thumbnail["Metadata"]
    equal(metadata["source-sha256"], sha256(content), "source-sha256")
    equal(metadata["source-version-id"], original["VersionId"], "source-version-id")
    return thumbnail


def a_newer_version_gets_a_newer_thumbnail() -> None:
    newer = with_comment(JPEG.read_bytes(), "the newer")
    stack.put("twice.jpg", JPEG.read_bytes())
    older = stack.thumbnail("twice-thumbnail.jpg")
    version = stack.put("twice.jpg", newer)
    is_newer = lambda: stack.thumbnail("twice-thumbnail.jpg")["Metadata"]["source-version-id"] == version  # noqa: E731
    until(is_newer, 30, "a thumbnail of the newer version")
    is_thumbnail_of("twice.jpg", newer, "twice-thumbnail.jpg", (150, 113))
    kept = stack.object(stack.thumbnails, "twice-thumbnail.jpg", older["VersionId"])
    equal(kept["Body"], older["Body"], "the earlier thumbnail under its version")


def a_presigned_upload_of_any_size_gets_its_thumbnail() -> None:
    content = larger_than_the_api_takes()
    ask = {"filename": "my Photo.jpg", "content_type": "image/jpeg", "bytes": len(content)}
    permit = ask_for(ask).expect(201).json()
    equal((permit["method"], permit["key"], permit["thumbnail_key"]),
          ("PUT", "my-Photo.jpg", "my-Photo-thumbnail.jpg"), "what is permitted")
    equal([name for name in permit["headers"] if name.lower() in ("host", "content-length")], [], "headers browsers set")
    stack.request("GET", f"/thumbnails/{permit['thumbnail_key']}").expect_problem(404, "not-found")

    with paused_events():
        put_as_permitted(permit, content).expect(200)
        pending = stack.request("GET", f"/thumbnails/{permit['thumbnail_key']}")
        pending.expect_problem(404, "thumbnail-pending")
        assert pending.headers.get("retry-after"), f"it says when to ask again: {pending.headers}"
        equal(pending.headers["cache-control"], "no-store", "Cache-Control while it is pending")
    made = is_thumbnail_of(permit["key"], content, permit["thumbnail_key"], (150, 113))
    equal(stack.request("GET", f"/thumbnails/{permit['thumbnail_key']}").expect(200).body, made["Body"], "the thumbnail")

    too_large = ask | {"bytes": 33_554_433}
    equal(ask_for(too_large).expect_problem(413, "payload-too-large")["limit"], 33_554_432, "the limit")
    ask_for(ask | {"filename": "file.txt"}).expect_problem(415, "unsupported-extension")


def ask_for(upload: dict) -> Answer:
    return stack.request("POST", "/uploads/presigned", json.dumps(upload).encode(), {"Content-Type": "application/json"})


def put_as_permitted(permit: dict, content: bytes) -> Answer:
    parts = urllib.parse.urlsplit(permit["url"])
    origin, target = f"{parts.scheme}://{parts.netloc}", f"{parts.path}?{parts.query}"
    return request(origin, permit["method"], target, content, permit["headers"])


@contextlib.contextmanager
def paused_events():
    """So that what is pending stays so for long enough to be seen."""
    client = cloud.client("lambda")
    (source,) = client.list_event_source_mappings()["EventSourceMappings"]
    stack.until_no_event_is_left()
    client.update_event_source_mapping(UUID=source["UUID"], Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=source["UUID"], Enabled=True)


def a_picture_that_is_broken_is_tagged_with_the_reason() -> None:
    version = stack.put("broken.jpg", JPEG.read_bytes()[:4000])
    expected = {"thumbnail": "rejected", "thumbnail-code": "corrupt-image"}
    until(lambda: stack.tags("broken.jpg") == expected, 30, "the tags of a rejected picture")
    rejected = stack.request("GET", "/thumbnails/broken-thumbnail.jpg").expect_problem(404, "thumbnail-rejected")
    contains(json.dumps(rejected), "corrupt-image", "why")
    # The tags are there before the line is.
    (line,) = until(lambda: stack.logged(level="WARN", key="broken.jpg"), 30, "the WARN line")
    equal((line["code"], line["version_id"]), ("corrupt-image", version), "the WARN line")
    stack.until_no_event_is_left()
    equal([key for key in stack.keys(stack.thumbnails) if "broken" in key], [], "thumbnails of it")

    stack.put("broken.jpg", JPEG.read_bytes())
    is_thumbnail_of("broken.jpg", JPEG.read_bytes(), "broken-thumbnail.jpg", (150, 113))
    equal(stack.tags("broken.jpg"), {}, "the tags of the whole one that replaced it")


def keys_of_any_script_and_sign_find_their_thumbnails() -> None:
    names = ["a photo of us.jpg", "1+1=2.jpg", "100%.jpg", "50%20off+.jpg", "Füße/Größe ÄÖÜ.jpg", "写真 😀.jpg", "a%2Bb.jpg"]
    for name in names:
        stack.put(name, JPEG.read_bytes())
    for name in names:
        key = f"{name.removesuffix('.jpg')}-thumbnail.jpg"
        made = is_thumbnail_of(name, JPEG.read_bytes(), key, (150, 113))
        fetched = stack.request("GET", f"/thumbnails/{urllib.parse.quote(key)}").expect(200)
        equal(fetched.body, made["Body"], f"{key} through the API")


def operate_md_restores_versions() -> None:
    operated.is_restored(cloud, stack)


def operate_md_looks_after_dead_letters() -> None:
    untried = operated.dead_letters_are_counted_and_thrown_away(cloud, stack)
    if untried:
        unchecked(f"AWS: commands of docs/operate.md that ministack does not know: {untried}")


def the_role_allows_what_the_function_did() -> None:
    (role,) = [role["RoleName"] for role in cloud.client("iam").list_roles()["Roles"] if f"{STACK}-FunctionRole" in role["RoleName"]]
    policies = cloud.client("iam")
    (name,) = policies.list_role_policies(RoleName=role)["PolicyNames"]
    document = policies.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    statements = (json.loads(document) if isinstance(document, str) else document)["Statement"]
    done = {action_and_resource(line) for line in cloud.function_requests()}
    refused = [pair for pair in done if not any(allows(statement, *pair) for statement in statements)]
    equal(refused, [], "what the role would have refused on AWS")
    actions = sorted({action for action, _ in done})
    print(f"   the function needed {', '.join(actions)}", flush=True)
    expected = {"s3:GetObject", "s3:PutObject", "s3:GetBucketVersioning", "s3:PutObjectVersionTagging", "s3:GetObjectTagging"}
    equal(sorted(expected - set(actions)), [], "what it is known to need, but was not seen to do")
    stars = [action for statement in statements for action in listed(statement["Action"]) if "*" in action]
    equal(stars, [], "actions with a star")
    foreign = [
        resource for statement in statements for resource in listed(statement["Resource"])
        if resource.startswith("arn:aws:s3:::") and resource[13:].removesuffix("/*") not in (stack.uploads, stack.thumbnails)
    ]
    equal(foreign, [], "other buckets in the role")


def action_and_resource(line: dict) -> tuple[str, str]:
    bucket, _, key = line["path"].lstrip("/").partition("/")
    query = urllib.parse.parse_qs(line["query"], keep_blank_values=True)
    reads = line["method"] in ("GET", "HEAD")
    if not key:
        if "versioning" in query:
            return "s3:GetBucketVersioning", f"arn:aws:s3:::{bucket}"
        return ("s3:ListBucketVersions" if "versions" in query else "s3:ListBucket"), f"arn:aws:s3:::{bucket}"
    verb = "Get" if reads else {"PUT": "Put", "DELETE": "Delete"}[line["method"]]
    version = "Version" if "versionId" in query else ""
    tagging = "Tagging" if "tagging" in query else ""
    return f"s3:{verb}Object{version}{tagging}", f"arn:aws:s3:::{bucket}/{key}"


def allows(statement: dict, action: str, resource: str) -> bool:
    matches = any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
    return statement["Effect"] == "Allow" and action in listed(statement["Action"]) and matches


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def with_keys_nobody_gets_in_without_one() -> None:
    closed = cloud.deploy("closed", Access="keys", ApiKeys=f"shop:{sha256(b'the key')}", NamePrefix="closed")
    contains(closed.outputs["Curl"], "Authorization: Bearer", "the line of curl")
    body, content_type = form([("image1.jpg", JPEG.read_bytes())])
    sent = {"Content-Type": content_type}
    for more in ({}, {"X-Api-Key": "another key"}, {"Authorization": f"Bearer {sha256(b'the key')}"}):
        closed.request("POST", "/uploads", body, sent | more).expect_problem(401, "unauthorized")
    equal((closed.keys(closed.uploads), closed.keys(closed.thumbnails)), ([], []), "what is stored")
    record = closed.request("POST", "/uploads", body, sent | {"Authorization": "Bearer the key"}).expect(201).json()
    equal(gives(record["url"]), JPEG.read_bytes(), "the original by its signed link")
    equal(gives(record["thumbnail"]["url"]), closed.object(closed.thumbnails, "image1-thumbnail.jpg")["Body"], "the thumbnail")
    closed.request("GET", "/thumbnails/image1-thumbnail.jpg").expect_problem(401, "unauthorized")
    closed.request("GET", "/thumbnails/image1-thumbnail.jpg", None, {"X-Api-Key": "the key"}).expect(200)
    cloud.sh("infra/empty-buckets closed; aws cloudformation delete-stack --stack-name closed")


def behind_the_gateways_authorization_only_preflights_pass_unsigned() -> None:
    signed = cloud.deploy("signed", Access="gateway", NamePrefix="signed", CorsOrigins="https://www.example.com")
    api = cloud.client("apigatewayv2")
    (api_id,) = [entry["ApiId"] for entry in api.get_apis()["Items"] if entry["Name"] == "signed"]
    routes = {route["RouteKey"]: route["AuthorizationType"] for route in api.get_routes(ApiId=api_id)["Items"]}
    equal(routes, {"$default": "AWS_IAM", "OPTIONS /{proxy+}": "NONE"}, "who may use which route")
    contains(signed.outputs["Curl"], "--aws-sigv4", "the line of curl")
    function = cloud.client("lambda").get_function_configuration(FunctionName=signed.outputs["FunctionName"])
    variables = function["Environment"]["Variables"]
    equal((variables["ALLOW_ANONYMOUS"], variables["CORS_ORIGINS"]), ("true", "https://www.example.com"), "variables")
    cloud.sh("infra/empty-buckets signed; aws cloudformation delete-stack --stack-name signed")


def the_commands_of_readme_take_it_down() -> None:
    assert stack.keys(stack.uploads), "there is something to be deleted"
    for command in commands_of_readme("Tear down"):
        cloud.sh(command)
    stacks = cloud.client("cloudformation").describe_stacks
    try:
        (left,) = stacks(StackName=STACK)["Stacks"]
        equal(left["StackStatus"], "DELETE_COMPLETE", "the stack's status")
    except ClientError as error:
        contains(str(error), "does not exist", "what is said about the stack")
    buckets = [bucket["Name"] for bucket in stack.client.list_buckets()["Buckets"]]
    equal([name for name in buckets if name in (stack.uploads, stack.thumbnails)], [], "buckets that are left")


def unchecked(what: str) -> None:
    """Also at the end of tests/run."""
    print(f"UNCHECKED {what}", flush=True)
    if "scratch" in os.environ:
        with (Path(os.environ["scratch"]) / "unchecked").open("a", encoding="utf-8") as file:
            file.write(f"UNCHECKED {what}\n")


CHECKS = [
    the_three_commands_of_readme_deploy_it,
    the_parts_are_set_as_the_template_says,
    what_ministack_leaves_out_is_said,
    a_form_is_answered_with_both_objects_and_its_event_makes_nothing_more,
    refusals_are_problems_and_store_nothing,
    the_labs_own_three_files_put_into_the_bucket,
    a_newer_version_gets_a_newer_thumbnail,
    a_presigned_upload_of_any_size_gets_its_thumbnail,
    a_picture_that_is_broken_is_tagged_with_the_reason,
    keys_of_any_script_and_sign_find_their_thumbnails,
    operate_md_restores_versions,
    operate_md_looks_after_dead_letters,
    the_role_allows_what_the_function_did,
    with_keys_nobody_gets_in_without_one,
    behind_the_gateways_authorization_only_preflights_pass_unsigned,
    the_commands_of_readme_take_it_down,
]


def main() -> int:
    global cloud
    with Cloud.started() as cloud:
        return run_checks("aws", CHECKS)


if __name__ == "__main__":
    sys.exit(main())
