// Programs that upload: each example is run as it stands, and the store is looked into.
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { pairs, startService } from "../page/service.mjs";
import { MODULES, REPOSITORY, copyExamples, run } from "./copies.mjs";

const PYTHON = process.env.EXAMPLES_PYTHON ?? "python3";

let service;
let examples;

before(async () => {
  service = await startService();
  examples = await copyExamples(service.url);
});
after(async () => {
  await examples.remove();
  await service.stop();
});

/** A picture by a command, of whose output `told` makes sure, and a text file, which has to be told as refused. */
async function uploads(command, file, told) {
  const as = file.replace(".", `-${command.at(-1).replace(/\W+/g, "-")}.`);
  const picture = await examples.fixture(file, as);
  const env = { PYTHONPATH: examples.folder, PYTHONDONTWRITEBYTECODE: "1" };
  const [program, ...args] = command;
  const good = await run(program, [...args, picture], { cwd: examples.folder, env });
  assert.equal(good.status, 0, good.out + good.err);
  await told(good.out, as);
  const text = await examples.fixture("file.txt", "file.txt");
  const bad = await run(program, [...args, text], { cwd: examples.folder, env });
  assert.notEqual(bad.status, 0);
  assert.match(bad.out + bad.err, /file\.txt does not end in \.jpg, \.jpeg or \.png/);
  return as;
}

async function isStored(key, file) {
  const stored = await service.stored();
  for (const path of pairs(key)) assert.ok(stored.includes(path), `${path} in ${stored}`);
  assert.deepEqual(await service.read(`uploads/${key}`), await readFile(join(REPOSITORY, "tests/fixtures", file)));
}

const prints = (file) => async (out, key) => {
  assert.equal(out, `${service.url}/thumbnails/${key.replace(/\.(\w+)$/, "-thumbnail.$1")}`);
  assert.equal((await fetch(out)).status, 200);
  await isStored(key, file);
};

test("curl -F, one file and several", async () => {
  await uploads(["sh", "curl-form.sh"], "image1.jpg", async (out, key) => {
    assert.equal(JSON.parse(out).upload.key, key);
    await isStored(key, "image1.jpg");
  });
  const files = [
    await examples.fixture("image1.jpg", "several.jpg"),
    await examples.fixture("image2.png", "several.png"),
  ];
  const { out } = await run("sh", ["curl-form.sh", ...files], { cwd: examples.folder });
  assert.deepEqual(
    JSON.parse(out).results.map(({ status }) => status),
    [201, 201],
  );
});

test("curl -T, which does not replace", async () => {
  const picture = await examples.fixture("image2.png", "put.png");
  const put = () => run("sh", ["curl-put.sh", picture], { cwd: examples.folder });
  const first = await put();
  assert.equal(JSON.parse(first.out).upload.key, "examples/put.png");
  await isStored("examples/put.png", "image2.png");
  const second = await put();
  assert.equal(second.status, 22, "curl's status for an answer of 400 and above");
  assert.equal(JSON.parse(second.out).code, "already-exists");
});

test("Python with requests", () => uploads([PYTHON, "upload_requests.py"], "image1.jpg", prints("image1.jpg")));

test("Python with httpx", () => uploads([PYTHON, "upload_httpx.py"], "image2.png", prints("image2.png")));

test("Node's fetch", () => uploads([process.execPath, "node-fetch.mjs"], "image1.jpg", prints("image1.jpg")));

test("TypeScript by openapi-typescript: generated, compiled strictly, run", async () => {
  const bin = join(MODULES, ".bin");
  const cwd = examples.folder;
  const generated = await run(join(bin, "openapi-typescript"), [`${service.url}/openapi.yaml`, "-o", "thumbgate.ts"], {
    cwd,
  });
  assert.equal(generated.status, 0, generated.err);
  const options = {
    strict: true,
    noUncheckedIndexedAccess: true,
    module: "nodenext",
    target: "es2022",
    skipLibCheck: true,
    types: ["node"],
  };
  const files = ["typescript-client.ts", "thumbgate.ts"];
  await writeFile(join(cwd, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files }));
  const compiled = await run(join(bin, "tsc"), [], { cwd });
  assert.equal(compiled.status, 0, compiled.out);
  await uploads([process.execPath, "typescript-client.js"], "image1.jpg", prints("image1.jpg"));
});

