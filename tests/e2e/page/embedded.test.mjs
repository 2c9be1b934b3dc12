// The component on a page of another origin: what the person sees, and what the store holds.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { Uploader, startBrowser } from "./browser.mjs";
import { claiming, fresh, jpeg, picture, text } from "./fixtures.mjs";
import { pairs, startService } from "./service.mjs";
import { startSite } from "./site.mjs";

let browser;
let site;
let service;

before(async () => {
  site = await startSite();
  service = await startService({ CORS_ORIGINS: site.origin, MAX_UPLOAD_BYTES: "2000000" });
  browser = await startBrowser();
});
afterEach(() => browser.finish());
after(() => Promise.all([browser.stop(), service.stop(), site.stop()]));

/** The one line that embeds it, with what is around it. */
async function embed(attributes = "multiple", { around = (element) => element, ...options } = {}) {
  const element = `<thumbgate-upload endpoint="${service.url}" ${attributes}></thumbgate-upload>`;
  const script = `<script type="module" src="${service.url}/static/thumbgate-upload.js"></script>`;
  const page = await browser.open(site.page("/", script + around(element)), options);
  return new Uploader(page).ready();
}

async function isStored(...files) {
  const stored = await service.stored();
  for (const path of pairs(...files.map(({ name }) => name))) assert.ok(stored.includes(path), `${path} in ${stored}`);
  for (const { name, buffer } of files) assert.deepEqual(await service.read(`uploads/${name}`), buffer, name);
}

/** Collects the element's events on the page. */
function listen(uploader) {
  return uploader.page.evaluate(() => {
    window.told = [];
    for (const name of ["progress", "uploaded", "rejected"]) {
      document.addEventListener(`thumbgate:${name}`, ({ detail }) => {
        const { file, state, record, problem, message, loaded, total } = detail;
        window.told.push({
          name,
          file: file.name,
          state,
          key: record?.upload.key,
          code: problem?.code,
          message,
          loaded,
          total,
        });
      });
    }
  });
}

const told = (uploader) => uploader.page.evaluate(() => window.told);

/** What there is to see as the first progress is told. Who looks from outside may find a small file uploaded already. */
async function atFirst({ page }, look) {
  await page.evaluate(`document.addEventListener("thumbgate:progress", ({ target }) => {
    window.first ??= { seen: (${look})(target) };
  })`);
  return () => page.evaluate(() => window.first.seen);
}

test("picked: a preview at once, progress, the thumbnail and the key", async () => {
  const uploader = await embed();
  await listen(uploader);
  const preview = await atFirst(uploader, (element) => element.shadowRoot.querySelector("img").src);
  const file = picture();
  await uploader.pick(file);
  await uploader.uploaded(file.name);
  assert.match(await preview(), /^blob:/);
  assert.deepEqual(await uploader.shown(file.name), [150, 94], "the thumbnail of 320 by 200 pixels");
  const image = uploader.row(file.name).getByRole("img", { name: `Thumbnail of ${file.name}` });
  assert.ok((await image.getAttribute("src")).startsWith(`${service.url}/thumbnails/`));
  const link = uploader.row(file.name).getByRole("link", { name: file.name });
  assert.equal(await link.getAttribute("href"), `${service.url}/uploads/${file.name}`);
  assert.equal(await uploader.summary.textContent(), "1 of 1 uploaded");
  await isStored(file);
  const events = await told(uploader);
  const { name, file: of, key } = events.at(-1);
  assert.deepEqual([name, of, key], ["uploaded", file.name, file.name]);
  assert.ok(
    events.some(
      ({ state, loaded, total }) => state === "thumbnail" && loaded === total && total === file.buffer.length,
    ),
  );
});

test("the key is copied by a button", async () => {
  const uploader = await embed("multiple", { permissions: ["clipboard-read", "clipboard-write"] });
  const file = picture();
  await uploader.pick(file);
  await uploader.row(file.name).getByRole("button", { name: "Copy key" }).click();
  await uploader.row(file.name).getByText("Copied").waitFor();
  assert.equal(await uploader.page.evaluate(() => navigator.clipboard.readText()), file.name);
});

test("dropped", async () => {
  const uploader = await embed();
  const folder = await mkdtemp(join(tmpdir(), "thumbgate-drop-"));
  const files = [picture(), { name: fresh("jpg"), buffer: await jpeg(uploader.page) }];
  await Promise.all(files.map(({ name, buffer }) => writeFile(join(folder, name), buffer)));
  await uploader.drop(files.map(({ name }) => join(folder, name)));
  for (const { name } of files) {
    await uploader.uploaded(name);
    assert.deepEqual(await uploader.shown(name), [150, 94]);
  }
  await isStored(...files);
  await rm(folder, { recursive: true });
});

