// One browser for each test file, whose console has to be silent.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function startBrowser() {
  return new Browser(await chromium.launch({ executablePath, args }));
}

class Browser {
  #browser;
  #contexts = [];
  #complaints = [];

  constructor(browser) {
    this.#browser = browser;
  }

  /** A page in a new session, with an empty cache. */
  async open(url, options = {}) {
    const context = await this.#browser.newContext(options);
    this.#contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on("console", (message) => this.#note(message));
    page.on("pageerror", (error) => this.#complaints.push(String(error)));
    await page.goto(url);
    return page;
  }

  /** The browser notes failed requests: of what is refused or broken on purpose that is no complaint. */
  #note(message) {
    const isNote = message.text().startsWith("Failed to load resource") && /\b(4|5)\d\d\b|ERR_/.test(message.text());
    if (message.type() === "error" && !isNote) this.#complaints.push(message.text());
  }

  /** Ends the test's sessions. */
  async finish() {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
    const complaints = this.#complaints.splice(0);
    assert.deepEqual(complaints, [], "the browser's console is silent");
  }

  stop() {
    return this.#browser.close();
  }
}

/** What the tests do with the component on a page, as a person would. Playwright's locators see into shadow roots. */
export class Uploader {
  constructor(page) {
    this.page = page;
    this.element = page.locator("thumbgate-upload").first();
    this.input = this.element.locator("[part=input]");
    this.summary = this.element.locator("[part=summary]");
    this.news = this.element.getByRole("status");
    this.rows = this.element.getByRole("listitem");
  }

  /** Waits until the service's limits are known. */
  async ready() {
    await this.element.getByText(/megapixels|Megapixel/i).waitFor();
    return this;
  }

  async pick(...files) {
    await this.input.setInputFiles(files);
  }

  /** Drops files that are on disk, as the window system would hand them over. */
  async drop(paths) {
    const { x, y, width, height } = await this.element.locator("[part=drop]").boundingBox();
    const session = await this.page.context().newCDPSession(this.page);
    const data = { items: [], files: paths, dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await session.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + height / 2, data });
    }
  }

  row(name) {
    return this.rows.filter({ hasText: name });
  }

  async uploaded(name) {
    await this.row(name)
      .getByText(/^(Uploaded|Hochgeladen)$/)
      .waitFor();
  }

  /** The size of the picture that stands in a file's row. */
  shown(name) {
    return this.row(name)
      .locator("img")
      .evaluate(async (image) => {
        await image.decode();
        return [image.naturalWidth, image.naturalHeight];
      });
  }
}
