"""An AWS account on this machine (ministack), and the stack of infra/template.yaml in it."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness import PROGRAM, REPOSITORY, Answer, bare_environment, curl, request, until
from seaweedfs import free_ports

REGION = "us-east-1"
MINISTACK = Path(__file__).resolve().with_name("ministack_mended.py")
CODE_BUCKET = "where-the-code-goes"
STACK = "thumbgate"


class Cloud:
    """ministack, with a folder that looks like the repository after `cargo lambda build`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="thumbgate-aws-"))
        self.port = free_ports(1)[0]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.requests = self.folder / "requests-of-the-function"
        shutil.copytree(REPOSITORY / "infra", self.folder / "infra")
        bootstrap = self.folder / "target" / "lambda" / "thumbgate" / "bootstrap"
        bootstrap.parent.mkdir(parents=True)
        shutil.copy(PROGRAM, bootstrap)
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, MINISTACK], cwd=self.folder, env=self._server_environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    @classmethod
    @contextlib.contextmanager
    def started(cls):
        cloud = cls()
        try:
            until(cloud._is_there, 60, "ministack can be used")
            cloud.client("s3").create_bucket(Bucket=CODE_BUCKET)
            yield cloud
        except BaseException:
            print(f"ministack's log ends with:\n{cloud.log_end()}", flush=True)
            raise
        finally:
            cloud.process.kill()
            cloud.process.wait()
            shutil.rmtree(cloud.folder, ignore_errors=True)

    def client(self, service: str):
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, signature_version="s3v4")
        return boto3.client(
            service, endpoint_url=self.endpoint, aws_access_key_id="test", aws_secret_access_key="test",
            region_name=REGION, config=config if service == "s3" else None,
        )

    def sh(self, commands: str) -> str:
        """Commands as a person would type them, with the `aws` of our requirements."""
        environment = bare_environment(self.folder) | {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_PAGER": "", "CODE_BUCKET": CODE_BUCKET,
        }
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands], cwd=self.folder, env=environment, text=True,
            capture_output=True, check=False, timeout=120,
        )
        assert done.returncode == 0, f"{commands}\nfailed:\n{done.stdout}{done.stderr}\n{self.log_end()}"
        return done.stdout

    def deploy(self, stack: str, **parameters: str) -> "Stack":
        """The same program once more, by the template that the first deployment has packaged."""
        overrides = shlex.join(f"{name}={value}" for name, value in parameters.items())
        self.sh(
            f"aws cloudformation deploy --template-file target/packaged.yaml --stack-name {stack} "
            f"--capabilities CAPABILITY_IAM --parameter-overrides {overrides}"
        )
        return Stack(self, stack)

    def function_requests(self) -> list[dict]:
        return [json.loads(line) for line in self.requests.read_text().splitlines()]

    def log_end(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def _is_there(self) -> bool:
        assert self.process.poll() is None, f"ministack ended: {self.log_end()}"
        with contextlib.suppress(BotoCoreError, ClientError):
            self.client("s3").list_buckets()
            return True
        return False

    def _server_environment(self) -> dict[str, str]:
        return bare_environment(self.folder) | {
            "AWS_DEFAULT_REGION": REGION, "AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "TMPDIR": str(self.folder),
            "AWS_ENDPOINT_URL": self.endpoint, "REQUESTS_OF_FUNCTION": str(self.requests),
        }


class Stack:
    """What was deployed under a name."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud, self.name, self.client = cloud, name, cloud.client("s3")
        (described,) = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        self.url = self.outputs["Url"]
        self.host = urllib.parse.urlsplit(self.url).hostname
        self.uploads, self.thumbnails = self.outputs["UploadBucketName"], self.outputs["ThumbnailBucketName"]

    def curl(self, *arguments: str) -> Answer:
        return curl(self.cloud.folder, "--resolve", f"{self.host}:{self.cloud.port}:127.0.0.1", *arguments)

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
        return request(self.cloud.endpoint, method, path, body, {"Host": self.host} | (headers or {}))

    def put(self, key: str, content: bytes, **more: str) -> str:
        """As any program that knows S3; gives the version back."""
        return self.client.put_object(Bucket=self.uploads, Key=key, Body=content, **more)["VersionId"]

    def object(self, bucket: str, key: str, version_id: str | None = None) -> dict:
        version = {"VersionId": version_id} if version_id else {}
        found = self.client.get_object(Bucket=bucket, Key=key, **version)
        return found | {"Body": found["Body"].read()}

    def thumbnail(self, key: str) -> dict:
        """Once it is there."""

        def look() -> dict | None:
            with contextlib.suppress(self.client.exceptions.NoSuchKey):
                return self.object(self.thumbnails, key)
            return None

        return until(look, 30, f"a thumbnail {key}; log:\n" + "\n".join(self.log_lines()[-20:]))

    def keys(self, bucket: str) -> list[str]:
        listed = self.client.list_object_versions(Bucket=bucket).get("Versions", [])
        return sorted(version["Key"] for version in listed)

    def tags(self, key: str) -> dict[str, str]:
        tags = self.client.get_object_tagging(Bucket=self.uploads, Key=key)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in tags}

    def log_lines(self) -> list[str]:
        pages = self.cloud.client("logs").get_paginator("filter_log_events")
        events = pages.paginate(logGroupName=self.outputs["FunctionLogName"])
        return [event["message"] for page in events for event in page["events"]]

    def logged(self, **fields) -> list[dict]:
        lines = [json.loads(line) for line in self.log_lines() if line.startswith("{")]
        return [line for line in lines if all(line.get(name) == value for name, value in fields.items())]

    def until_no_event_is_left(self) -> None:
        """Neither waiting in the queue nor being worked on."""
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        sqs = self.cloud.client("sqs")
        (queue,) = [url for url in sqs.list_queues()["QueueUrls"] if f"/{self.name}-EventQueue" in url]

        def is_empty() -> bool:
            attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=counts)["Attributes"]
            return all(attributes[count] == "0" for count in counts)

        until(is_empty, 60, "no event is left in the queue")


def commands_of_readme(title: str) -> list[str]:
    """The commands of one section of infra/README.md, continued lines joined."""
    section = (REPOSITORY / "infra" / "README.md").read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert blocks, f"infra/README.md has no commands under {title}"
    return [line for line in blocks[0].replace("\\\n", " ").splitlines() if line.strip()]
