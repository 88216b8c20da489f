/** The program of the page, as scripts/build-page.mjs made it: read once, with the first request. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Beside this file in dist/, and there as well when this file runs from src/. */
const FOLDERS = [
  join(import.meta.dirname, "page"),
  resolve(import.meta.dirname, "..", "..", "dist", "console", "page"),
];

export const PAGE_FILES = [
  { path: "/console.js", type: "text/javascript; charset=utf-8" },
  { path: "/style.css", type: "text/css; charset=utf-8" },
] as const;

export interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly packed: Buffer;
  readonly tag: string;
}

/** Without those that are not there: a package that was not built whole. */
export function pageFiles(): ReadonlyMap<string, PageFile> {
  const folder = FOLDERS.find((each) => existsSync(join(each, "console.js")));
  if (folder === undefined) return new Map();
  return new Map(PAGE_FILES.map(({ path, type }) => [path, fileAt(join(folder, path), type)]));
}

function fileAt(path: string, type: string): PageFile {
  const [plain, packed] = [readFileSync(path), readFileSync(`${path}.gz`)];
  return { type, plain, packed, tag: `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"` };
}

/** A browser asks each time whether its copy is still the right one: another version may have the port now. */
export function answerFile(request: Request, file: PageFile | undefined): Response {
  if (file === undefined) return new Response("The console was not built.\n", { status: 404 });
  const headers = { "content-type": file.type, "cache-control": "no-cache", etag: file.tag, vary: "accept-encoding" };
  if (request.headers.get("if-none-match") === file.tag) return new Response(null, { status: 304, headers });
  const isPacked = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
  const body = new Uint8Array(isPacked ? file.packed : file.plain);
  return new Response(body, { headers: isPacked ? { ...headers, "content-encoding": "gzip" } : headers });
}
