#!/usr/bin/env python3
"""Runs a command with two new buckets on the S3 server that TEST_S3_* name, which pages of any origin may PUT into.

The command finds the settings of a service on them in PAGE_S3_SETTINGS, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from s3 import Buckets  # noqa: E402: it lies in the folder above


def main(command: list[str]) -> int:
    buckets = Buckets()
    rule = {
        "AllowedOrigins": ["*"], "AllowedMethods": ["PUT"], "AllowedHeaders": ["content-type", "if-none-match"],
        "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 600,
    }
    buckets.client.put_bucket_cors(Bucket=buckets.uploads, CORSConfiguration={"CORSRules": [rule]})
    environment = os.environ | {"PAGE_S3_SETTINGS": json.dumps(buckets.settings())}
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
