// The same job as thumbgate's `POST /uploads`, as it is usually written: express, multer, sharp and the AWS SDK.
import express from "express";
import multer from "multer";
import sharp from "sharp";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

// As sharp's manual has it for servers: requests run beside each other already, so that each picture has one thread; and
// no two of them have operations in common, so that a cache would only hold memory.
sharp.concurrency(1);
sharp.cache(false);

const { UPLOAD_BUCKET, THUMBNAIL_BUCKET, PORT } = process.env;
const TYPES = { jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png" };

// Connections are kept by default; two for each upload under way.
const s3 = new S3Client({ forcePathStyle: true, requestHandler: { httpAgent: { keepAlive: true, maxSockets: 256 } } });
const form = multer({ storage: multer.memoryStorage(), limits: { files: 1, fileSize: 32 * 1024 * 1024 } });

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.get("/health", (_request, response) => response.json({ status: "ok" }));
app.post("/uploads", form.single("file"), async (request, response) => {
  if (!request.file) return response.status(400).json({ error: "there is no file" });
  const [key, thumbnailKey, extension] = keysOf(request.file.originalname);
  const type = TYPES[extension];
  if (!type) return response.status(415).json({ error: "neither JPEG nor PNG" });
  const original = request.file.buffer;
  const small = await thumbnail(original, type);
  const [upload, made] = await Promise.all([
    put(UPLOAD_BUCKET, key, type, original),
    put(THUMBNAIL_BUCKET, thumbnailKey, type, small.data),
  ]);
  made.width = small.info.width;
  made.height = small.info.height;
  console.log(JSON.stringify({ message: "stored", key, bytes: original.length, thumbnail_key: thumbnailKey }));
  response.status(201).json({ upload, thumbnail: made });
});
app.use((error, _request, response, _next) => {
  console.error(JSON.stringify({ message: "failed", error: String(error) }));
  response.status(error instanceof multer.MulterError ? 413 : 500).json({ error: "not stored" });
});
app.listen(Number(PORT), "127.0.0.1");

// Orientation first; of a JPEG only 1/8, 1/4 or 1/2 is decoded, which sharp does by itself.
function thumbnail(original, type) {
  const box = { width: 150, height: 150, fit: "inside", withoutEnlargement: true };
  const picture = sharp(original).autoOrient().resize(box);
  return (type === "image/png" ? picture.png() : picture.jpeg({ quality: 80 })).toBuffer({ resolveWithObject: true });
}

async function put(bucket, key, type, body) {
  const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: type });
  const { VersionId } = await s3.send(command);
  return { bucket, key, version_id: VersionId ?? null, content_type: type, bytes: body.length };
}

function keysOf(fileName) {
  const key = fileName.split(/[/\\]/).pop().replace(/[^\p{L}\p{M}\p{Nd}!\-_.*'()]+/gu, "-");
  const dot = key.lastIndexOf(".");
  return [key, `${key.slice(0, dot)}-thumbnail${key.slice(dot)}`, key.slice(dot + 1).toLowerCase()];
}
