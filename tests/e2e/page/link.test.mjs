// Links that are slow, break and come back, and gateways in front that answer with something else.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Uploader, startBrowser } from "./browser.mjs";
import { large, picture } from "./fixtures.mjs";
import { pairs, startService, thumbnailKey } from "./service.mjs";
import { startLink, startSite } from "./site.mjs";

let browser;
let site;
let service;
let link;

before(async () => {
  site = await startSite();
  service = await startService({
    CORS_ORIGINS: site.origin,
    MAX_DIRECT_BYTES: "4500000",
    LINK_SECRET: "0123456789abcdef0123456789abcdef",
  });
  link = await startLink(service.url);
  browser = await startBrowser();
});
afterEach(async () => {
  link.fault = null;
  await browser.finish();
});
after(() => Promise.all([browser.stop(), link.stop(), service.stop(), site.stop()]));

async function embed(endpoint = link.url) {
  const script = `<script type="module" src="${service.url}/static/thumbgate-upload.js"></script>`;
  const page = await browser.open(
    site.page("/", `${script}<thumbgate-upload endpoint="${endpoint}" multiple></thumbgate-upload>`),
  );
  return new Uploader(page).ready();
}

/** The browser's own network conditions: so many bytes a second on the way up (-1: as fast as it goes), or offline. */
async function conditions(uploader) {
  const session = await uploader.page.context().newCDPSession(uploader.page);
  await session.send("Network.enable");
  const set = (offline, uploadThroughput) =>
    session.send("Network.emulateNetworkConditions", {
      offline,
      latency: 10,
      downloadThroughput: -1,
      uploadThroughput,
    });
  return { slow: () => set(false, 700_000), fast: () => set(false, -1), offline: () => set(true, 700_000) };
}

const storedOf = async (name) =>
  (await service.stored()).filter((path) => path.includes(name) || path.includes(thumbnailKey(name)));

async function isStoredOnce({ name, buffer }) {
  assert.deepEqual(await storedOf(name), pairs(name));
  assert.deepEqual(await service.read(`uploads/${name}`), buffer);
}

/** Answers uploads in the service's place, as a gateway would, so many times. */
async function gateway(uploader, times, { headers, ...answer }) {
  const cors = { "Access-Control-Allow-Origin": site.origin, "Access-Control-Expose-Headers": "Retry-After" };
  let left = times;
  const at = [];
  await uploader.page.route("**/uploads", (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    at.push(Date.now());
    left -= 1;
    return left < 0 ? route.fallback() : route.fulfill({ ...answer, headers: { ...cors, ...headers } });
  });
  return at;
}

test("cancelled half-way: nothing is stored, and it can be sent again", async () => {
  const uploader = await embed();
  const network = await conditions(uploader);
  await network.slow();
  const file = large(3_000_000);
  await uploader.pick(file);
  await uploader
    .row(file.name)
    .getByText(/^[2-8]\d % of 2.9 MB sent$/)
    .waitFor();
  const bar = uploader.row(file.name).getByRole("progressbar");
  assert.ok((await bar.evaluate(({ value }) => value)) > 0.1);
  await uploader.row(file.name).getByRole("button", { name: "Cancel" }).click();
  await uploader.row(file.name).getByText("Cancelled", { exact: true }).waitFor();
  assert.equal(await bar.count(), 0);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(await storedOf(file.name), []);
  await network.fast();
  await uploader.row(file.name).getByRole("button", { name: "Try again" }).click();
  await uploader.uploaded(file.name);
  await isStoredOnce(file);
});

test("the network is lost half-way and comes back: it ends as one object", async () => {
  const uploader = await embed();
  const network = await conditions(uploader);
  await network.slow();
  const file = large(3_000_000);
  const statuses = [];
  uploader.page.on(
    "response",
    (response) => response.request().method() === "POST" && statuses.push(response.status()),
  );
  await uploader.pick(file);
  await uploader
    .row(file.name)
    .getByText(/^[2-8]\d % of/)
    .waitFor();
  // Told to be offline, the browser only holds up what is under way: its connections have to be lost first.
  link.fault = "refuse";
  link.cut();
  await uploader.row(file.name).getByText("The connection is lost.").waitFor();
  await network.offline();
  link.fault = null;
  await uploader.news.getByText(`${file.name}: The connection is lost.`).waitFor();
  const connections = link.connections;
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.equal(link.connections, connections, "nothing is tried before the network is back");
  await network.fast();
  await uploader.uploaded(file.name);
  assert.deepEqual(statuses, [201]);
  await isStoredOnce(file);
  assert.equal(await service.versions(file.name), 1);
});

