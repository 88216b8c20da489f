/** Reads an OpenAPI document: a file of this machine, or what an address answers. */
import { readFile, stat } from "node:fs/promises";
import { describeError, type PlaceProblem } from "fustor-agent/sdk";
import { isFile } from "./check-entry.ts";
import { findEndpoints, type Service, type Written } from "./endpoints.ts";
import { badAnswer } from "./failures.ts";

export const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;

/** The document in messages: a query may hold a secret. */
export function documentName(uri: string): string {
  if (isFile(uri)) return uri;
  const { origin, pathname } = new URL(uri);
  return `${origin}${pathname}`;
}

export function parseDocument(text: string, uri: string, written: Written): Service {
  const name = documentName(uri);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw badAnswer(`${name} is not JSON; an OpenAPI document in YAML has to be converted`);
  }
  return findEndpoints(document, { name, url: isFile(uri) ? undefined : uri, written });
}

export async function readDocumentFile(path: string): Promise<string> {
  try {
    const found = await stat(path);
    // To open a named pipe would wait for a writer.
    if (!found.isFile()) throw new Error("it is no file");
    if (found.size > MAX_DOCUMENT_BYTES) throw new Error("it is longer than 8 MiB");
    return await readFile(path, "utf8");
  } catch (error) {
    throw badAnswer(`the OpenAPI document ${path} cannot be read: ${describeError(error)}`);
  }
}

/** What is wrong with a document that is a file. One behind an address is asked for when the pipe starts. */
export async function inspectDocument(uri: string, written: Written): Promise<readonly PlaceProblem[]> {
  if (!isFile(uri)) return [];
  try {
    parseDocument(await readDocumentFile(uri), uri, written);
    return [];
  } catch (error) {
    const what = `names a document that is of no use: ${describeError(error)}`;
    return [{ key: "uri", what, cure: "mend the document, or name another one", outcome: "fail" }];
  }
}