test("pasted: each picture gets a name of its own, and text fields keep what is theirs", async () => {
  const around = (element) => `<p><label>Note <input id="note"></label></p>${element}`;
  const uploader = await embed("multiple", { permissions: ["clipboard-read", "clipboard-write"], around });
  const { page } = uploader;
  await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 200 });
    canvas.getContext("2d").fillRect(20, 20, 100, 100);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
  });
  await page.locator("#note").focus();
  await page.keyboard.press("Control+V");
  await page.locator("#note").blur();
  for (const count of [1, 2]) {
    await page.keyboard.press("Control+V");
    await uploader.element.getByText(`${count} of ${count} uploaded`).waitFor();
  }
  const names = await uploader.element.locator("[part=name]").allTextContents();
  assert.equal(new Set(names).size, 2, `two names: ${names}`);
  for (const name of names) {
    assert.match(name, /^pasted-\d+\.png$/);
    assert.deepEqual(await uploader.shown(name), [150, 94]);
  }
  const stored = await service.stored();
  assert.ok(
    pairs(...names).every((path) => stored.includes(path)),
    `${names} in ${stored}`,
  );
});

test("20 files at once: three at a time, each with its own answer", async () => {
  const uploader = await embed();
  let [open, most] = [0, 0];
  const isUpload = (request) => request.method() === "POST";
  uploader.page.on("request", (request) => isUpload(request) && (most = Math.max(most, (open += 1))));
  uploader.page.on("requestfinished", (request) => isUpload(request) && (open -= 1));
  const files = Array.from({ length: 20 }, () => picture());
  await uploader.pick(...files);
  assert.equal(await uploader.rows.count(), 20);
  await uploader.element.getByText("20 of 20 uploaded").waitFor();
  for (const { name } of files) assert.deepEqual(await uploader.shown(name), [150, 94]);
  assert.equal(most, 3);
  await isStored(...files);
  await uploader.news.getByText("20 of 20 uploaded").waitFor();
});

/** A file of each refusal, the words for it, and whether it is sent at all. */
async function refusals(page) {
  const good = picture();
  const photo = await jpeg(page);
  const named = (name, buffer) => ({ name, mimeType: "image/jpeg", buffer });
  return [
    [text(), "the name has to end in .jpg, .jpeg, .png", "unsupported-extension", false],
    [named(fresh("jpg"), Buffer.from("just text\n")), "This is no JPEG or PNG", "unsupported-content", false],
    [named(fresh("jpg"), Buffer.alloc(0)), "The file is empty.", "empty", false],
    [
      named(fresh("jpg"), Buffer.alloc(2_100_000, 0xff)),
      "The file has 2 MB; at most 1.9 MB can be uploaded.",
      "payload-too-large",
      false,
    ],
    [named(fresh("png"), good.buffer.subarray(0, 400)), "The picture is damaged or cut short.", "corrupt-image", true],
    [
      named(fresh("jpg"), photo.subarray(0, photo.length / 2)),
      "The picture is damaged or cut short.",
      "corrupt-image",
      true,
    ],
    [claiming(60_000, 60_000), "The picture has too many pixels.", "image-too-large", true],
    [named("....png", good.buffer), "The file's name cannot be used.", "invalid-filename", true],
  ];
}

test("a file of each refusal, in words; what is known beforehand is not sent; nothing is stored", async () => {
  const uploader = await embed();
  await listen(uploader);
  const before = await service.stored();
  const posts = [];
  uploader.page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
  const table = await refusals(uploader.page);
  for (const [at, [file, words, code]] of table.entries()) {
    await uploader.pick(file);
    await uploader.rows.nth(at).getByText(words).waitFor();
    const event = (await told(uploader)).findLast(({ name }) => name === "rejected");
    assert.deepEqual([event.file, event.code], [file.name, code]);
    assert.ok(event.message.includes(words), event.message);
    await uploader.news.getByText(words).waitFor();
    assert.equal(
      await uploader.rows.nth(at).getByRole("button").textContent(),
      "Remove",
      "no second attempt is offered",
    );
  }
  assert.equal(posts.length, table.filter(([, , , isSent]) => isSent).length);
  assert.deepEqual(await service.stored(), before);
  assert.equal(await uploader.summary.textContent(), `0 of ${table.length} uploaded`);
});

test("the service lets no unknown site in: its pages get no script, no limits, and may not upload", async (t) => {
  const stranger = await startSite();
  t.after(() => stranger.stop());
  const page = await browser.open(stranger.page("/", "<p>A page</p>"));
  const file = picture();
  const outcome = await page.evaluate(
    async ([url, name, bytes]) => {
      const body = new FormData();
      body.append("file", new File([new Uint8Array(bytes)], name));
      const attempts = [
        fetch(`${url}/limits`),
        fetch(`${url}/uploads`, { method: "POST", body }),
        import(`${url}/static/thumbgate-upload.js`),
      ];
      return (await Promise.allSettled(attempts)).map(({ status }) => status);
    },
    [service.url, file.name, [...file.buffer]],
  );
  assert.deepEqual(outcome, ["rejected", "rejected", "rejected"]);
  assert.ok(!(await service.stored()).includes(`uploads/${file.name}`));
  await assert.rejects(browser.finish(), /blocked by CORS policy/);
});

