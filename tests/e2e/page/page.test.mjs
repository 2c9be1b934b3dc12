// The upload page in a real browser. BASE_URL is a running server's address, CHROMIUM the browser's program.
import assert from "node:assert/strict";
import { createServer, request as ask } from "node:http";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";
import { fresh, picture, text } from "./fixtures.mjs";

const base = (process.env.BASE_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

let browser;
let context;
let complaints;

before(async () => {
  browser = await chromium.launch({ executablePath, args });
});
after(() => browser.close());
beforeEach(() => {
  complaints = [];
});
afterEach(async () => {
  await context.close();
  assert.deepEqual(complaints, [], "the browser's console is silent");
});

async function open(path = "/", options = {}, at = base) {
  context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("console", (message) => {
    // The browser notes every answer of 400 and above: what is refused on purpose is no complaint.
    const isNote = message.text().startsWith("Failed to load resource") && /\b4\d\d\b|ERR_FAILED/.test(message.text());
    if (message.type() === "error" && !isNote) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(at + path);
  if (options.javaScriptEnabled !== false && path === "/") await page.getByText("megapixels").waitFor();
  return page;
}

function postsOf(page) {
  const posts = [];
  page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
  return posts;
}

const row = (page, name) => page.locator("#files li").filter({ hasText: name });
const upload = (page) => page.getByRole("button", { name: /^Upload/ });
const news = (page) => page.getByRole("status");

async function assertUploaded(item, name) {
  await item.getByText("Uploaded").waitFor();
  const dot = name.lastIndexOf(".");
  const [original, thumbnail] = await item.locator("code").allTextContents();
  assert.ok(original.endsWith(name), original);
  assert.ok(thumbnail.endsWith(`${name.slice(0, dot)}-thumbnail${name.slice(dot)}`), thumbnail);
  await assertThumbnail(item.getByRole("img", { name: `Thumbnail of ${name}` }));
}

async function assertThumbnail(image) {
  const size = await image.evaluate(async (element) => {
    await element.decode();
    return [element.naturalWidth, element.naturalHeight];
  });
  assert.deepEqual(size, [150, 94], "of 320 by 200 pixels");
}

test("a picture by the picker: preview, then thumbnail and both keys", async () => {
  const page = await open();
  const file = picture();
  await page.setInputFiles("input[type=file]", file);
  await row(page, file.name).getByText("ready").waitFor();
  assert.match(await row(page, file.name).locator("img").getAttribute("src"), /^blob:/);
  await upload(page).click();
  await assertUploaded(row(page, file.name), file.name);
  assert.equal(await news(page).textContent(), "1 picture uploaded.");
  const link = await row(page, file.name).locator("a").first().getAttribute("href");
  assert.deepEqual(await (await fetch(link)).arrayBuffer(), new Uint8Array(file.buffer).buffer, "the original, as sent");
});

test("a JPEG drawn in the browser, and a name that has to be encoded", async () => {
  const page = await open();
  const name = fresh("jpg").replace("page", "Straße-100%-#1 café");
  await page.evaluate(async (name) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 200 });
    canvas.getContext("2d").fillRect(20, 20, 100, 100);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg"));
    const files = new DataTransfer();
    files.items.add(new File([blob], name, { type: "image/jpeg" }));
    const drop = new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
    document.querySelector(".drop").dispatchEvent(drop);
  }, name);
  await row(page, name).getByText("ready").waitFor();
  await upload(page).click();
  await row(page, name).getByText("Uploaded").waitFor();
  await assertThumbnail(row(page, name).getByRole("img"));
});

test("several files: each has its own answer, also a damaged one", async () => {
  const page = await open();
  const files = [picture(), picture(), picture(), picture()];
  const damaged = { ...picture(), buffer: files[0].buffer.subarray(0, 200) };
  await page.setInputFiles("input[type=file]", [...files, damaged]);
  await page.getByRole("button", { name: "Upload 5 pictures" }).click();
  for (const file of files) await assertUploaded(row(page, file.name), file.name);
  await row(page, damaged.name).getByText("The picture is damaged").waitFor();
  assert.equal(await news(page).textContent(), "4 pictures uploaded, 1 not.");
});

test("a text file is refused in words, and nothing is sent", async () => {
  const page = await open();
  const posts = postsOf(page);
  const file = text();
  await page.setInputFiles("input[type=file]", file);
  await row(page, file.name).getByText("Only .jpg, .jpeg, .png can be uploaded.").waitFor();
  assert.match(await news(page).textContent(), new RegExp(`${file.name}: Only`));
  await upload(page).click();
  assert.equal(await news(page).textContent(), "Choose a picture first.");
  await page.getByRole("button", { name: `Remove ${file.name}` }).click();
  assert.equal(await page.locator("#files li").count(), 0);
  assert.deepEqual(posts, []);
});

test("a file over the limit is refused with both sizes, and nothing is sent", async () => {
  const page = await open("/limits");
  const limits = JSON.parse(await page.locator("body").textContent());
  const posts = postsOf(page);
  await page.route("**/limits", (route) => route.fulfill({ json: { ...limits, max_file_bytes: 1024 } }));
  await page.goto(`${base}/`);
  const file = { ...picture(), buffer: Buffer.alloc(4096) };
  await page.setInputFiles("input[type=file]", file);
  await row(page, file.name).getByText("The file has 4 KB; at most 1 KB can be uploaded.").waitFor();
  await upload(page).click();
  assert.deepEqual(posts, []);
});

