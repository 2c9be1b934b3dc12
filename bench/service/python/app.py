"""The same job as thumbgate's `POST /uploads`, as it is usually written: FastAPI, Pillow and boto3."""

import io
import json
import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

import boto3
from botocore.config import Config
from fastapi import FastAPI, HTTPException, UploadFile
from PIL import Image, ImageOps, UnidentifiedImageError

UPLOAD_BUCKET, THUMBNAIL_BUCKET = os.environ["UPLOAD_BUCKET"], os.environ["THUMBNAIL_BUCKET"]
TYPES = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG"}
Image.MAX_IMAGE_PIXELS = 100_000_000

logging.basicConfig(level=logging.WARNING, format="%(message)s")
log = logging.getLogger("uploads")
log.setLevel(logging.INFO)
# Requests run in Starlette's forty threads: a connection for both puts of each.
s3 = boto3.client("s3", config=Config(max_pool_connections=80, s3={"addressing_style": "path"}))
puts = ThreadPoolExecutor(max_workers=40)
# There is a process for each core: more pictures decoded at once would take memory and give nothing.
decodes = BoundedSemaphore(2)
app = FastAPI()


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.post("/uploads", status_code=201)
def upload(file: UploadFile):
    """Not `async`, so that it runs in a thread: Pillow and boto3 block, and Pillow lets go of the lock meanwhile."""
    key, thumbnail_key, extension = keys_of(file.filename or "")
    if extension not in TYPES:
        raise HTTPException(415, "neither JPEG nor PNG")
    original = file.file.read()
    try:
        with decodes:
            small, size = thumbnail(original, TYPES[extension])
    except (UnidentifiedImageError, OSError) as error:
        raise HTTPException(422, "a damaged picture") from error
    content_type = Image.MIME[TYPES[extension]]
    putting = puts.submit(put, UPLOAD_BUCKET, key, content_type, original)
    made = put(THUMBNAIL_BUCKET, thumbnail_key, content_type, small) | {"width": size[0], "height": size[1]}
    stored = putting.result()
    log.info(json.dumps({"message": "stored", "key": key, "bytes": len(original), "thumbnail_key": thumbnail_key}))
    return {"upload": stored, "thumbnail": made}


def thumbnail(original, kind):
    """Of a JPEG only 1/8, 1/4 or 1/2 is decoded, which `thumbnail` asks for by itself; then few pixels are turned."""
    picture = Image.open(io.BytesIO(original), formats=["JPEG", "PNG"])
    picture.thumbnail((150, 150))
    ImageOps.exif_transpose(picture, in_place=True)
    out = io.BytesIO()
    picture.save(out, kind, **({"quality": 80} if kind == "JPEG" else {}))
    return out.getvalue(), picture.size


def put(bucket, key, content_type, body):
    answer = s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
    version = answer.get("VersionId")
    return {"bucket": bucket, "key": key, "version_id": version, "content_type": content_type, "bytes": len(body)}


def keys_of(file_name):
    key = re.sub(r"[^\w!\-.*'()]+", "-", re.split(r"[/\\]", file_name)[-1])
    stem, dot, extension = key.rpartition(".")
    return key, f"{stem}-thumbnail{dot}{extension}", extension.lower()