test("max-files, and one file alone", async () => {
  const few = await embed('multiple max-files="2"');
  const files = [picture(), picture(), picture()];
  await few.pick(...files);
  await few.row(files[2].name).getByText("No more than 2 can be uploaded here.").waitFor();
  await few.element.getByText("2 of 3 uploaded").waitFor();
  const one = await embed("");
  const [first, second] = [picture(), picture()];
  await one.pick(first);
  await one.uploaded(first.name);
  await one.pick(second);
  await one.uploaded(second.name);
  assert.equal(await one.rows.count(), 1, "the second takes the first one's place");
});

test("in a form around: required, and its value is the keys", async () => {
  const around = (
    element,
  ) => `<form method="post" action="/order" target="answer">${element}<button>Send</button></form>
    <iframe name="answer" title="The answer"></iframe>`;
  const uploader = await embed('multiple name="pictures" required', { around });
  const { page } = uploader;
  const isValid = () => page.evaluate(() => document.querySelector("form").checkValidity());
  assert.equal(await isValid(), false, "nothing is uploaded yet");
  const underWay = await atFirst(uploader, (element) => element.closest("form").checkValidity());
  const files = [picture(), picture()];
  await uploader.pick(...files);
  await uploader.element.getByText("2 of 2 uploaded").waitFor();
  assert.equal(await underWay(), false, "while they are under way");
  assert.equal(await isValid(), true, "once they are uploaded");
  const fields = await page.evaluate(() => [...new FormData(document.querySelector("form"))]);
  assert.deepEqual(
    fields,
    files.map(({ name }) => ["pictures", name]),
  );
  await page.getByRole("button", { name: "Send" }).click();
  await page.frameLocator("iframe").getByText("received").waitFor();
  for (const { name } of files) assert.ok(site.received.at(-1).includes(name), site.received.at(-1));
  await page.evaluate(() => document.querySelector("form").reset());
  assert.equal(await uploader.rows.count(), 0);
});

test("German by the page's language or the element's, other languages by whoever supplies them", async () => {
  const german = await embed('multiple lang="de-AT"');
  await german.element.getByText(".jpg, .jpeg, .png bis 1,9 MB und 100 Megapixel je Bild").waitFor();
  const file = text();
  await german.pick(file, picture());
  await german.row(file.name).getByText("Der Name muss auf .jpg, .jpeg, .png enden.").waitFor();
  await german.element.getByText("1 von 2 hochgeladen").waitFor();
  await german.page.evaluate(() => (document.querySelector("thumbgate-upload").lang = "en"));
  await german.row(file.name).getByText("the name has to end in").waitFor();
  const french = await embed("multiple");
  await french.page.evaluate(() => {
    const element = document.querySelector("thumbgate-upload");
    element.constructor.texts.fr = { choose: "Choisir des images" };
    element.lang = "fr";
  });
  await french.element.getByText("Choisir des images").waitFor();
  await french.element.getByText("or drop or paste here").waitFor();
});

test("every problem code has words of its own in both languages", async () => {
  const uploader = await embed();
  const page = await (await fetch(`${service.url}/problems`)).text();
  const known = [...page.matchAll(/<section class="problem" id="([\w-]+)"/g)].map(([, code]) => code);
  assert.ok(known.length > 25, `${known}`);
  // The two that are agreed on, whether or not this service answers with them.
  const codes = [...new Set([...known, "rate-limited", "decode-timeout"])];
  await uploader.page.route(/\/uploads(\/presigned)?$/, async (route) => {
    const [, code] = /filename(?:=|":)"([\w-]+)\.png"/.exec(route.request().postDataBuffer().toString("latin1"));
    const headers = { "Access-Control-Allow-Origin": site.origin, "Content-Type": "application/problem+json" };
    await route.fulfill({ status: 400, headers, body: JSON.stringify({ code, limit: 1, actual: 2 }) });
  });
  await uploader.pick(...codes.map((code) => picture(`${code}.png`)));
  await uploader.page.waitForFunction(
    (count) =>
      document.querySelector("thumbgate-upload").uploads.filter(({ state }) => state === "failed").length === count,
    codes.length,
  );
  const words = () => uploader.element.locator("[part=status]").allTextContents();
  const english = await words();
  await uploader.page.evaluate(() => (document.querySelector("thumbgate-upload").lang = "de"));
  const german = await words();
  for (const [at, code] of codes.entries()) {
    assert.ok(english[at].length > 10 && !/makes no sense|[{}]/.test(english[at]), `${code}: ${english[at]}`);
    assert.ok(german[at] !== english[at] && !/keinen Sinn|[{}]/.test(german[at]), `${code}: ${german[at]}`);
  }
});

test("the script is small, and its size when sent too", async () => {
  const answer = await fetch(`${service.url}/static/thumbgate-upload.js`, { headers: { "Accept-Encoding": "gzip" } });
  assert.equal(answer.headers.get("content-encoding"), "gzip");
  const bytes = Number(answer.headers.get("content-length"));
  console.log(`thumbgate-upload.js: ${bytes} bytes gzipped`);
  assert.ok(bytes <= 12 * 1024, `${bytes} bytes`);
});
