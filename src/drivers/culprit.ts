/**
 * Whose error it is that nothing caught: found by its stack, so that a driver that throws in a timer of its own does not
 * end the agent.
 */
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadedCode } from "./loaded-code.ts";

/** `at f (PLACE:1:2)`, `at async PLACE:1:2`: paths may hold spaces and brackets. */
const FRAME = /^\s+at (?:.*? \((.+)\)|(?:async )?(.+))$/;

/** Undefined for code of Node (`node:internal/url`) and code without a file. */
function fileOf(place: string): string | undefined {
  const path = place.replace(/(?::\d+){1,2}$/, "");
  if (!path.startsWith("file://")) return path.startsWith("/") ? path : undefined;
  try {
    return fileURLToPath(path);
  } catch {
    return undefined;
  }
}

/** The files of the frames of a stack, the innermost first; what Node itself did is left out. */
function filesOf(stack: string): readonly string[] {
  return stack.split("\n").flatMap((line) => {
    const [, inBrackets, bare] = FRAME.exec(line) ?? [];
    const file = fileOf(inBrackets ?? bare ?? "");
    return file === undefined ? [] : [file];
  });
}

/** A stack that a driver replaced with something else says nothing, and reading it may fail. */
function stackOf(error: unknown): string {
  try {
    const stack: unknown = error instanceof Error ? error.stack : undefined;
    return typeof stack === "string" ? stack : "";
  } catch {
    return "";
  }
}

const isBelow = (file: string, folder: string): boolean => file.startsWith(folder + sep);

/** `<home>/drivers/node_modules`, which holds what the drivers there depend on. */
function neighboursOf({ package: name, folder, installedIn }: LoadedCode): string | undefined {
  if (installedIn !== "home") return undefined;
  const above = dirname(name.startsWith("@") ? dirname(folder) : folder);
  return above.endsWith(`${sep}node_modules`) ? above : undefined;
}

/**
 * The drivers that the error may be of, as text; undefined when it is no driver's. An error is a driver's when the
 * innermost code in its stack is the driver's own or of a package that was installed for drivers. One without any
 * file in its stack may be of each of them: what is not an error at all (`Promise.reject("text")`), or comes out of
 * Node itself. We throw errors only, and whatever of ours may fail has a handler.
 */
export function culpritOf(error: unknown, loaded: readonly LoadedCode[]): string | undefined {
  const files = filesOf(stackOf(error));
  return files.length === 0 ? oneOf(loaded) : ownerOf(files, loaded);
}

/** Whose code the innermost of these frames is; undefined as well when no frame is of a file. */
export const culpritIn = (stack: string, loaded: readonly LoadedCode[]): string | undefined =>
  ownerOf(filesOf(stack), loaded);

function ownerOf([innermost, ...others]: readonly string[], loaded: readonly LoadedCode[]): string | undefined {
  if (innermost === undefined) return undefined;
  const ofFile = (file: string): LoadedCode | undefined => loaded.find(({ folder }) => isBelow(file, folder));
  const own = ofFile(innermost);
  if (own !== undefined) return own.who;
  const suspects = loaded.filter((code) => isBelow(innermost, neighboursOf(code) ?? code.folder));
  const caller = others.map(ofFile).find((code) => code !== undefined);
  return suspects.length === 0 || caller === undefined ? oneOf(suspects) : caller.who;
}

const oneOf = (loaded: readonly LoadedCode[]): string | undefined =>
  loaded.length === 0 ? undefined : loaded.map(({ who }) => who).join(" or ");
