"""Runs both functions under the same Runtime API and S3, in turns, and writes the table: `compare.py TOOLS`."""

import base64
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import geometric_mean, median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import seaweedfs  # noqa: E402: it lies among the tests
from runtime_api import RuntimeApi  # noqa: E402

tools = Path(sys.argv[1])
photos = ROOT / "bench" / "core" / ".tools" / "photos"
STARTS, WARM = int(os.environ.get("STARTS", "15")), int(os.environ.get("WARM", "10"))
# What phones take: 8 to 20 megapixels. These have 15.
PHOTOS = ["Flow", "Honeywave", "SafeLanding", "Shell", "Volna"]
KINDS = ["baseline", "progressive"]
FIRST = "Flow-baseline.jpg"
COMMANDS = {
    "thumbgate": [os.environ["BOOTSTRAP"]],
    "Python": [str(tools / "venv/bin/python"), "-m", "awslambdaric", "handler.handler"],
}


class Function:
    """One instance, from its exec on."""

    def __init__(self, name, store):
        self.api = RuntimeApi()
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(HERE),
            "AWS_LAMBDA_RUNTIME_API": self.api.address, "AWS_LAMBDA_FUNCTION_NAME": "thumbnails",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": store.endpoint,
            "AWS_ACCESS_KEY_ID": seaweedfs.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": seaweedfs.SECRET_KEY,
            "S3_FORCE_PATH_STYLE": "true", "ALLOW_ANONYMOUS": "true",
            "UPLOAD_BUCKET": "uploads", "THUMBNAIL_BUCKET": "thumbnails",
        }
        begun = time.monotonic()
        self.process = subprocess.Popen(
            COMMANDS[name], env=environment, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert self.api.first_next.wait(30), f"{name} asked for no event"
        self.start_ms = (self.api.first_next_at - begun) * 1000

    def cpu_ms(self):
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def peak_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

    def event(self, key):
        """Wall and CPU milliseconds of one event."""
        record = {
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "uploads"}, "object": {"key": key, "size": 1}},
        }
        cpu, begun = self.cpu_ms(), time.monotonic()
        self.api.invoke({"Records": [record]})
        return (time.monotonic() - begun) * 1000, self.cpu_ms() - cpu

    def end(self):
        self.process.kill()
        self.process.wait()
        self.api.shutdown()


def measure(name, store, client):
    """Starts, the first event, warm events of each photograph, and the peak of an instance that had them all."""
    starts, firsts = [], []
    for number in range(STARTS):
        function = Function(name, store)
        starts.append(function.start_ms)
        firsts.append(function.event(f"{name}/first-{number}.jpg")[0])
        function.end()
    function = Function(name, store)
    function.event(f"{name}/first-0.jpg")
    warm = {}
    for photo in [f"{photo}-{kind}.jpg" for kind in KINDS for photo in PHOTOS]:
        times = []
        for number in range(WARM):
            key = f"{name}/{number}-{photo}"
            client.put_object(Bucket="uploads", Key=key, Body=(photos / photo).read_bytes())
            times.append(function.event(key)[1])
        warm[photo] = median(times)
    peak = function.peak_mib()
    function.end()
    return median(starts), median(firsts), warm, peak


def through_the_gateway(function, name, content):
    """An upload as an HTTP API hands it over."""
    answer = function.api.invoke({
        "version": "2.0", "rawPath": f"/uploads/{name}", "rawQueryString": "",
        "headers": {"content-type": "application/octet-stream"}, "isBase64Encoded": True,
        "body": base64.b64encode(content).decode(),
        "requestContext": {
            "domainName": "abc.execute-api.us-east-1.amazonaws.com", "stage": "$default",
            "http": {"method": "PUT", "path": f"/uploads/{name}"},
        },
    })
    assert answer["statusCode"] == 201, answer
    return function.peak_mib()


def large(store, client):
    """Peak memory of a fresh instance for each of the largest pictures."""
    rows = []
    for title, name, is_event in [
        ("24 MP JPEG through the API", "24mp.jpg", False),
        ("24 MP PNG through the API", "24mp.png", False),
        ("100 MP JPEG by an event", "100mp.jpg", True),
    ]:
        content = (tools / name).read_bytes()
        function = Function("thumbgate", store)
        if is_event:
            client.put_object(Bucket="uploads", Key=name, Body=content)
            function.event(name)
            client.head_object(Bucket="thumbnails", Key=name.replace(".", "-thumbnail."))
            peak = function.peak_mib()
        else:
            peak = through_the_gateway(function, name, content)
        function.end()
        rows.append((title, len(content), peak))
    return rows


def main():
    with seaweedfs.SeaweedFS.started() as store:
        client = store.client()
        for bucket in ["uploads", "thumbnails"]:
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for name in COMMANDS:
            for number in range(STARTS):
                body = (photos / FIRST).read_bytes()
                client.put_object(Bucket="uploads", Key=f"{name}/first-{number}.jpg", Body=body)
        found = {name: measure(name, store, client) for name in COMMANDS}
        report(found, large(store, client))


def report(found, larges):
    ours, theirs = found["thumbgate"], found["Python"]
    print("# A function on S3's events, beside the usual one in Python\n")
    print("Both under the same Runtime API and S3 on one machine; medians. Python is boto3 and Pillow under awslambdaric.")
    print("The program is built as it is deployed. Written by `bench/lambda/run`.\n")
    print("| | thumbgate | Python | times |\n|---|---|---|---|")
    row("from exec to the first event's request, ms", ours[0], theirs[0])
    row("first event (15 MP photograph), ms", ours[1], theirs[1])
    for kind in KINDS:
        of_kind = [f"{photo}-{kind}.jpg" for photo in PHOTOS]
        for photo in of_kind:
            row(f"warm event, {photo}, ms of CPU", ours[2][photo], theirs[2][photo])
        means = [geometric_mean(warm[photo] for photo in of_kind) for warm in (ours[2], theirs[2])]
        row(f"warm event, geometric mean, {kind}, ms of CPU", *means)
    means = [geometric_mean(warm.values()) for warm in (ours[2], theirs[2])]
    row("warm event, geometric mean of all, ms of CPU", *means)
    row("peak memory, MiB", ours[3], theirs[3])
    print("\n| the largest pictures, a fresh function each | bytes | peak memory, MiB |\n|---|---|---|")
    for title, size, peak in larges:
        print(f"| {title} | {size} | {peak:.1f} |")
    print(f"\nThe zipped program has {os.path.getsize(os.environ['ZIP'])} bytes.")


def row(title, mine, other):
    print(f"| {title} | {mine:.1f} | {other:.1f} | **{other / mine:.1f}** |")


main()
