// Pictures and other files, made on the spot.
import { randomBytes } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A PNG with a diagonal gradient. */
export function png(width, height) {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      rows.set([(255 * x) / width, (255 * y) / height, 120], y * (1 + width * 3) + 1 + x * 3);
    }
  }
  return pngOf(width, height, rows, 6);
}

function pngOf(width, height, rows, level) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  for (let at = 0; at < rows.length; at += 1 + width * 3) rows[at] = 0; // No filter.
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = chunk("IDAT", deflateSync(rows, { level }));
  return Buffer.concat([signature, chunk("IHDR", header), data, chunk("IEND", Buffer.alloc(0))]);
}

let counter = 0;

/** A name that no other test and no earlier run has used. */
export function fresh(extension) {
  counter += 1;
  return `page-${Date.now().toString(36)}-${counter}.${extension}`;
}

/** A picture as Playwright hands it to a file input. */
export function picture(name = fresh("png")) {
  return { name, mimeType: "image/png", buffer: png(320, 200) };
}

/** A file that is none. */
export function text(name = fresh("txt")) {
  return { name, mimeType: "text/plain", buffer: Buffer.from("just text\n") };
}

/** A JPEG, drawn in the browser. */
export async function jpeg(page, width = 320, height = 200) {
  const bytes = await page.evaluate(
    async ([width, height]) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const drawing = canvas.getContext("2d");
      const sky = drawing.createLinearGradient(0, 0, width, height);
      ["#f6d9a8", "#d98d6a", "#33505e"].forEach((color, at) => sky.addColorStop(at / 2, color));
      drawing.fillStyle = sky;
      drawing.fillRect(0, 0, width, height);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg"));
      return [...new Uint8Array(await blob.arrayBuffer())];
    },
    [width, height],
  );
  return Buffer.from(bytes);
}

/** A picture in so many bytes: noise does not get smaller. */
export function large(bytes, name = fresh("png")) {
  const width = 2000;
  const height = Math.floor(bytes / (1 + width * 3));
  return { name, mimeType: "image/png", buffer: pngOf(width, height, randomBytes(height * (1 + width * 3)), 0) };
}

/** A PNG of a few bytes that says it has this size. */
export function claiming(width, height, name = fresh("png")) {
  return { name, mimeType: "image/png", buffer: pngOf(width, height, Buffer.alloc(64), 9) };
}
