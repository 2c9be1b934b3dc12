// The types are made by: npx openapi-typescript http://127.0.0.1:8080/openapi.yaml -o thumbgate.ts
import createClient from "openapi-fetch";
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import type { paths } from "./thumbgate.js";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8080" });

export async function upload(path: string): Promise<string> {
  const body = new FormData();
  body.append("file", await openAsBlob(path), basename(path));
  const { data, error } = await client.POST("/uploads", {
    body: { file: [] }, // The type knows strings only; the form itself is what is sent.
    bodySerializer: () => body,
  });
  if (typeof error === "object") throw new Error(error.detail);
  if (typeof data !== "object" || !("thumbnail" in data)) throw new Error("one file is answered with one record");
  return data.thumbnail.url;
}

console.log(await upload(process.argv[2]!));
