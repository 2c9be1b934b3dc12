// The examples as they stand, but for the address: each test runs copies that lead to its own service.
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = fileURLToPath(new URL("../../../", import.meta.url));
export const MODULES = fileURLToPath(new URL("node_modules", import.meta.url));
const ADDRESS = "http://127.0.0.1:8080";

/** A folder with all examples, for a service at this address, and the modules that they import beside them. */
export async function copyExamples(url) {
  const folder = await mkdtemp(join(tmpdir(), "thumbgate-examples-"));
  const source = join(REPOSITORY, "examples");
  for (const name of await readdir(source)) {
    const text = await readFile(join(source, name), "utf8");
    await writeFile(join(folder, name), text.replaceAll(ADDRESS, url));
  }
  await symlink(MODULES, join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await mkdir(join(folder, "files"));
  /** A copy of one of the tests' files under another name. */
  const fixture = async (name, as) => {
    await cp(join(REPOSITORY, "tests/fixtures", name), join(folder, "files", as));
    return join(folder, "files", as);
  };
  return { folder, fixture, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Runs a program to its end. */
export function run(program, args, { cwd, env = {} }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, out: out.trim(), err }));
  });
}
