// Files that go straight into a bucket: a real S3 server, whose events are delivered here as a webhook would do it.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Uploader, startBrowser } from "./browser.mjs";
import { large, picture } from "./fixtures.mjs";
import { startService, thumbnailKey } from "./service.mjs";
import { startSite } from "./site.mjs";

const settings = JSON.parse(process.env.PAGE_S3_SETTINGS ?? "null");
const TOKEN = "a-token-for-the-tests-alone";

let browser;
let site;
let service;

before(async () => {
  assert.ok(settings, "tests/run --only page starts the S3 server and sets PAGE_S3_SETTINGS");
  site = await startSite();
  service = await startService({
    ...settings,
    CORS_ORIGINS: site.origin,
    MAX_DIRECT_BYTES: "4500000",
    S3_EVENTS_TOKEN: TOKEN,
  });
  browser = await startBrowser();
});
afterEach(() => browser.finish());
after(() => Promise.all([browser?.stop(), service?.stop(), site?.stop()]));

/** What the store posts once the object is there. */
async function deliverEvent(key) {
  const record = {
    eventSource: "aws:s3",
    eventName: "ObjectCreated:Put",
    s3: { bucket: { name: settings.UPLOAD_BUCKET }, object: { key } },
  };
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  const answer = await fetch(`${service.url}/events/s3`, {
    method: "POST",
    headers,
    body: JSON.stringify({ Records: [record] }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** The thumbnail's bytes as the service has them, or the code of why there are none. */
async function thumbnail(key) {
  const answer = await fetch(`${service.url}/thumbnails/${thumbnailKey(key)}`);
  return answer.ok ? Buffer.from(await answer.arrayBuffer()) : (await answer.json()).code;
}

/** Waits until the page has asked for a thumbnail that is still to be made: then the original is in the bucket. */
function pending({ page }) {
  return page.waitForResponse(
    (response) =>
      response.url().includes("/thumbnails/") && response.request().method() === "GET" && response.status() === 404,
  );
}

async function embed() {
  const script = `<script type="module" src="${service.url}/static/thumbgate-upload.js"></script>`;
  const element = `<thumbgate-upload endpoint="${service.url}" multiple></thumbgate-upload>`;
  return new Uploader(await browser.open(site.page("/", script + element))).ready();
}

test("from another origin, 30 MB: into the bucket, then the thumbnail is waited for", async () => {
  const uploader = await embed();
  const file = large(30_000_000);
  const puts = [];
  uploader.page.on(
    "requestfinished",
    (request) => request.method() === "PUT" && puts.push(new URL(request.url()).origin),
  );
  await uploader.pick(file);
  await uploader
    .row(file.name)
    .getByText(/ % of 28.6 MB sent/)
    .waitFor();
  await uploader.row(file.name).getByText("Making the thumbnail").waitFor();
  await pending(uploader);
  assert.deepEqual(puts, [settings.AWS_ENDPOINT_URL], "straight into the bucket");
  assert.equal(await thumbnail(file.name), "thumbnail-pending", "the original is there");
  await deliverEvent(file.name);
  await uploader.uploaded(file.name);
  const size = await uploader.shown(file.name);
  assert.equal(Math.max(...size), 150);
  assert.ok(Buffer.isBuffer(await thumbnail(file.name)));
});

test("on the service's own page too, under its policy", async () => {
  const page = await browser.open(service.url);
  const uploader = await new Uploader(page).ready();
  const file = large(5_000_000);
  await uploader.pick(file);
  await pending(uploader);
  await deliverEvent(file.name);
  await uploader.uploaded(file.name);
  await page.locator("#gallery").getByRole("link", { name: file.name }).waitFor();
});

test("a file that turns out to be none: said in words once the event is dealt with", async () => {
  const uploader = await embed();
  const good = large(5_000_000);
  const file = { ...good, buffer: good.buffer.subarray(0, 4_800_000) };
  await uploader.pick(file);
  await uploader.row(file.name).getByText("Making the thumbnail").waitFor();
  await pending(uploader);
  await deliverEvent(file.name);
  await uploader.row(file.name).getByText("The picture is damaged or cut short.").waitFor();
  assert.equal(await thumbnail(file.name), "thumbnail-rejected");
});

test("a second picture of a name is not taken for done by the first one's thumbnail", async () => {
  const uploader = await embed();
  const [first, second] = [large(5_000_000), large(5_100_000)];
  second.name = first.name;
  await uploader.pick(first);
  await uploader.row(first.name).getByText("Making the thumbnail").waitFor();
  await pending(uploader);
  await deliverEvent(first.name);
  await uploader.uploaded(first.name);
  const earlier = await thumbnail(first.name);
  const again = await embed();
  await again.pick(second);
  await again.row(first.name).getByText("Making the thumbnail").waitFor();
  await again.page.waitForResponse(
    (response) => response.url().includes("/thumbnails/") && response.request().method() === "GET",
  );
  assert.equal(await again.row(first.name).getByText("Uploaded").count(), 0);
  await deliverEvent(first.name);
  await again.uploaded(first.name);
  assert.notDeepEqual(await thumbnail(first.name), earlier);
});

test("a small file on the same service goes in directly", async () => {
  const uploader = await embed();
  const file = picture();
  await uploader.pick(file);
  await uploader.uploaded(file.name);
  assert.deepEqual(await uploader.shown(file.name), [150, 94]);
});
