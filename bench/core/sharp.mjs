// sharp on some files: `sharp.mjs TOOLS MILLISECONDS OUT_FOLDER FILES...`; prints as bench_job does.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const [tools, least, folder, ...files] = process.argv.slice(2);
const sharp = createRequire(join(tools, "package.json"))("sharp");
sharp.concurrency(1);
sharp.cache(false);

const job = (source, isPng) => {
  const small = sharp(source).resize(150, 150, { fit: "inside", withoutEnlargement: true });
  return (isPng ? small.png() : small.jpeg({ quality: 80 })).toBuffer();
};
// As in clock.py.
const cpuMilliseconds = async (job, least) => {
  const start = process.cpuUsage();
  const used = () => Object.values(process.cpuUsage(start)).reduce((user, system) => user + system) / 1000;
  let rounds = 0;
  while (rounds === 0 || used() < least) {
    const more = Math.max(rounds, 3);
    for (let round = 0; round < more; round++) await job();
    rounds += more;
  }
  return used() / rounds;
};
const kib = (field) => Number(readFileSync("/proc/self/status", "utf8").match(new RegExp(`${field}:\\s+(\\d+)`))[1]);

for (const file of files) {
  const source = readFileSync(file);
  const isPng = file.endsWith(".png");
  const before = kib("VmRSS");
  const out = await job(source, isPng);
  const peak = Math.max(0, kib("VmHWM") - before);
  const milliseconds = await cpuMilliseconds(() => job(source, isPng), Number(least));
  console.log(basename(file), milliseconds.toFixed(3), peak, out.length);
  writeFileSync(join(folder, basename(file)), out);
}