test("answers that are no problem documents, and none at all", async () => {
  const page = await open();
  const file = picture();
  await page.setInputFiles("input[type=file]", file);
  await page.route("**/uploads", (route) => route.abort());
  await upload(page).click();
  await row(page, file.name).getByText("The connection broke before the answer came. Try again.").waitFor();
  await page.unroute("**/uploads");
  await page.route("**/uploads", (route) => route.fulfill({ status: 413, contentType: "text/html", body: "<h1>413</h1>" }));
  await upload(page).click();
  await row(page, file.name).getByText("The server refused the file with status 413 and gave no reason.").waitFor();
  await page.unroute("**/uploads");
  const again = picture();
  await page.setInputFiles("input[type=file]", again);
  await upload(page).click();
  await assertUploaded(row(page, again.name), again.name);
});

test("by keyboard alone", async () => {
  const page = await open();
  const chooser = page.waitForEvent("filechooser");
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  const tabTo = async (wanted) => {
    for (let presses = 0; presses < 10; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await focused()) === wanted) return;
    }
    assert.fail(`${wanted} is not reached`);
  };
  await tabTo("file");
  const outline = await page.locator(".drop").evaluate((element) => getComputedStyle(element).outlineStyle);
  assert.equal(outline, "solid", "the focus shows");
  await page.keyboard.press("Enter");
  const [kept, removed] = [picture(), picture()];
  await (await chooser).setFiles([removed, kept]);
  await row(page, kept.name).waitFor();
  await tabTo("Remove");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "file", "the focus is not lost");
  await tabTo("Upload 1 picture");
  await page.keyboard.press("Enter");
  await assertUploaded(row(page, kept.name), kept.name);
  assert.equal(await page.locator("#files li").count(), 1);
});

test("under a path prefix", async () => {
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers } = incoming;
    const onward = ask(base + incoming.url.replace(/^\/stage/, ""), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const page = await open("/stage/", {}, `http://127.0.0.1:${proxy.address().port}`);
  const paths = [];
  page.on("request", (request) => paths.push(new URL(request.url()).pathname));
  const file = picture();
  await page.setInputFiles("input[type=file]", file);
  await upload(page).click();
  await assertUploaded(row(page, file.name), file.name);
  assert.match(await page.locator("#curl").textContent(), /:\d+\/stage\/uploads$/);
  await context.close();
  proxy.closeAllConnections();
  proxy.close();
});

const withoutScript = { javaScriptEnabled: false };

test("without JavaScript: one picture ends on its page", async () => {
  const page = await open("/", withoutScript);
  const file = picture();
  await page.setInputFiles("input[type=file]", file);
  await upload(page).click();
  await page.waitForURL("**/result/**");
  assert.ok(page.url().endsWith(`/${file.name}`), page.url());
  const image = page.getByRole("img", { name: /^Thumbnail of/ });
  const answer = await fetch(new URL(await image.getAttribute("src"), base));
  assert.equal(answer.headers.get("content-type"), "image/png");
  const body = await page.locator("main").textContent();
  assert.ok(body.includes(file.name) && body.includes(file.name.replace(".png", "-thumbnail.png")), body);
});

test("without JavaScript: several files end on one page, the bad one in words", async () => {
  const page = await open("/", withoutScript);
  const [first, second, bad] = [picture(), picture(), text()];
  await page.setInputFiles("input[type=file]", [first, bad, second]);
  await upload(page).click();
  await page.locator("ol.results").waitFor();
  assert.equal(await page.locator("ol.results img").count(), 2);
  await page.getByText("File type not supported").waitFor();
});

test("without JavaScript: a refusal is a page with words and a way back", async () => {
  const page = await open("/", withoutScript);
  const file = text();
  await page.setInputFiles("input[type=file]", file);
  await upload(page).click();
  await page.getByRole("heading", { level: 1, name: "File type not supported" }).waitFor();
  assert.ok((await page.locator("main").textContent()).includes(file.name));
  await page.getByRole("link", { name: "Upload more" }).click();
  await page.getByRole("heading", { name: "Upload pictures" }).waitFor();
});

/** Text against what lies behind it, by WCAG's formula. Returns what has too little contrast. */
function faint() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return channels(color)[3] === 0 && element.parentElement ? behind(element.parentElement) : color;
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) =>
    element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.flatMap((element) => {
    const [low, high] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    return ratio < 4.5 ? [`${element.tagName} ${element.textContent.trim()}: ${ratio.toFixed(2)}`] : [];
  });
}

for (const colorScheme of ["light", "dark"]) {
  test(`at 320 pixels, ${colorScheme}: nothing is cut off, all text can be read`, async () => {
    const page = await open("/", { colorScheme, viewport: { width: 320, height: 640 }, reducedMotion: "reduce" });
    const [good, bad] = [picture(), text()];
    await page.setInputFiles("input[type=file]", [good, bad]);
    await upload(page).click();
    await assertUploaded(row(page, good.name), good.name);
    for (const path of [null, `/result/${good.name}`, "/result/none.jpg", "/problems"]) {
      if (path) await page.goto(base + path);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} scrolls sideways`);
      assert.deepEqual(await page.evaluate(faint), [], `${path}: contrast`);
    }
  });
}
