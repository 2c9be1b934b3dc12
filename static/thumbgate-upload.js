// <thumbgate-upload>: pictures go up to a thumbgate service and come back as thumbnails. docs/integrate.md tells how to
// embed it, thumbgate-upload.d.ts what it takes. Below: the element, one file's row and way, requests, texts, style.

const AT_ONCE = 3;
const ATTEMPTS = 6;
const LONGEST_PAUSE_SECONDS = 300;
/** Browsers never tell of a link that has died without a word. */
const SILENCE_SECONDS = 60;
const THUMBNAIL_SECONDS = 120;
/** After these an unchanged thumbnail is that of the same picture, uploaded again. */
const UNCHANGED_SECONDS = 10;
/** Worth another attempt, and what it means where a gateway gives no problem document. */
const PASSING = {
  0: "network",
  408: "request-timeout",
  429: "rate-limited",
  502: "storage-unavailable",
  503: "busy",
  504: "storage-timeout",
};
const FINAL = { 401: "unauthorized", 403: "forbidden", 404: "not-found", 413: "payload-too-large" };
const RUNNING = ["sending", "thumbnail", "pausing"];
const ACTIVE = ["waiting", ...RUNNING];

export class ThumbgateUpload extends HTMLElement {
  static formAssociated = true;
  static observedAttributes = ["endpoint", "api-key", "multiple", "lang", "name", "required"];
  /** Others can be added: `ThumbgateUpload.texts.fr = {…}`. What is left out is English. */
  static texts = {};

  #internals = this.attachInternals();
  #parts;
  #rows = [];
  #limits = null;
  #texts = textsFor(this);
  #taking = Promise.resolve();
  #news = [];
  #newsTimer;
  #isDisabled = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [SHEET];
    root.append(markup(FRAME));
    this.#parts = partsOf(root);
    this.#internals.role = "group";
    const { input, drop, list } = this.#parts;
    input.addEventListener("change", () => {
      this.add(input.files);
      input.value = ""; // So that the same file can be chosen again.
    });
    for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
      drop.addEventListener(type, (event) => this.#onDrag(event));
    }
    list.addEventListener("click", (event) => this.#onClick(event));
  }

