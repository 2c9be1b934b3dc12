// How it looks and who can use it: axe, the keyboard, narrow and wide, light and dark. The pictures of each state go to
// the folder SCREENSHOTS.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { Uploader, startBrowser } from "./browser.mjs";
import { claiming, jpeg, large, picture, text } from "./fixtures.mjs";
import { startService } from "./service.mjs";
import { startLink, startSite } from "./site.mjs";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const folder = process.env.SCREENSHOTS ?? join(tmpdir(), "thumbgate-screenshots");

let browser;
let site;
let service;
let link;

before(async () => {
  site = await startSite();
  service = await startService({ CORS_ORIGINS: site.origin });
  link = await startLink(service.url);
  browser = await startBrowser();
  await mkdir(folder, { recursive: true });
});
afterEach(() => browser.finish());
after(() => Promise.all([browser.stop(), link.stop(), service.stop(), site.stop()]));

/** What axe finds wrong. It gets in beside the page's policy, as an extension would. */
async function violations(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.addScriptTag({ path: axe });
  const found = await page.evaluate(
    async (tags) => (await window.axe.run(document, { runOnly: tags })).violations,
    tags,
  );
  return found.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`,
  );
}

async function looksGood(page, name) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${name} scrolls sideways by ${overflow} pixels`);
  assert.deepEqual(await violations(page), [], name);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

/** Every state that a file can be in, all at once: what is sent at last is not answered. */
async function allStates(uploader) {
  const { page } = uploader;
  const photo = await jpeg(page, 1200, 800);
  const named = (name) => ({ name, mimeType: "image/jpeg", buffer: photo });
  await uploader.pick(named("harbour-in-the-morning.jpg"), picture("chart.png"));
  await uploader.element.getByText("2 of 2 uploaded").waitFor();
  await uploader.pick(text("notes.txt"), claiming(60_000, 60_000, "poster.png"));
  await uploader.row("poster.png").getByText("too many pixels").waitFor();
  await page.route("**/uploads", async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    const body = route.request().postDataBuffer()?.toString("latin1") ?? "";
    if (body.includes("busy.jpg")) return route.fulfill({ status: 503, body: "", headers: { "Retry-After": "200" } });
    if (body.includes("making.jpg")) return route.fallback();
  });
  link.fault = "hold answers";
  await uploader.pick(...["busy.jpg", "cancelled.jpg", "sending.jpg", "making.jpg", "waiting.jpg"].map(named));
  await uploader.row("busy.jpg").getByText("Next attempt in 200 s.").waitFor();
  await uploader.row("cancelled.jpg").getByRole("button", { name: "Cancel" }).click();
  await uploader.row("sending.jpg").getByText("0 % of").waitFor();
  await uploader
    .row("making.jpg")
    .getByText(/Making the thumbnail|100 %/)
    .waitFor();
  await uploader
    .row("waiting.jpg")
    .getByText(/kB, waiting$/)
    .waitFor();
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 768, 1440]) {
    test(`${width} pixels, ${colorScheme}: all pages in all states`, async () => {
      const viewport = { width, height: width < 500 ? 700 : 900 };
      link.fault = null;
      const page = await browser.open(link.url, { colorScheme, viewport, reducedMotion: "reduce", bypassCSP: true });
      const uploader = await new Uploader(page).ready();
      const name = (state) => `${width}-${colorScheme}-${state}`;
      await looksGood(page, name("empty"));
      await allStates(uploader);
      await looksGood(page, name("states"));
      const paths = { result: "result/chart.png", refusal: "result/none.jpg", problems: "problems#corrupt-image" };
      for (const [state, path] of Object.entries(paths)) {
        await page.goto(`${service.url}/${path}`);
        await looksGood(page, name(state));
      }
    });
  }
}

test("without JavaScript it looks good too", async () => {
  const page = await browser.open(service.url, { javaScriptEnabled: false, viewport: { width: 1440, height: 900 } });
  await page.screenshot({ path: join(folder, "1440-light-without-script.png"), fullPage: true });
});