test("a link that breaks in the middle, and one that is refused", async () => {
  const uploader = await embed();
  const file = large(2_000_000);
  link.fault = { cutAfter: 700_000 };
  await uploader.pick(file);
  await uploader
    .row(file.name)
    .getByText(/The connection is lost. Next attempt in \d s./)
    .waitFor();
  link.fault = "refuse";
  await uploader
    .row(file.name)
    .getByText(/Next attempt in [2-4] s./)
    .waitFor();
  link.fault = null;
  await uploader.uploaded(file.name);
  await isStoredOnce(file);
  assert.equal(await service.versions(file.name), 1);
});

test("an answer that is lost: the second attempt takes the same key", async () => {
  const uploader = await embed();
  const file = picture();
  link.fault = "lose answers";
  await uploader.pick(file);
  await uploader.row(file.name).getByText("The connection is lost.").waitFor();
  link.fault = null;
  await uploader.uploaded(file.name);
  await isStoredOnce(file);
});

test("a gateway's 503 with Retry-After: the pause is the one that it asks for", async () => {
  const uploader = await embed();
  const file = picture();
  const at = await gateway(uploader, 1, {
    status: 503,
    contentType: "text/html",
    body: "<h1>503</h1>",
    headers: { "Retry-After": "3" },
  });
  await uploader.pick(file);
  await uploader.row(file.name).getByText("The server is busy. Next attempt in 3 s.").waitFor();
  await uploader.uploaded(file.name);
  assert.equal(at.length, 2);
  assert.ok(at[1] - at[0] >= 3000, `after ${at[1] - at[0]} ms`);
  await isStoredOnce(file);
});

for (const [status, words] of [
  [429, "That were too many uploads in a short time."],
  [502, "The server could not store the picture."],
  [504, "The server could not store the picture."],
  [408, "The connection was too slow."],
]) {
  test(`a bare ${status} is tried again by itself`, async () => {
    const uploader = await embed();
    const file = picture();
    await gateway(uploader, 1, { status, contentType: "text/html", body: `<h1>${status}</h1>` });
    await uploader.pick(file);
    await uploader.row(file.name).getByText(`${words} Next attempt in 2 s.`).waitFor();
    await uploader.uploaded(file.name);
    await isStoredOnce(file);
  });
}

test("who asks for too long a pause leaves it to the person", async () => {
  const uploader = await embed();
  const file = picture();
  await gateway(uploader, 1, { status: 429, headers: { "Retry-After": "3600" } });
  await uploader.pick(file);
  await uploader.row(file.name).getByText("That were too many uploads in a short time.").waitFor();
  await uploader.row(file.name).getByRole("button", { name: "Try again" }).click();
  await uploader.uploaded(file.name);
});

test("a page of nonsense with status 200 is no success", async () => {
  const uploader = await embed();
  const file = picture();
  await gateway(uploader, 1, { status: 200, contentType: "text/html", body: "<h1>Sign in to this Wi-Fi</h1>" });
  await uploader.pick(file);
  await uploader.row(file.name).getByText("The server gave an answer that makes no sense here.").waitFor();
  assert.deepEqual(await storedOf(file.name), []);
});

test("a gateway's bare 413: the file goes by a link", async () => {
  const uploader = await embed();
  const file = picture();
  await gateway(uploader, 1, { status: 413, contentType: "text/html", body: "<h1>413 Request Entity Too Large</h1>" });
  await uploader.pick(file);
  await uploader.uploaded(file.name);
  assert.deepEqual(await uploader.shown(file.name), [150, 94]);
  await isStoredOnce(file);
});

test("30 MB where 4.5 MB go in directly: by a link, with progress", async () => {
  const uploader = await embed(service.url);
  const requests = [];
  uploader.page.on("request", (request) => {
    if (["POST", "PUT"].includes(request.method()))
      requests.push(`${request.method()} ${new URL(request.url()).pathname}`);
  });
  const file = large(30_000_000);
  await uploader.pick(file);
  await uploader
    .row(file.name)
    .getByText(/^\d+ % of 28.6 MB sent|Making the thumbnail$/)
    .waitFor();
  await uploader.uploaded(file.name);
  const [width, height] = await uploader.shown(file.name);
  assert.equal(Math.max(width, height), 150);
  assert.deepEqual(requests, ["POST /uploads/presigned", `PUT /uploads/${file.name}`]);
  await isStoredOnce(file);
});