  connectedCallback() {
    document.addEventListener("paste", this.#onPaste);
    this.#translate();
    this.#settle();
  }

  disconnectedCallback() {
    document.removeEventListener("paste", this.#onPaste);
  }

  attributeChangedCallback(name) {
    if (name === "endpoint" || name === "api-key") this.#limits = null;
    if (!this.isConnected) return;
    this.#translate();
    this.#settle();
  }

  formDisabledCallback(isDisabled) {
    this.#isDisabled = this.#parts.input.disabled = isDisabled;
  }

  formResetCallback() {
    this.clear();
  }

  /** The service's address; by default the one that this script came from. */
  get endpoint() {
    const given = this.getAttribute("endpoint");
    const address = given === null ? new URL("..", import.meta.url) : new URL(given, document.baseURI);
    return address.href.replace(/\/*$/, "/");
  }

  get uploads() {
    return this.#rows.map(({ file, state, record, problem }) => ({ file, state, record, problem }));
  }

  add(files) {
    if (this.#isDisabled) return;
    const isOne = !this.hasAttribute("multiple");
    const taken = [...files].slice(0, isOne ? 1 : undefined);
    if (isOne && taken.length) this.clear();
    for (const file of taken) {
      const row = new Row(file, this.#texts);
      this.#rows.push(row);
      this.#parts.list.append(row.element);
      this.#queue(row);
    }
    this.#settle();
  }

  /** Ends what is under way, and empties the list. */
  clear() {
    for (const row of [...this.#rows]) this.#remove(row);
    this.#settle();
  }

  focus(options) {
    this.#parts.input.focus(options);
  }

  #queue(row) {
    row.isChecked = false;
    this.#taking = this.#taking.then(() => this.#check(row));
  }

  async #check(row) {
    const limits = await this.#readLimits();
    const problem = await reasonToRefuse(row.file, limits);
    if (row.state !== "waiting") return;
    const limit = Number(this.getAttribute("max-files")) || Infinity;
    const isOneTooMany = this.#rows.filter((other) => other.isChecked).length >= limit;
    row.limits = limits;
    if (problem || isOneTooMany) this.#reject(row, problem ?? { code: "too-many-files", status: 413, limit });
    else row.isChecked = true;
    this.#settle();
  }

  /** Starts what there is a free lane for, and tells how things stand. */
  #settle() {
    const of = (...states) => this.#rows.filter(({ state }) => states.includes(state));
    const next = of("waiting").filter(({ isChecked }) => isChecked);
    for (const row of next.slice(0, Math.max(0, AT_ONCE - of(...RUNNING).length))) this.#run(row);
    const { summary, list } = this.#parts;
    const [all, done] = [this.#rows.length, of("done").length];
    list.hidden = all === 0;
    const words = all ? fill(this.#texts.summary, { done, all }) : "";
    if (words !== summary.textContent) this.#announce();
    summary.textContent = words;
    this.#setFormValue(of(...ACTIVE).length > 0, done);
  }

  #setFormValue(isActive, done) {
    const { input } = this.#parts;
    const name = this.getAttribute("name");
    const value = new FormData();
    for (const { record } of this.#rows) if (name && record) value.append(name, record.upload.key);
    this.#internals.setFormValue(value);
    if (isActive) this.#internals.setValidity({ customError: true }, this.#texts.unfinished, input);
    else if (this.hasAttribute("required") && !done) {
      this.#internals.setValidity({ valueMissing: true }, this.#texts.chooseOne, input);
    } else this.#internals.setValidity({});
  }

  async #run(row) {
    row.begin();
    const { file, signal } = row;
    const report = (state, changes) => {
      if (signal.aborted) return;
      row.show(state, changes);
      if (state === "pausing") this.#announce(`${file.name}: ${row.words}`);
      this.#tell("progress", { file, state, loaded: row.loaded, total: file.size });
    };
    report("sending", { loaded: 0 });
    try {
      const way = { endpoint: this.endpoint, headers: this.#headers(), signal, report };
      const record = await upload(file, way, await this.#readLimits());
      row.show("done", { record, image: imageUrl(record.thumbnail, this.endpoint) });
      this.#tell("uploaded", { file, record });
    } catch (problem) {
      if (!signal.aborted) this.#reject(row, problem);
    }
    this.#settle();
  }

  #reject(row, problem) {
    if (!problem.code) throw problem; // A fault of this script, not of the file.
    row.show("failed", { problem });
    this.#announce(`${row.file.name}: ${row.words}`);
    this.#tell("rejected", { file: row.file, problem, message: row.words });
  }

  #remove(row) {
    row.end();
    this.#rows.splice(this.#rows.indexOf(row), 1);
  }

  #headers() {
    const key = this.getAttribute("api-key");
    return key ? { Authorization: `Bearer ${key}` } : {};
  }

  /** Null where they can't be had: then the service alone refuses, and the next file asks again. */
  async #readLimits() {
    const asked = (this.#limits ??= exchange({ url: `${this.endpoint}limits`, headers: this.#headers() }));
    const { status, json } = await asked;
    if (status === 200 && json) return json;
    if (this.#limits === asked) this.#limits = null;
    return null;
  }

  async #translate() {
    const texts = (this.#texts = textsFor(this));
    const { frame, input, choose, more, hint } = this.#parts;
    const isMany = (input.multiple = this.hasAttribute("multiple"));
    frame.lang = texts.lang;
    this.#internals.ariaLabel = choose.textContent = isMany ? texts.choose : texts.chooseOne;
    more.textContent = texts.orDrop;
    hint.textContent ||= "JPEG, PNG";
    for (const row of this.#rows) row.translate(texts);
    const limits = await this.#readLimits();
    if (!limits || texts !== this.#texts) return;
    input.accept = [...limits.types, ...limits.extensions].join();
    hint.textContent = fill(texts.limits, inNumbers(limits, texts));
  }

  /** What is said within half a second is read out as one. */
  #announce(words) {
    if (words) this.#news.push(words);
    clearTimeout(this.#newsTimer);
    this.#newsTimer = setTimeout(() => {
      this.#parts.news.textContent = [...this.#news.splice(0), this.#parts.summary.textContent].join(" ");
    }, 500);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(`thumbgate:${name}`, { detail, bubbles: true, composed: true }));
  }

  #onDrag(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // The browser would open the file instead of the page.
    event.stopPropagation();
    this.#parts.drop.classList.toggle("over", event.type === "dragenter" || event.type === "dragover");
    if (event.type === "drop") this.add(event.dataTransfer.files);
  }

  /** From anywhere but text fields, to the element with the focus or else the first. */
  #onPaste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    const focused = document.activeElement;
    const isForAnother = focused?.localName === this.localName && focused !== this;
    const [target] = event.composedPath();
    const isText = target.isContentEditable || (/^(input|textarea)$/.test(target.localName) && target.type !== "file");
    if (!files.length || event.defaultPrevented || isForAnother || isText) return;
    event.preventDefault();
    this.add(files.map(withNameOfItsOwn));
  };

  #onClick(event) {
    const button = event.target.closest("button");
    const row = this.#rows.find(({ element }) => element.contains(button));
    if (!row) return;
    if (button.value === "copy") return this.#copy(row, button);
    if (button.value === "cancel") row.cancel();
    if (button.value === "retry") this.#queue(row.show("waiting", { problem: null, loaded: 0 }));
    if (button.value === "remove") this.focus(this.#remove(row));
    this.#settle();
  }

  async #copy(row, button) {
    await navigator.clipboard.writeText(row.record.upload.key);
    button.textContent = this.#texts.copied;
    this.#announce(this.#texts.copied);
    setTimeout(() => row.translate(this.#texts), 2000);
  }
}

class Row {
  state = "waiting";
  loaded = 0;
  record = null;
  problem = null;
  pause = 0;
  limits = null;
  isChecked = false;
  #controller = new AbortController();
  #texts;

  constructor(file, texts) {
    this.file = file;
    const content = markup(ROW);
    this.parts = partsOf(content);
    this.element = content.firstElementChild;
    const { name, preview, image } = this.parts;
    name.textContent = file.name;
    preview.dataset.kind = file.name.split(".").slice(1).pop()?.slice(0, 4).toUpperCase() ?? "";
    image.addEventListener("load", () => (image.hidden = false));
    image.addEventListener("error", () => (image.hidden = true));
    if (/^image\/(jpeg|png)$/.test(file.type)) image.src = URL.createObjectURL(file);
    this.translate(texts);
  }

  get signal() {
    return this.#controller.signal;
  }

  begin() {
    this.#controller = new AbortController();
  }

  cancel() {
    this.#controller.abort();
    this.show("cancelled");
  }

  end() {
    this.#controller.abort();
    this.state = "removed";
    this.element.remove();
    this.#showImage("");
  }

  show(state, changes) {
    if (this.state === "removed") return this;
    Object.assign(this, { state }, changes);
    if (state === "done") this.#showRecord();
    this.translate(this.#texts);
    return this;
  }

  get words() {
    const { state, problem, file, loaded } = this;
    if (problem && (state === "failed" || state === "pausing")) return inWords(this, this.#texts);
    const percent = Math.floor((100 * loaded) / (file.size || 1));
    return fill(this.#texts.states[state], { percent, size: size(file.size, this.#texts) });
  }

  translate(texts) {
    this.#texts = texts;
    const { file, state, loaded } = this;
    const { status, progress, image } = this.parts;
    this.element.dataset.state = state;
    status.textContent = this.words;
    progress.hidden = !ACTIVE.includes(state);
    progress.ariaLabel = fill(texts.progressOf, { name: file.name });
    if (state === "thumbnail") progress.removeAttribute("value");
    else progress.value = loaded / (file.size || 1);
    image.alt = state === "done" ? fill(texts.thumbnailOf, { name: file.name }) : "";
    const buttons = [...this.element.querySelectorAll("button")];
    const focused = buttons.find((button) => button.matches(":focus"));
    for (const button of buttons) {
      button.textContent = texts[button.value];
      button.ariaLabel = `${texts[button.value]}: ${file.name}`;
      button.hidden = !this.#offers(button.value);
    }
    // A button that is gone would take the focus with it.
    if (focused?.hidden) buttons.find(({ hidden }) => !hidden)?.focus();
  }

  #offers(action) {
    const isOver = this.state === "failed" || this.state === "cancelled";
    if (action === "cancel") return ACTIVE.includes(this.state);
    if (action === "copy") return this.state === "done" && navigator.clipboard; // Only under HTTPS.
    return isOver && (action === "remove" || !this.problem || this.problem.status in PASSING);
  }

  #showRecord() {
    const { key } = this.parts;
    const { upload: original } = this.record;
    key.textContent = original.key;
    if (original.url) key.href = original.url;
    key.hidden = false;
    this.#showImage(this.image);
  }

  #showImage(url) {
    const { image } = this.parts;
    URL.revokeObjectURL(image.src);
    if (url) image.src = url;
  }
}

/** A problem as the service would answer it, or null. */
async function reasonToRefuse(file, limits) {
  const isKnown = (extension) => file.name.toLowerCase().endsWith(extension);
  if (limits && !limits.extensions.some(isKnown)) return { code: "unsupported-extension", status: 415 };
  const limit = Math.max(limits?.max_file_bytes, limits?.presigned_max_bytes ?? 0);
  if (file.size > limit) return { code: "payload-too-large", status: 413, limit, actual: file.size };
  if (file.size === 0) return { code: "empty", status: 415 };
  return (await typeOf(file)) ? null : { code: "unsupported-content", status: 415 };
}

/** By the first bytes: browsers go by the name. */
async function typeOf(file) {
  const head = await file
    .slice(0, 4)
    .arrayBuffer()
    .catch(() => null);
  const first = head?.byteLength === 4 ? new DataView(head).getUint32(0) : 0;
  if (first === 0x89504e47) return "image/png";
  return first >>> 8 === 0xffd8ff ? "image/jpeg" : null;
}

/** The way of one file into the store. Gives back its record; throws a problem. */
async function upload(file, way, limits) {
  if (file.size <= (limits?.max_file_bytes ?? Infinity)) {
    const body = new FormData();
    body.append("file", file, file.name);
    const headers = { ...way.headers, Accept: "application/json" };
    const answer = await persist(way, () =>
      send({ method: "POST", url: `${way.endpoint}uploads`, headers, body }, file, way),
    );
    if (answer.status === 201 && answer.json?.thumbnail) return answer.json;
    const problem = problemOf(answer);
    // A gateway in front may take less than the service; a link leads past it.
    const isOffered = problem.code === "payload-too-large" && file.size <= limits?.presigned_max_bytes;
    if (!isOffered) throw problem;
  }
  return uploadByLink(file, way);
}

/** Into the store, which makes the thumbnail soon after. A local one answers with the record. */
async function uploadByLink(file, way) {
  let link, earlier;
  const answer = await persist(way, async () => {
    if (!(Date.parse(link?.expires_at) > Date.now())) {
      link = await askForLink(file, way);
      const isNewKey = "If-None-Match" in link.headers;
      earlier = isNewKey ? null : await exchange({ ...way, method: "HEAD", url: thumbnailUrl(link, way) });
    }
    return send({ method: link.method, url: link.url, headers: link.headers, body: file }, file, way);
  });
  if (answer.json?.thumbnail) return answer.json;
  // 412: it is there already, by an attempt of which the answer was lost.
  const isStored = (answer.status >= 200 && answer.status < 300) || answer.status === 412;
  if (!isStored) throw problemOf(answer);
  way.report("thumbnail");
  return waitForThumbnail(link, earlier?.etag, way);
}

async function askForLink(file, way) {
  const wanted = { filename: file.name, content_type: await typeOf(file), bytes: file.size };
  const headers = { ...way.headers, "Content-Type": "application/json" };
  const request = { method: "POST", url: `${way.endpoint}uploads/presigned`, headers, body: JSON.stringify(wanted) };
  const answer = await persist(way, () => exchange({ ...request, signal: way.signal }));
  if (answer.status !== 201 || !answer.json?.url) throw problemOf(answer);
  return answer.json;
}

async function waitForThumbnail(link, earlierEtag, way) {
  const url = thumbnailUrl(link, way);
  for (const begun = Date.now(); ;) {
    const answer = await exchange({ ...way, url });
    const seconds = (Date.now() - begun) / 1000;
    if (answer.status === 200 && (answer.etag !== earlierEtag || seconds > UNCHANGED_SECONDS)) {
      const thumbnail = { key: link.thumbnail_key, url: URL.createObjectURL(answer.blob) };
      return { upload: { key: link.key }, thumbnail, url: null };
    }
    const problem = problemOf(answer);
    const isPending = answer.status in PASSING || [200, 404].includes(answer.status);
    if (!isPending || problem.code === "thumbnail-rejected") throw problem;
    if (seconds > THUMBNAIL_SECONDS) throw { code: "thumbnail-late", status: 504 };
    await sleep(answer.retryAfter ?? 1, way.signal);
  }
}

function thumbnailUrl({ thumbnail_key: key }, { endpoint }) {
  return `${endpoint}thumbnails/${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** The service's own page may be open at another address than its links have, and its policy allows no other. */
function imageUrl({ key, url }, endpoint) {
  if (url.startsWith("blob:")) return url;
  const { origin, search } = new URL(url, endpoint);
  const isHere = endpoint.startsWith(`${location.origin}/`) && origin !== location.origin && !/X-Amz/.test(search);
  const address = isHere ? thumbnailUrl({ thumbnail_key: key }, { endpoint }) + search : url;
  // A second upload of the same name must not show the first one's thumbnail again.
  return search ? address : `${address}?${Date.now()}`;
}

/** Tries again with longer and longer pauses, or the one that the answer asks for. */
async function persist({ signal, report }, attempt) {
  for (let tries = 1; ; tries += 1) {
    const answer = await attempt();
    const pause = answer.retryAfter ?? 2 ** (tries - 1) * (1 + Math.random() / 4);
    const isFinal = !(answer.status in PASSING) || tries === ATTEMPTS || pause > LONGEST_PAUSE_SECONDS;
    if (isFinal) return answer;
    report("pausing", { problem: problemOf(answer), pause: Math.ceil(pause), loaded: 0 });
    await sleep(pause, signal);
    report("sending", { problem: null, pause: 0 });
  }
}

/** While the network is away, until it is back. */
function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    if (navigator.onLine === false) addEventListener("online", resolve, { once: true });
    else setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

function send(request, file, { signal, report }) {
  const onProgress = (share) => report(share < 1 ? "sending" : "thumbnail", { loaded: Math.floor(share * file.size) });
  return exchange({ ...request, signal, onProgress });
}

/** One request by XMLHttpRequest, since fetch tells nothing of the way up. Status 0 is a lost network. */
function exchange({ method = "GET", url, headers, body, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let watch;
    const abort = () => request.abort();
    const watchOn = () => {
      clearTimeout(watch);
      watch = setTimeout(abort, SILENCE_SECONDS * 1000);
    };
    request.addEventListener("loadend", () => {
      clearTimeout(watch);
      signal?.removeEventListener("abort", abort);
      if (signal?.aborted) reject(signal.reason);
      else resolve(answerOf(request));
    });
    if (onProgress) {
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        watchOn();
        onProgress(loaded / total);
      });
    }
    request.open(method, url);
    request.responseType = "blob";
    for (const [name, value] of Object.entries(headers ?? {})) request.setRequestHeader(name, value);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort);
    watchOn();
    request.send(body);
  });
}

async function answerOf(request) {
  const { status, response: blob } = request;
  // Asking by name for a header that is not exposed makes an error in the console.
  const header = (name) => new RegExp(`^${name}: *(.*?)\r?$`, "im").exec(request.getAllResponseHeaders())?.[1];
  let json = null;
  try {
    if (/json/.test(blob?.type)) json = JSON.parse(await blob.text());
  } catch {
    // A gateway in between may answer with anything.
  }
  return { status, json, blob, etag: header("etag"), retryAfter: secondsIn(header("retry-after")) };
}

/** `Retry-After` is a number of seconds or a date. */
function secondsIn(retryAfter) {
  return [Number(retryAfter), (Date.parse(retryAfter) - Date.now()) / 1000].find((seconds) => seconds >= 0);
}

function problemOf({ status, json }) {
  return json?.code ? { ...json, status } : { code: PASSING[status] ?? FINAL[status] ?? "unexpected", status };
}

/** All pictures from the clipboard are called image.png: each would replace the last. */
function withNameOfItsOwn(file) {
  if (!/^image\.(png|jpe?g)$/.test(file.name)) return file;
  return new File([file], file.name.replace("image", `pasted-${Date.now()}`), { type: file.type });
}

// --- Texts ---

function textsFor(element) {
  const wanted = element.closest("[lang]")?.lang || document.documentElement.lang;
  const { texts } = ThumbgateUpload;
  const lang = [wanted, wanted.split("-")[0]].find((name) => name in texts) ?? "en";
  const { states, problems, ...others } = texts[lang];
  return {
    ...texts.en,
    ...others,
    lang,
    states: { ...texts.en.states, ...states },
    problems: { ...texts.en.problems, ...problems },
  };
}

/** The same for a person, though not for a program. */
const SAME = {
  "not-multipart": "garbled",
  "malformed-multipart": "garbled",
  "missing-file": "garbled",
  "invalid-request": "garbled",
  "range-not-satisfiable": "garbled",
  "method-not-allowed": "not-found",
  "not-ready": "busy",
  "storage-timeout": "storage-unavailable",
  unauthorized: "forbidden",
  "thumbnail-pending": "thumbnail-late",
};

function inWords({ problem, pause, limits }, texts) {
  const { code, detail, limit, actual } = problem;
  // A rejected thumbnail's detail ends in the code of what is wrong with its original.
  const inner = code === "thumbnail-rejected" ? detail?.split(" ").pop() : null;
  const isBare = code === "payload-too-large" && !limit; // by a gateway that says no more
  const words = texts.problems[isBare ? "too-large" : inner] ?? texts.problems[SAME[code] ?? code];
  const numbers =
    code === "payload-too-large" && limit ? { limit: size(limit, texts), actual: size(actual, texts) } : { limit };
  const told = fill(words ?? texts.problems.unexpected, { ...numbers, ...inNumbers(limits, texts) });
  return pause ? `${told} ${fill(texts.again, { seconds: pause })}` : told;
}

function inNumbers(limits, texts) {
  if (!limits) return {};
  const megapixels = number(limits.max_pixels / 1e6, texts, { maximumSignificantDigits: 3 });
  const most = Math.max(limits.max_file_bytes, limits.presigned_max_bytes ?? 0);
  return { types: limits.extensions.join(", "), size: size(most, texts), megapixels };
}

function size(bytes, texts) {
  const [unit, scale] = bytes < 1024 ** 2 ? ["kilobyte", 1024] : ["megabyte", 1024 ** 2];
  return number(bytes / scale, texts, { style: "unit", unit, maximumFractionDigits: 1 });
}

function number(value, { lang }, options) {
  return new Intl.NumberFormat(lang, options).format(value);
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

ThumbgateUpload.texts.en = {
  choose: "Choose pictures",
  chooseOne: "Choose a picture",
  orDrop: "or drop or paste here",
  limits: "{types} up to {size} and {megapixels} megapixels each",
  summary: "{done} of {all} uploaded",
  unfinished: "The upload is not finished yet.",
  progressOf: "Progress of {name}",
  thumbnailOf: "Thumbnail of {name}",
  cancel: "Cancel",
  retry: "Try again",
  remove: "Remove",
  copy: "Copy key",
  copied: "Copied",
  again: "Next attempt in {seconds} s.",
  states: {
    waiting: "{size}, waiting",
    sending: "{percent} % of {size} sent",
    thumbnail: "Making the thumbnail",
    done: "Uploaded",
    cancelled: "Cancelled",
  },
  problems: {
    "unsupported-extension": "Files of this kind are not taken: the name has to end in {types}.",
    "unsupported-content": "This is no JPEG or PNG, whatever its name says. Renaming is not enough.",
    empty: "The file is empty.",
    "corrupt-image": "The picture is damaged or cut short. Export it once more.",
    "image-too-large": "The picture has too many pixels. Scale it down.",
    "decode-timeout": "The picture takes too long to read. Export it once more.",
    "payload-too-large": "The file has {actual}; at most {limit} can be uploaded.",
    "too-large": "The file is too large for the server.",
    "too-many-files": "No more than {limit} can be uploaded here.",
    garbled: "The upload was garbled on its way. Choose the file once more.",
    "invalid-filename": "The file's name cannot be used. Give it one with letters or digits.",
    forbidden: "This page may not upload here.",
    "forbidden-origin": "The server does not take uploads from this site.",
    "link-expired": "The upload took longer than its link was good for. Choose the file once more.",
    "not-found": "There is no upload service at this address.",
    "thumbnail-rejected": "No thumbnail can be made of this file.",
    "thumbnail-late": "The picture is stored, but its thumbnail has not come yet.",
    "request-timeout": "The connection was too slow.",
    "already-exists": "There is a picture of this name already.",
    "rate-limited": "That were too many uploads in a short time.",
    busy: "The server is busy.",
    "storage-unavailable": "The server could not store the picture.",
    internal: "Something went wrong on the server. Nothing is wrong with the picture.",
    network: "The connection is lost.",
    unexpected: "The server gave an answer that makes no sense here.",
  },
};

ThumbgateUpload.texts.de = {
  choose: "Bilder auswählen",
  chooseOne: "Bild auswählen",
  orDrop: "oder hier ablegen oder einfügen",
  limits: "{types} bis {size} und {megapixels} Megapixel je Bild",
  summary: "{done} von {all} hochgeladen",
  unfinished: "Der Upload ist noch nicht fertig.",
  progressOf: "Fortschritt von {name}",
  thumbnailOf: "Vorschaubild von {name}",
  cancel: "Abbrechen",
  retry: "Noch einmal",
  remove: "Entfernen",
  copy: "Schlüssel kopieren",
  copied: "Kopiert",
  again: "Nächster Versuch in {seconds} s.",
  states: {
    waiting: "{size}, wartet",
    sending: "{percent} % von {size} gesendet",
    thumbnail: "Das Vorschaubild entsteht",
    done: "Hochgeladen",
    cancelled: "Abgebrochen",
  },
  problems: {
    "unsupported-extension": "Solche Dateien werden nicht angenommen: Der Name muss auf {types} enden.",
    "unsupported-content": "Das ist kein JPEG oder PNG, auch wenn es so heißt. Umbenennen genügt nicht.",
    empty: "Die Datei ist leer.",
    "corrupt-image": "Das Bild ist beschädigt oder unvollständig. Bitte neu exportieren.",
    "image-too-large": "Das Bild hat zu viele Pixel. Bitte verkleinern.",
    "decode-timeout": "Das Bild zu lesen dauert zu lange. Bitte neu exportieren.",
    "payload-too-large": "Die Datei hat {actual}, höchstens {limit} sind möglich.",
    "too-large": "Die Datei ist zu groß für den Server.",
    "too-many-files": "Mehr als {limit} sind hier nicht möglich.",
    garbled: "Der Upload kam verstümmelt an. Bitte die Datei noch einmal auswählen.",
    "invalid-filename": "Der Dateiname ist nicht brauchbar. Bitte einen mit Buchstaben oder Ziffern geben.",
    forbidden: "Diese Seite darf hier nichts hochladen.",
    "forbidden-origin": "Der Server nimmt von dieser Website keine Uploads an.",
    "link-expired": "Der Upload dauerte länger, als sein Link galt. Bitte die Datei noch einmal auswählen.",
    "not-found": "Unter dieser Adresse gibt es keinen Upload-Dienst.",
    "thumbnail-rejected": "Von dieser Datei lässt sich kein Vorschaubild machen.",
    "thumbnail-late": "Das Bild ist gespeichert, aber sein Vorschaubild lässt auf sich warten.",
    "request-timeout": "Die Verbindung war zu langsam.",
    "already-exists": "Ein Bild dieses Namens gibt es schon.",
    "rate-limited": "Das waren zu viele Uploads in kurzer Zeit.",
    busy: "Der Server ist ausgelastet.",
    "storage-unavailable": "Der Server konnte das Bild nicht speichern.",
    internal: "Auf dem Server ging etwas schief. Am Bild liegt es nicht.",
    network: "Die Verbindung ist unterbrochen.",
    unexpected: "Der Server gab eine Antwort, die hier keinen Sinn ergibt.",
  },
};

// --- Markup ---

const FRAME = `
<div part="frame">
  <div part="drop">
    <svg part="mark" viewBox="0 0 32 32" aria-hidden="true"><path d="M5 6h14v14H5zm18 14h4v6h-4z"/></svg>
    <label for="input"><span part="choose"></span> <span part="more"></span></label>
    <p part="hint" id="hint"></p>
    <input part="input" id="input" type="file" aria-describedby="hint">
  </div>
  <p part="summary"></p>
  <ol part="list" hidden></ol>
  <p part="news" class="unseen" role="status"></p>
</div>`;

const ROW = `
<li part="item">
  <div part="preview"><img part="image" alt="" hidden decoding="async"></div>
  <div part="about">
    <p part="name"></p>
    <p part="status"></p>
    <progress part="progress" max="1" value="0"></progress>
    <a part="key" target="_blank" rel="noopener" hidden></a>
  </div>
  <div part="buttons">
    <button part="button" type="button" value="copy"></button>
    <button part="button" type="button" value="retry"></button>
    <button part="button" type="button" value="cancel"></button>
    <button part="button" type="button" value="remove"></button>
  </div>
</li>`;

function markup(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content;
}

function partsOf(root) {
  return Object.fromEntries([...root.querySelectorAll("[part]")].map((part) => [part.getAttribute("part"), part]));
}

// --- Style: a sheet that policies against inline styles allow ---

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host {
  --_ink: var(--thumbgate-ink, light-dark(#1f1e1b, #ecebe6));
  --_quiet: var(--thumbgate-quiet, light-dark(#625e56, #aba69b));
  --_sheet: var(--thumbgate-sheet, light-dark(#fff, #201f1d));
  --_line: var(--thumbgate-line, light-dark(#dedbd3, #383631));
  --_edge: var(--thumbgate-edge, light-dark(#8b867c, #7d786e));
  --_accent: var(--thumbgate-accent, light-dark(#1d4f5c, #93c9d3));
  --_wrong: var(--thumbgate-wrong, light-dark(#9b2c1f, #f0a094));
  --_right: var(--thumbgate-right, light-dark(#23633c, #93cda7));
  --_radius: var(--thumbgate-radius, 14px);
  display: block;
  color: var(--_ink);
  line-height: 1.5;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
p, ol { margin: 0; padding: 0; }
p, a { overflow-wrap: anywhere; unicode-bidi: plaintext; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; border-radius: 4px; }

[part=drop] {
  position: relative;
  padding: clamp(2rem, 6vw, 3.25rem) 1.25rem;
  border: 1.5px dashed var(--_edge);
  border-radius: var(--_radius);
  background: var(--_sheet);
  text-align: center;
}
[part=drop]:hover, .over { border-color: var(--_accent); background: color-mix(in srgb, var(--_accent) 6%, var(--_sheet)); }
[part=drop]:has(:focus-visible) { outline: 3px solid var(--_accent); outline-offset: 3px; }
[part=drop]:has(:disabled) { opacity: 0.6; }
/* The whole field is the input: it can be clicked, dropped on and reached by keyboard. */
[part=input] { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
[part=mark] { width: 40px; height: 40px; fill: none; stroke: var(--_accent); stroke-width: 2.25; stroke-linejoin: round; }
label { display: block; margin-top: 0.5rem; font-size: 1.125em; }
[part=choose] { color: var(--_accent); font-weight: 600; text-decoration: underline; text-underline-offset: 0.2em; }
[part=hint], [part=status], [part=summary], [part=key] { color: var(--_quiet); font-size: 0.9375em; }
[part=hint] { margin-top: 0.3rem; }
[part=summary] { min-height: 1.5em; margin: 0.75rem 0 0.5rem; font-variant-numeric: tabular-nums; }

[part=list] { list-style: none; border-bottom: 1px solid var(--_line); }
[part=item] {
  display: grid;
  grid-template-columns: 5.5rem minmax(0, 1fr) auto;
  gap: 0.5rem 1.25rem;
  align-items: center;
  padding-block: 0.9rem;
  border-top: 1px solid var(--_line);
}
[part=preview] {
  display: grid;
  place-items: center;
  width: 100%;
  aspect-ratio: 1;
  padding: 0.3rem;
  border: 1px solid var(--_line);
  border-radius: 6px;
  background: var(--_sheet);
}
[part=preview]:has([hidden])::before { content: attr(data-kind); color: var(--_quiet); font-size: 0.85em; }
/* Transparent pictures may be white or black all over. */
[part=image] {
  max-width: 100%;
  max-height: 100%;
  min-width: 0;
  min-height: 0;
  background: repeating-conic-gradient(#b9b6ae 0 25%, #d3d0c8 0 50%) 0 0 / 14px 14px;
}
[part=name] { font-weight: 600; }
[part=status] { font-variant-numeric: tabular-nums; }
[data-state=done] [part=status] { color: var(--_right); }
[data-state=done] [part=status]::before { content: "✓ " / ""; }
[data-state=failed] [part=status] { color: var(--_wrong); }
[part=key] { font-family: ui-monospace, Menlo, Consolas, monospace; }
[part=progress] { display: block; width: 100%; height: 0.5rem; margin-top: 0.4rem; accent-color: var(--_accent); }
[part=buttons] { display: flex; flex-wrap: wrap; gap: 0.25rem; justify-content: flex-end; }
[part=button] {
  min-height: 2.25rem;
  padding: 0.2rem 0.8rem;
  border: 1px solid var(--_edge);
  border-radius: 8px;
  background: transparent;
  color: var(--_ink);
  font: inherit;
  font-size: 0.9375em;
  cursor: pointer;
}
[part=button]:hover { border-color: var(--_accent); color: var(--_accent); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }

@container (max-width: 30rem) {
  [part=item] { grid-template-columns: 4rem minmax(0, 1fr); column-gap: 1rem; align-items: start; }
  [part=buttons] { grid-column: 2; justify-content: flex-start; }
}
[part=frame] { container-type: inline-size; }
`);

if (!customElements.get("thumbgate-upload")) customElements.define("thumbgate-upload", ThumbgateUpload);
