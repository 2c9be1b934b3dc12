// sharp on some files: `sharp.mjs TOOLS ROUNDS OUT_FOLDER FILES...`; prints as bench_job does.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const [tools, rounds, folder, ...files] = process.argv.slice(2);
const sharp = createRequire(join(tools, "package.json"))("sharp");
sharp.concurrency(1);
sharp.cache(false);

const job = (source, isPng) => {
  const small = sharp(source).resize(150, 150, { fit: "inside", withoutEnlargement: true });
  return (isPng ? small.png() : small.jpeg({ quality: 80 })).toBuffer();
};
const kib = (field) => Number(readFileSync("/proc/self/status", "utf8").match(new RegExp(`${field}:\\s+(\\d+)`))[1]);

for (const file of files) {
  const source = readFileSync(file);
  const isPng = file.endsWith(".png");
  const before = kib("VmRSS");
  const out = await job(source, isPng);
  const peak = Math.max(0, kib("VmHWM") - before);
  const start = process.cpuUsage();
  for (let round = 0; round < Number(rounds); round++) await job(source, isPng);
  const used = process.cpuUsage(start);
  const milliseconds = (used.user + used.system) / 1000 / Number(rounds);
  console.log(basename(file), milliseconds.toFixed(3), peak, out.length);
  writeFileSync(join(folder, basename(file)), out);
}