test("Python by openapi-python-client: generated, run", async () => {
  const args = ["-m", "openapi_python_client", "generate", "--meta", "none", "--output-path", "thumbgate_client"];
  const document = join(examples.folder, "openapi.yaml");
  await writeFile(document, await (await fetch(`${service.url}/openapi.yaml`)).text());
  const generated = await run(PYTHON, [...args, "--path", document], { cwd: examples.folder });
  assert.equal(generated.status, 0, generated.out + generated.err);
  await uploads([PYTHON, "python_client.py"], "image2.png", prints("image2.png"));
});

test("ShareX: the request that its uploader file describes, and what it reads of the answer", async () => {
  const uploader = JSON.parse(await readFile(join(examples.folder, "sharex.sxcu"), "utf8"));
  assert.equal(uploader.Body, "MultipartFormData");
  const { RequestMethod: method, RequestURL: url, Headers: headers, FileFormName: field } = uploader;
  const send = (path) => {
    const all = Object.entries(headers).flatMap(([name, value]) => ["--header", `${name}: ${value}`]);
    return run("curl", ["--silent", "--request", method, ...all, "--form", `${field}=@${path}`, url], {
      cwd: examples.folder,
    });
  };
  const read = (syntax, out) =>
    syntax.replace(/\{json:([\w.]+)\}/g, (_, path) =>
      path.split(".").reduce((value, name) => value?.[name], JSON.parse(out)),
    );
  const picture = await examples.fixture("image1.jpg", "sharex.jpg");
  const { out } = await send(picture);
  assert.equal(read(uploader.URL, out), `${service.url}/uploads/sharex.jpg`);
  assert.equal(read(uploader.ThumbnailURL, out), `${service.url}/thumbnails/sharex-thumbnail.jpg`);
  await isStored("sharex.jpg", "image1.jpg");
  const refused = await send(await examples.fixture("file.txt", "file.txt"));
  assert.equal(read(uploader.ErrorMessage, refused.out), "file.txt does not end in .jpg, .jpeg or .png");
});

test("the component's types say what it takes and tells", async (t) => {
  // Where no modules are near: the compiler would read all their types.
  const cwd = await mkdtemp(join(tmpdir(), "thumbgate-types-"));
  t.after(() => rm(cwd, { recursive: true }));
  await cp(join(REPOSITORY, "static/thumbgate-upload.d.ts"), join(cwd, "thumbgate-upload.d.ts"));
  const program = `import { ThumbgateUpload } from "./thumbgate-upload.js";
    const element: ThumbgateUpload = document.createElement("thumbgate-upload");
    element.addEventListener("thumbgate:uploaded", ({ detail }) => console.log(detail.record.upload.key.length));
    document.addEventListener("thumbgate:rejected", ({ detail: { problem } }) => console.log(problem.code, problem.status + 1));
    element.add([new File([], "a.jpg")]);
    ThumbgateUpload.texts.fr = { choose: "Choisir", problems: { busy: "Le serveur est très occupé." } };`;
  const compile = async (text) => {
    await writeFile(join(cwd, "page.ts"), text);
    const options = [
      "--strict",
      "--noEmit",
      "--module",
      "esnext",
      "--moduleResolution",
      "bundler",
      "--lib",
      "es2022,dom,dom.iterable",
    ];
    return run(join(MODULES, ".bin/tsc"), [...options, "--target", "es2022", "page.ts"], { cwd });
  };
  const good = await compile(program);
  assert.equal(good.status, 0, good.out);
  const bad = await compile(program.replace("problem.code", "problem.kind"));
  assert.match(bad.out, /Property 'kind' does not exist/);
});

test("every example is run by some test, and is listed", async () => {
  const folder = new URL(".", import.meta.url);
  const tests = await Promise.all(
    ["clients.test.mjs", "browser.test.mjs"].map((name) => readFile(new URL(name, folder), "utf8")),
  );
  const list = await readFile(join(REPOSITORY, "examples/README.md"), "utf8");
  for (const name of await readdir(join(REPOSITORY, "examples"))) {
    if (name === "README.md") continue;
    assert.ok(
      tests.some((text) => text.includes(`"${name}"`) || text.includes(`"${basename(name, ".ts")}.js"`)),
      `${name} is run`,
    );
    assert.ok(list.includes(`(${name})`), `${name} is listed`);
  }
});
