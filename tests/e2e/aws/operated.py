"""The commands of docs/operate.md, on the stack in an AWS on this machine."""

from __future__ import annotations

import re
import shlex

from botocore.exceptions import ClientError

from cloud import Cloud, Stack
from harness import JPEG, REPOSITORY, contains, equal, sha256, until, with_comment

KEY, THUMBNAIL_KEY = "x/photo.jpg", "x/photo-thumbnail.jpg"


def blocks(title: str) -> list[str]:
    """The blocks of commands in one section, continued lines joined."""
    page = (REPOSITORY / "docs" / "operate.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    # The first version of the CLI looks for SQS at AWS, whatever AWS_ENDPOINT_URL says.
    section = section.replace("\\\n", " ").replace("aws sqs ", 'aws --endpoint-url "$AWS_ENDPOINT_URL" sqs ')
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def aws_lines(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.startswith("aws ")]


def is_restored(cloud: Cloud, stack: Stack) -> None:
    """An earlier version that was replaced, then the file once it was deleted."""
    older, newer = JPEG.read_bytes(), with_comment(JPEG.read_bytes(), "newer")
    version = stack.put(KEY, older)
    until(lambda: is_thumbnail_of(stack, older), 30, "a thumbnail of the first version")
    stack.put(KEY, newer)
    until(lambda: is_thumbnail_of(stack, newer), 30, "a thumbnail of the second")
    _, download, in_the_bucket, undelete = blocks("Restoring an earlier version")
    names = {"UPLOAD_BUCKET": stack.uploads, "VERSION": version}
    list_versions, get = aws_lines(download)
    contains(run(cloud, list_versions, **names), version, "the listed versions")
    run(cloud, f"{get.replace('/tmp/photo.jpg', 'restored.jpg')}", **names)
    equal((cloud.folder / "restored.jpg").read_bytes(), older, "what was downloaded")
    (copy,) = aws_lines(in_the_bucket)
    run(cloud, copy, **names)
    equal(stack.object(stack.uploads, KEY)["Body"], older, "the newest version once it was copied")
    until(lambda: is_thumbnail_of(stack, older), 30, "a thumbnail of what was restored")
    stack.client.delete_object(Bucket=stack.uploads, Key=KEY)
    list_markers, remove_marker = aws_lines(undelete)
    marker = run(cloud, list_markers, **names).strip()
    run(cloud, remove_marker, MARKER=marker, **names)
    equal(stack.object(stack.uploads, KEY)["Body"], older, "the file that was deleted")


def is_thumbnail_of(stack: Stack, original: bytes) -> bool:
    return stack.thumbnail(THUMBNAIL_KEY)["Metadata"]["source-sha256"] == sha256(original)


def dead_letters_are_counted_and_thrown_away(cloud: Cloud, stack: Stack) -> str:
    """Gives back what could not be tried: ministack moves no messages. The command line itself is checked."""
    look, send_back, throw_away = blocks("Dead letters")
    sqs, dead = cloud.client("sqs"), stack.outputs["DeadLettersUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody='{"Records":[]}')
    seen = cloud.sh(look)
    contains(seen, '"ApproximateNumberOfMessages": "1"', "the count")
    contains(seen, '{"Records":[]}', "the message")
    names = look.split("# how many", 1)[0]
    for line in aws_lines(send_back):
        cloud.sh(f"{names}\n{line} --generate-cli-skeleton output")
    cloud.sh(f"{names}\n{throw_away}")
    counted = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    equal(counted["ApproximateNumberOfMessages"], "0", "what is left")
    try:
        sqs.list_message_move_tasks(SourceArn="arn:aws:sqs:us-east-1:000000000000:any")
    except ClientError as error:
        return f"aws sqs start-message-move-task ({error.response['Error']['Code']})"
    return ""


def run(cloud: Cloud, command: str, **variables: str) -> str:
    given = "\n".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return cloud.sh(f"{given}\n{command}")
