"""The usual function: Pillow and boto3 on S3's events, as the lab has it, with its known mistakes mended."""

import io
import os
import urllib.parse

import boto3
from PIL import Image

s3 = boto3.client("s3")


def handler(event, _context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        stem, extension = os.path.splitext(key)
        if extension.lower() not in (".jpg", ".jpeg", ".png"):
            print(f"invalid file type uploaded: {key}")
            continue
        original = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        image = Image.open(io.BytesIO(original))
        kind = image.format
        image.thumbnail((150, 150))
        out = io.BytesIO()
        image.save(out, kind, quality=80)
        s3.put_object(
            Bucket=os.environ["THUMBNAIL_BUCKET"], Key=f"{stem}-thumbnail{extension}", Body=out.getvalue(),
            ContentType=f"image/{kind.lower()}",
        )
        print(f"thumbnail created: {key}, {len(original)} bytes")
