// The program under test as a process of its own, on a local store that the tests look into.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = process.env.THUMBGATE ?? fileURLToPath(new URL("../../../target/release/thumbgate", import.meta.url));
const BUCKETS = { uploads: "marketing-uploads-bucket", thumbnails: "marketing-thumbnails-bucket" };

/** `thumbgate serve` in an empty folder, with these settings and nothing else in its environment. */
export async function startService(settings = {}) {
  const home = await mkdtemp(join(tmpdir(), "thumbgate-page-"));
  const env = { PATH: process.env.PATH, HOME: home, LISTEN: "127.0.0.1:0", LOG_FORMAT: "json", ...settings };
  const child = spawn(PROGRAM, { cwd: home, env, stdio: ["ignore", "ignore", "pipe"] });
  const service = new Service(home, child);
  try {
    service.url = await service.ready();
  } catch (error) {
    await service.stop().catch(() => {});
    throw error;
  }
  return service;
}

class Service {
  lines = [];
  #ended;

  constructor(home, child) {
    this.home = home;
    this.child = child;
    this.#ended = new Promise((resolve) => child.once("close", resolve));
  }

  ready() {
    return new Promise((resolve, reject) => {
      createInterface({ input: this.child.stderr }).on("line", (line) => {
        this.lines.push(line);
        if (line.includes("thumbgate is ready")) resolve(JSON.parse(line).url);
      });
      this.#ended.then((status) => reject(new Error(`the service ended with ${status}: ${this.lines.join("\n")}`)));
    });
  }

  /** The keys in both buckets, as a person would see them: `uploads/a.jpg`. */
  async stored() {
    const all = await Promise.all(
      Object.keys(BUCKETS).map(async (bucket) => {
        const folder = join(this.home, "data", BUCKETS[bucket]);
        const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
        const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
        return files
          .map((file) => `${bucket}${file.slice(folder.length)}`)
          .filter((key) => !key.includes("/.thumbgate/"));
      }),
    );
    return all.flat().sort();
  }

  /** The bytes under a key such as `uploads/a.jpg`. */
  read(path) {
    const [bucket, ...key] = path.split("/");
    return readFile(join(this.home, "data", BUCKETS[bucket], ...key));
  }

  /** How many versions of an original there are. */
  async versions(key) {
    const records = await readFile(join(this.home, "data", BUCKETS.uploads, ".thumbgate/records", key), "utf8");
    return records.trim().split("\n").length;
  }

  async stop() {
    this.child.kill("SIGKILL");
    await this.#ended;
    await rm(this.home, { recursive: true, force: true });
    const panics = this.lines.filter((line) => line.includes("panicked"));
    if (panics.length) throw new Error(`the service panicked: ${panics.join("\n")}`);
  }
}

/** The key of a thumbnail. */
export function thumbnailKey(key) {
  return key.replace(/(\.\w+)$/, "-thumbnail$1");
}

/** What both buckets hold of these originals. */
export function pairs(...keys) {
  return [...keys.map((key) => `uploads/${key}`), ...keys.map((key) => `thumbnails/${thumbnailKey(key)}`)].sort();
}
