// The component against a service that lets in who has an API key: links in the record are signed then.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, afterEach, before, test } from "node:test";
import { Uploader, startBrowser } from "./browser.mjs";
import { fresh, jpeg, picture } from "./fixtures.mjs";
import { pairs, startService } from "./service.mjs";
import { startSite } from "./site.mjs";

const KEY = "tg_a-key-of-the-tests";

let browser;
let site;
let service;

before(async () => {
  site = await startSite();
  const digest = createHash("sha256").update(KEY).digest("hex");
  service = await startService({
    API_KEYS: `shop:${digest}`, CORS_ORIGINS: site.origin, MAX_DIRECT_BYTES: "100000", MAX_UPLOAD_BYTES: "2000000",
  });
  browser = await startBrowser();
});
afterEach(() => browser.finish());
after(() => Promise.all([browser.stop(), service.stop(), site.stop()]));

async function embed(attributes) {
  const script = `<script type="module" src="${service.url}/static/thumbgate-upload.js"></script>`;
  const element = `<thumbgate-upload endpoint="${service.url}" multiple ${attributes}></thumbgate-upload>`;
  return new Uploader(await browser.open(site.page("/", script + element))).ready();
}

test("with its key: stored, and the thumbnail is shown by its signed link", async () => {
  const uploader = await embed(`api-key="${KEY}"`);
  const file = picture();
  await uploader.pick(file);
  await uploader.uploaded(file.name);
  assert.deepEqual(await uploader.shown(file.name), [150, 94]);
  const image = uploader.row(file.name).getByRole("img", { name: `Thumbnail of ${file.name}` });
  assert.match(await image.getAttribute("src"), /[?&]signature=/);
  const stored = await service.stored();
  for (const path of pairs(file.name)) assert.ok(stored.includes(path), `${path} in ${stored}`);
});

test("a file over the direct limit goes in by a link, also with a key", async () => {
  const uploader = await embed(`api-key="${KEY}"`);
  const small = await jpeg(uploader.page);
  // What follows the end of a JPEG is kept.
  const file = { name: fresh("jpg"), buffer: Buffer.concat([small, Buffer.alloc(300_000)]) };
  await uploader.pick(file);
  await uploader.uploaded(file.name);
  assert.deepEqual(await uploader.shown(file.name), [150, 94]);
  assert.deepEqual(await service.read(`uploads/${file.name}`), file.buffer);
});

for (const [attributes, why] of [
  ["", "no key"],
  ['api-key="tg_another"', "a wrong key"],
]) {
  test(`${why}: the person is told, and nothing is stored`, async () => {
    const uploader = await embed(attributes);
    const before = await service.stored();
    const file = picture();
    await uploader.pick(file);
    await uploader.row(file.name).getByText("This page may not upload here.").waitFor();
    assert.deepEqual(await service.stored(), before);
  });
}

test("neither the key nor a signature is in the log", () => {
  const log = service.lines.join("\n");
  assert.ok(log.includes('"key_name":"shop"'), "whose key it was is");
  assert.ok(!log.includes(KEY) && !/signature=/.test(log), log);
});