test("at 400 % zoom, which is a window of 320 by 256 pixels, all can be reached", async () => {
  const page = await browser.open(service.url, { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 });
  const uploader = await new Uploader(page).ready();
  const file = picture();
  await uploader.pick(file);
  await uploader.uploaded(file.name);
  const button = uploader.row(file.name).getByRole("button", { name: "Copy key" });
  await button.scrollIntoViewIfNeeded();
  const { x, width } = await button.boundingBox();
  assert.ok(x >= 0 && x + width <= 320, `from ${x}, ${width} wide`);
});

test("right to left, on somebody's page with colours of its own", async () => {
  const around = `<style>
    body { font: 16px/1.5 sans-serif; margin: 2rem; color-scheme: dark; background: #10131a; color: #eee }
    thumbgate-upload { --thumbgate-accent: #ffb454; --thumbgate-radius: 0 }
    thumbgate-upload::part(name) { font-style: italic }
  </style>`;
  const element = `<main dir="rtl"><h1>صور</h1><thumbgate-upload endpoint="${service.url}" multiple></thumbgate-upload></main>`;
  const script = `<script type="module" src="${service.url}/static/thumbgate-upload.js"></script>`;
  const page = await browser.open(site.page("/", around + script + element), { viewport: { width: 640, height: 700 } });
  const uploader = await new Uploader(page).ready();
  const [good, bad] = [picture(), text()];
  await uploader.pick(good, bad);
  await uploader.uploaded(good.name);
  const at = (part) => uploader.row(good.name).locator(`[part=${part}]`).first().boundingBox();
  assert.ok((await at("preview")).x > (await at("about")).x, "the picture stands on the right");
  assert.equal(
    await uploader
      .row(good.name)
      .locator("[part=name]")
      .evaluate((name) => getComputedStyle(name).fontStyle),
    "italic",
  );
  const border = await uploader.element.locator("[part=choose]").evaluate((choose) => getComputedStyle(choose).color);
  assert.equal(border, "rgb(255, 180, 84)");
  await looksGood(page, "right-to-left");
});

test("by keyboard alone", async () => {
  const page = await browser.open(service.url);
  const uploader = await new Uploader(page).ready();
  const focused = () =>
    page.evaluate(() => {
      const deepest = (root) =>
        root.activeElement?.shadowRoot ? deepest(root.activeElement.shadowRoot) : root.activeElement;
      const element = deepest(document);
      return element.ariaLabel || element.id || element.textContent.trim();
    });
  const tabTo = async (wanted) => {
    for (let presses = 0; presses < 15; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await focused()) === wanted) return;
    }
    assert.fail(`${wanted} is not reached`);
  };
  const chooser = page.waitForEvent("filechooser");
  await tabTo("input");
  const outline = await uploader.element
    .locator("[part=drop]")
    .evaluate((field) => getComputedStyle(field).outlineStyle);
  assert.equal(outline, "solid", "the focus shows");
  await page.keyboard.press("Enter");
  const [kept, removed] = [picture(), text()];
  await (await chooser).setFiles([removed, kept]);
  await uploader.uploaded(kept.name);
  await tabTo(`Remove: ${removed.name}`);
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "input", "the focus is not lost");
  await tabTo(`Copy key: ${kept.name}`);
  await page.keyboard.press("Enter");
  await uploader.row(kept.name).getByText("Copied").waitFor();
  assert.equal(await uploader.rows.count(), 1);
});

test("by keyboard: cancel, and the focus goes where it can go on", async () => {
  const page = await browser.open(service.url);
  const uploader = await new Uploader(page).ready();
  const file = large(2_000_000);
  await page.route("**/uploads", () => {}); // It is never answered.
  await uploader.pick(file);
  await uploader.row(file.name).getByRole("button", { name: "Cancel" }).focus();
  await page.keyboard.press("Enter");
  const retry = uploader.row(file.name).getByRole("button", { name: "Try again" });
  await retry.waitFor();
  assert.ok(await retry.evaluate((button) => button.getRootNode().activeElement === button));
});
