// The upload form sends its files without this script too. With it, they are previewed and checked as soon as they are
// chosen, and each has its own progress and its own answer, all in place. Every address is relative to the page.

const AT_ONCE = 3;

const form = document.querySelector("#upload");
const input = form.querySelector("input[type=file]");
const button = form.querySelector("[type=submit]");
const list = document.querySelector("#files");
const news = document.querySelector("#status");
const items = [];

const limits = fetch("limits")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
  .then((found) => {
    const megapixels = (found.max_pixels / 1e6).toLocaleString("en", { maximumSignificantDigits: 3 });
    document.querySelector("#limits").textContent =
      `${found.extensions.join(", ")} up to ${size(found.max_file_bytes)} and ${megapixels} megapixels each.`;
    return found;
  })
  .catch(() => null); // The server refuses what is not checked here.

document.documentElement.classList.add("script");
document.querySelector("#curl").textContent = `curl -F file=@image1.jpg ${form.action}`;
// The chosen files move from the input to the list, so that it is empty when they are sent.
form.noValidate = true;

input.addEventListener("change", () => {
  choose([...input.files]);
  input.value = "";
});

for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // The browser would open the file instead of the page.
    form.classList.toggle("dragged-over", type === "dragenter" || type === "dragover");
    if (type === "drop") choose([...event.dataTransfer.files]);
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const waiting = items.filter((item) => item.waits);
  if (waiting.length === 0) {
    news.textContent = items.some((item) => item.sending) ? "The upload is under way." : "Choose a picture first.";
    return;
  }
  for (const item of waiting) show(item, "Waiting", { waits: false, sending: true, failed: false });
  const lane = async () => {
    for (let item = waiting.shift(); item; item = waiting.shift()) settle(item, await send(item));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
});

async function choose(files) {
  const known = await limits;
  const refused = [];
  for (const file of files) {
    const item = { file, row: document.querySelector("#chosen").content.firstElementChild.cloneNode(true) };
    const reason = reasonToRefuse(file, known);
    item.row.querySelector(".name").textContent = file.name;
    item.row.querySelector(".mat").dataset.kind = file.name.split(".").slice(1).pop()?.slice(0, 4) ?? "";
    item.row.querySelector(".remove").setAttribute("aria-label", `Remove ${file.name}`);
    item.row.querySelector(".remove").addEventListener("click", () => remove(item));
    if (reason) refused.push(`${file.name}: ${reason}`);
    else preview(item);
    items.push(item);
    list.append(item.row);
    show(item, reason ?? `${size(file.size)}, ready`, { waits: !reason, failed: Boolean(reason) });
  }
  const ready = items.filter((item) => item.waits).length;
  news.textContent = [ready ? `${count(ready)} ready.` : "", ...refused].join(" ").trim();
}

function reasonToRefuse(file, known) {
  const isKnown = (known?.extensions ?? []).some((extension) => file.name.toLowerCase().endsWith(extension));
  if (known && !isKnown) return `Only ${known.extensions.join(", ")} can be uploaded.`;
  if (file.size === 0) return "The file is empty.";
  if (known && file.size > known.max_file_bytes) {
    return `The file has ${size(file.size)}; at most ${size(known.max_file_bytes)} can be uploaded.`;
  }
  return null;
}

function preview(item) {
  const image = item.row.querySelector("img");
  image.addEventListener("error", () => (image.hidden = true));
  image.src = URL.createObjectURL(item.file);
  image.hidden = false;
}

function remove(item) {
  items.splice(items.indexOf(item), 1);
  item.row.remove();
  news.textContent = `${item.file.name} removed.`;
  label();
  input.focus();
}

function send(item) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append(input.name, item.file);
    const bar = item.row.querySelector("progress");
    bar.value = 0;
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = total ? loaded / total : 0;
      show(item, `${Math.floor(bar.value * 100)} % sent`);
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      show(item, "Making the thumbnail");
    });
    request.addEventListener("loadend", () => resolve(answerOf(request)));
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  });
}

function answerOf({ status, responseText }) {
  let answer = null;
  try {
    answer = JSON.parse(responseText);
  } catch {
    // A proxy in between may answer with a page of its own.
  }
  if (status === 201 && answer?.thumbnail) return { record: answer };
  const again = status === 0 || status === 408 || status === 429 || status >= 500;
  if (status === 0) return { again, words: "The connection broke before the answer came. Try again." };
  if (answer?.title) return { again, words: `${answer.title} (${answer.detail}).${again ? " Try again." : ""}` };
  return { again, words: `The server refused the file with status ${status} and gave no reason.` };
}

function settle(item, { record, words, again = false }) {
  show(item, record ? "Uploaded" : words, { sending: false, waits: again, failed: !record, done: Boolean(record) });
  if (record) showRecord(item.row, record, item.file.name);
  const [done, open, failed] = ["done", "sending", "failed"].map((is) => items.filter((other) => other[is]).length);
  if (open) news.textContent = `${item.file.name}: ${record ? "uploaded" : words}`;
  else news.textContent = `${count(done)} uploaded${failed ? `, ${failed} not` : ""}.`;
}

function showRecord(row, record, name) {
  const address = `thumbnails/${record.thumbnail.key.split("/").map(encodeURIComponent).join("/")}`;
  const image = row.querySelector("img");
  URL.revokeObjectURL(image.src);
  // A second upload of the same name must not show the first one's thumbnail again.
  image.src = `${address}?${record.upload.sha256.slice(0, 16)}`;
  image.alt = `Thumbnail of ${name}`;
  image.hidden = false;
  const links = [...row.querySelectorAll(".keys a")];
  [record.upload, record.thumbnail].forEach(({ key }, at) => (links[at].firstElementChild.textContent = key));
  [record.url, address].forEach((target, at) => (links[at].href = target));
  row.querySelector(".keys").hidden = false;
}

function show(item, words, changes = {}) {
  Object.assign(item, changes);
  item.row.querySelector(".state").textContent = words;
  item.row.querySelector("progress").hidden = !item.sending;
  item.row.querySelector(".remove").hidden = Boolean(item.sending || item.done);
  item.row.classList.toggle("failed", Boolean(item.failed));
  item.row.classList.toggle("done", Boolean(item.done));
  label();
}

function label() {
  const ready = items.filter((item) => item.waits).length;
  button.textContent = ready ? `Upload ${count(ready)}` : "Upload";
}

function count(pictures) {
  return pictures === 1 ? "1 picture" : `${pictures} pictures`;
}

function size(bytes) {
  const [unit, scale] = bytes < 1024 ** 2 ? ["KB", 1024] : ["MB", 1024 ** 2];
  return `${Number((bytes / scale).toFixed(1))} ${unit}`;
}
