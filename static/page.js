// What the upload page has around the component: a gallery of this session, the address it was opened at, and
// pictures dropped anywhere on it.

const KEPT = 60;

const upload = document.querySelector("thumbgate-upload");
const gallery = document.querySelector("#gallery");
let pictures = kept();

for (const place of document.querySelectorAll(".here"))
  place.textContent = new URL(".", location.href).href.slice(0, -1);
show();

document.addEventListener("thumbgate:uploaded", ({ detail: { record } }) => {
  const {
    upload: { key },
    thumbnail,
  } = record;
  // By the page's own address. What a signed link adds is kept.
  const signature = thumbnail.url.startsWith("blob:") ? "" : new URL(thumbnail.url).search;
  const url = `thumbnails/${inPath(thumbnail.key)}${signature}`;
  pictures = [{ key, url, at: Date.now() }, ...pictures.filter((picture) => picture.key !== key)].slice(0, KEPT);
  show();
  keep();
});

for (const type of ["dragover", "drop"]) {
  document.addEventListener(type, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (type === "drop") upload.add(event.dataTransfer.files);
  });
}

function show() {
  gallery.hidden = pictures.length === 0;
  gallery.querySelector("ul").replaceChildren(...pictures.map(item));
}

function item({ key, url, at }) {
  const image = Object.assign(document.createElement("img"), { alt: "", loading: "lazy" });
  // The same name may have had another picture before. Signed links differ anyhow.
  image.src = url.includes("?") ? url : `${url}?${at}`;
  image.addEventListener("error", () => (image.hidden = true));
  const name = Object.assign(document.createElement("span"), { textContent: key });
  const link = Object.assign(document.createElement("a"), { href: `result/${inPath(key)}` });
  link.append(image, name);
  const element = document.createElement("li");
  element.append(link);
  return element;
}

function inPath(key) {
  return key.split("/").map(encodeURIComponent).join("/");
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem("thumbgate-pictures")) ?? [];
  } catch {
    return []; // There may be no storage.
  }
}

function keep() {
  try {
    sessionStorage.setItem("thumbgate-pictures", JSON.stringify(pictures));
  } catch {
    // Then they are kept as long as the page.
  }
}
