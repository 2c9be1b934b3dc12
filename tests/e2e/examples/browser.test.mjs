// Examples for a browser: each on a page of another origin, bundled as its users would, with the store looked into.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { build } from "esbuild";
import { compileScript, parse } from "vue/compiler-sfc";
import { Uploader, startBrowser } from "../page/browser.mjs";
import { large, picture, text } from "../page/fixtures.mjs";
import { pairs, startService } from "../page/service.mjs";
import { startSite } from "../page/site.mjs";
import { REPOSITORY, copyExamples } from "./copies.mjs";

let browser;
let site;
let service;
let examples;

before(async () => {
  site = await startSite();
  service = await startService({ CORS_ORIGINS: site.origin, MAX_DIRECT_BYTES: "4500000" });
  examples = await copyExamples(service.url);
  browser = await startBrowser();
});
afterEach(() => browser.finish());
after(async () => {
  await Promise.all([browser.stop(), service.stop(), site.stop(), examples.remove()]);
});

const read = (name) => readFile(join(examples.folder, name), "utf8");

/** Bundles a script that uses an example, and opens a page with it. */
async function openBundled(script, body) {
  const entry = join(examples.folder, "entry.js");
  await writeFile(entry, script);
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    outdir: "/",
    logLevel: "silent",
    define: {
      "process.env.NODE_ENV": '"production"',
      __VUE_OPTIONS_API__: "false",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
  });
  for (const { path, text: content } of outputFiles) {
    site.file(path, path.endsWith("css") ? "text/css" : "text/javascript", content);
  }
  const style = outputFiles.some(({ path }) => path.endsWith(".css"))
    ? '<link rel="stylesheet" href="/entry.css">'
    : "";
  return browser.open(site.page("/", `${body}<script type="module" src="/entry.js"></script>`, style));
}

async function isStored(...files) {
  const stored = await service.stored();
  for (const path of pairs(...files.map(({ name }) => name))) assert.ok(stored.includes(path), `${path} in ${stored}`);
  for (const { name, buffer } of files) assert.deepEqual(await service.read(`uploads/${name}`), buffer);
}

/** The component, wherever it stands, takes a picture and refuses a text. */
async function componentUploads(page) {
  const uploader = await new Uploader(page).ready();
  const [good, bad] = [picture(), text()];
  await uploader.pick(good, bad);
  await uploader.uploaded(good.name);
  await uploader.row(bad.name).getByText("Files of this kind are not taken").waitFor();
  assert.deepEqual(await uploader.shown(good.name), [150, 94]);
  await isStored(good);
  return good;
}

for (const name of ["plain.html", "wordpress.html"]) {
  test(`the component: ${name}`, async () => {
    await componentUploads(await browser.open(site.page("/", await read(name))));
  });
}

test("the component in React", async () => {
  const script = `import { createRoot } from "react-dom/client";
    import { createElement } from "react";
    import { Upload } from "./${"react.jsx"}";
    createRoot(document.querySelector("#root")).render(createElement(Upload));`;
  const page = await openBundled(script, '<div id="root"></div>');
  const { name } = await componentUploads(page);
  await page.locator("#root > ul").getByText(name).waitFor();
});

test("the component in Vue", async () => {
  const { descriptor, errors } = parse(await read("Upload.vue"));
  assert.deepEqual(errors, []);
  const templateOptions = { compilerOptions: { isCustomElement: (tag) => tag.includes("-") } };
  const { content } = compileScript(descriptor, { id: "upload", inlineTemplate: true, templateOptions });
  await writeFile(join(examples.folder, "Upload.js"), content);
  const script = `import { createApp } from "vue";
    import Upload from "./Upload.js";
    createApp(Upload).mount("#root");`;
  const page = await openBundled(script, '<div id="root"></div>');
  const { name } = await componentUploads(page);
  await page.locator("#root > ul").getByText(name).waitFor();
});

test("a form without any script", async () => {
  const page = await browser.open(site.page("/", await read("form.html")), { javaScriptEnabled: false });
  const file = picture();
  await page.setInputFiles("input[type=file]", file);
  await page.getByRole("button", { name: "Upload" }).click();
  await page.waitForURL(`${service.url}/result/${file.name}`);
  await page.getByRole("img", { name: `Thumbnail of ${file.name}` }).waitFor();
  await isStored(file);
});

/** Chooses files in Uppy's Dashboard, and presses its button. */
async function uppyUploads(page, ...files) {
  await page.locator(".uppy-Dashboard-input").first().setInputFiles(files);
  await page.getByRole("button", { name: /^Upload \d files?$/ }).click();
  await page.getByText("Complete", { exact: true }).waitFor();
}

test("Uppy with its Dashboard, through the service", async () => {
  const page = await openBundled(`import { uppy } from "./${"uppy.js"}"; window.uppy = uppy;`, '<div id="uppy"></div>');
  const lines = [];
  page.on("console", (message) => lines.push(message.text()));
  const files = [picture(), picture(), picture()];
  await uppyUploads(page, ...files);
  await isStored(...files);
  for (const { name } of files)
    assert.ok(lines.includes(`${name} ${name.replace(".png", "-thumbnail.png")}`), `${lines}`);
  const urls = await page.evaluate(() => window.uppy.getFiles().map(({ uploadURL }) => uploadURL));
  assert.deepEqual(urls.sort(), files.map(({ name }) => `${service.url}/uploads/${name}`).sort());
});

test("Uppy is told why a picture is refused", async () => {
  const page = await openBundled(`import { uppy } from "./${"uppy.js"}"; window.uppy = uppy;`, '<div id="uppy"></div>');
  const good = picture();
  const bad = { ...picture(), buffer: good.buffer.subarray(0, 300) };
  let posts = 0;
  page.on("request", (request) => (posts += request.method() === "POST"));
  await page.locator(".uppy-Dashboard-input").first().setInputFiles(bad);
  await page.getByRole("button", { name: "Upload 1 file" }).click();
  await page.getByText("Upload failed").first().waitFor();
  const [{ error }] = await page.evaluate(() => window.uppy.getFiles());
  assert.match(error, /PNG/, "the service's own words");
  assert.equal(posts, 1);
  assert.ok(!(await service.stored()).includes(`uploads/${bad.name}`));
  await assert.rejects(browser.finish(), ({ message }) => message.includes(error), "Uppy logs it as an error");
});

test("Uppy by presigned links: also what is too large to go in directly", async () => {
  const page = await openBundled(
    `import { uppy } from "./${"uppy-presigned.js"}"; window.uppy = uppy;`,
    '<div id="uppy"></div>',
  );
  const files = [picture(), large(6_000_000)];
  await uppyUploads(page, ...files);
  await isStored(...files);
});

test("the snippets of docs/integrate.md are these examples", async () => {
  const document = await readFile(join(REPOSITORY, "docs/integrate.md"), "utf8");
  const snippets = [...document.matchAll(/<!-- examples\/(\S+) -->\n```\w+\n(.*?)```\n/gs)];
  for (const [, name, snippet] of snippets) {
    assert.equal(snippet, await readFile(join(REPOSITORY, "examples", name), "utf8"), name);
  }
  const names = snippets.map(([, name]) => name);
  assert.deepEqual(names, ["plain.html", "react.jsx", "Upload.vue", "wordpress.html", "form.html"]);
});
