import { openAsBlob } from "node:fs";
import { basename } from "node:path";

const [path] = process.argv.slice(2);
const body = new FormData();
body.append("file", await openAsBlob(path), basename(path));
const response = await fetch("http://127.0.0.1:8080/uploads", { method: "POST", body });
const answer = await response.json();
if (!response.ok) throw new Error(answer.detail);
console.log(answer.thumbnail.url);
