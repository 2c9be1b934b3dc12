// The service's own page: with JavaScript and without, under a path prefix, and what it weighs.
import assert from "node:assert/strict";
import { createServer, request as ask } from "node:http";
import { after, afterEach, before, test } from "node:test";
import { Uploader, startBrowser } from "./browser.mjs";
import { fresh, jpeg, picture, text } from "./fixtures.mjs";
import { pairs, startService } from "./service.mjs";

let browser;
let service;

before(async () => {
  service = await startService();
  browser = await startBrowser();
});
afterEach(() => browser.finish());
after(() => Promise.all([browser.stop(), service.stop()]));

async function open(address = `${service.url}/`, options = {}) {
  return new Uploader(await browser.open(address, options)).ready();
}

async function isStored(...names) {
  const stored = await service.stored();
  for (const path of pairs(...names)) assert.ok(stored.includes(path), `${path} in ${stored}`);
}

test("limits and lines to copy stand on the page, for this very host", async () => {
  const { page } = await open();
  const margin = await page.locator("main").innerText();
  for (const part of [
    ".jpg, .jpeg, .png",
    "up to 32 MB",
    "up to 100 million",
    "fits in 150 × 150 pixels",
    "Up to 20 files",
  ]) {
    assert.ok(margin.includes(part), `${part} in ${margin}`);
  }
  assert.ok(margin.includes(`curl -F file=@image1.jpg ${service.url}/uploads`), margin);
  assert.ok(margin.includes(`src="${service.url}/static/thumbgate-upload.js"`), margin);
});

test("opened as localhost: the pictures come from where the page does", async () => {
  const uploader = await open(`${service.url.replace("127.0.0.1", "localhost")}/`);
  const file = picture();
  await uploader.pick(file);
  await uploader.uploaded(file.name);
  assert.deepEqual(await uploader.shown(file.name), [150, 94]);
  await isStored(file.name);
});

test("a name that has to be encoded, dropped beside the field", async () => {
  const uploader = await open();
  const name = fresh("jpg").replace("page", "Straße-100%-#1 café");
  const bytes = await jpeg(uploader.page);
  await uploader.page.evaluate(
    ([name, bytes]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
      document
        .querySelector("h1")
        .dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    },
    [name, [...bytes]],
  );
  await uploader.uploaded(name);
  assert.deepEqual(await uploader.shown(name), [150, 94]);
  await isStored(name.replace("100%-#1 ", "100---1-"));
});

test("the gallery shows what this session uploaded, also after a reload, and no other session's", async () => {
  const uploader = await open();
  const files = [picture(), picture()];
  await uploader.pick(...files);
  await uploader.element.getByText("2 of 2 uploaded").waitFor();
  await uploader.page.reload();
  const gallery = uploader.page.locator("#gallery");
  for (const { name } of files) {
    const link = gallery.getByRole("link", { name });
    const size = await link.locator("img").evaluate(async (image) => [await image.decode(), image.naturalWidth].at(-1));
    assert.equal(size, 150);
  }
  await gallery.getByRole("link", { name: files[0].name }).click();
  await uploader.page.getByRole("img", { name: `Thumbnail of ${files[0].name}` }).waitFor();
  const other = await open();
  assert.equal(await other.page.locator("#gallery").isVisible(), false);
});

test("under a path prefix", async () => {
  const prefixed = await startPrefix("/stage");
  const uploader = await open(`${prefixed.url}/stage/`);
  const paths = [];
  uploader.page.on("request", (request) => paths.push(new URL(request.url()).pathname));
  const file = picture();
  await uploader.pick(file);
  await uploader.uploaded(file.name);
  assert.deepEqual(await uploader.shown(file.name), [150, 94]);
  assert.ok((await uploader.page.locator("pre").first().innerText()).endsWith(`${prefixed.url}/stage/uploads`));
  const network = paths.filter((path) => path.startsWith("/"));
  assert.ok(network.length > 1 && network.every((path) => path.startsWith("/stage/")), `${network}`);
  prefixed.stop();
});

/** A gateway that serves the service under a prefix, as API Gateway does with a stage. */
async function startPrefix(prefix) {
  const server = createServer((incoming, outgoing) => {
    const { method, headers } = incoming;
    const onward = ask(service.url + incoming.url.replace(prefix, ""), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close(server.closeAllConnections()) };
}

test("what the page weighs, and how soon something is to be seen", async () => {
  const page = await browser.open("about:blank");
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const sizes = new Map();
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  await page.goto(service.url, { waitUntil: "networkidle" });
  await new Uploader(page).ready();
  const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  console.log(
    `the page: ${total} bytes with headers in ${sizes.size} answers, first contentful paint after ${Math.round(paint)} ms`,
  );
  assert.ok(sizes.size >= 5, `${sizes.size} answers`);
  assert.ok(total <= 40 * 1024, `${total} bytes`);
});

const withoutScript = { javaScriptEnabled: false };
const send = (page) => page.getByRole("button", { name: "Upload" }).click();

test("without JavaScript: limits, and one picture that ends on its page", async () => {
  const page = await browser.open(service.url, withoutScript);
  await page.getByText("up to 32 MB").waitFor();
  await page.getByText(`curl -F file=@image1.jpg ${service.url}/uploads`).waitFor();
  const file = picture();
  await page.setInputFiles("input[type=file]", file);
  await send(page);
  await page.waitForURL("**/result/**");
  assert.ok(page.url().endsWith(`/${file.name}`), page.url());
  const image = page.getByRole("img", { name: /^Thumbnail of/ });
  const answer = await fetch(new URL(await image.getAttribute("src"), service.url));
  assert.equal(answer.headers.get("content-type"), "image/png");
  await isStored(file.name);
});

test("without JavaScript: several files end on one page, the bad one in words", async () => {
  const page = await browser.open(service.url, withoutScript);
  const [first, second, bad] = [picture(), picture(), text()];
  await page.setInputFiles("input[type=file]", [first, bad, second]);
  await send(page);
  await page.locator("ol.results").waitFor();
  assert.equal(await page.locator("ol.results img").count(), 2);
  await page.getByText("File type not supported").waitFor();
  await isStored(first.name, second.name);
});

test("without JavaScript: a refusal is a page with words and a way back", async () => {
  const page = await browser.open(service.url, withoutScript);
  const file = text();
  await page.setInputFiles("input[type=file]", file);
  await send(page);
  await page.getByRole("heading", { level: 1, name: "File type not supported" }).waitFor();
  assert.ok((await page.locator("main").textContent()).includes(file.name));
  await page.getByRole("link", { name: "Upload more" }).click();
  await page.getByRole("heading", { name: "Upload pictures" }).waitFor();
});

test("a problem's link leads to its own section", async () => {
  const form = new FormData();
  form.append("file", new Blob(["text"]), "file.txt");
  const problem = await (await fetch(`${service.url}/uploads`, { method: "POST", body: form })).json();
  const page = await browser.open(service.url + problem.type);
  const section = page.locator(":target");
  await section.getByRole("heading", { name: problem.title }).waitFor();
  await section.getByText("What to do.").waitFor();
  await section.getByText("Example").click();
  const example = JSON.parse(await section.locator("pre").innerText());
  assert.deepEqual({ ...example, request_id: "" }, { ...problem, request_id: "" }, "the example is such a document");
});
