/**
 * Whose error it is that nothing caught: found by its stack, so that a driver that throws in a timer of its own does not
 * end the agent.
 */
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type DriverOrigin, originText } from "./origin.ts";

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
function neighboursOf({ package: name, folder, installedIn }: DriverOrigin): string | undefined {
  if (installedIn !== "home") return undefined;
  const above = dirname(name.startsWith("@") ? dirname(folder) : folder);
  return above.endsWith(`${sep}node_modules`) ? above : undefined;
}

/**
 * The drivers that the error may be of, as text; undefined when it is no driver's. An error is a driver's when the
 * innermost code in its stack is the driver's own or of a package that was installed for drivers.
 */
export function culpritOf(error: unknown, drivers: readonly DriverOrigin[]): string | undefined {
  const [innermost, ...others] = filesOf(stackOf(error));
  if (innermost === undefined) return isOfSystem(error) ? oneOf(drivers) : undefined;
  const ofFile = (file: string): DriverOrigin | undefined => drivers.find(({ folder }) => isBelow(file, folder));
  const own = ofFile(innermost);
  if (own !== undefined) return originText(own);
  const suspects = drivers.filter((driver) => isBelow(innermost, neighboursOf(driver) ?? driver.folder));
  if (suspects.length === 0) return undefined;
  const caller = others.map(ofFile).find((driver) => driver !== undefined);
  return oneOf(caller === undefined ? suspects : [caller]);
}

const oneOf = (drivers: readonly DriverOrigin[]): string | undefined =>
  drivers.length === 0 ? undefined : drivers.map(originText).join(" or ");

/** Of a socket or stream whose errors nobody listens to: its stack names no file, and ours have listeners. */
const isOfSystem = (error: unknown): boolean =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
