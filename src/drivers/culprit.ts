/**
 * Whose error it is that nothing caught: found by its stack, so that a driver that throws in a timer of its own does not
 * end the agent.
 */
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type DriverOrigin, originText } from "./origin.ts";

const LOCATION = /\(?((?:file:\/\/)?\/[^\s()]*?)(?::\d+){1,2}\)?$/;

/** The files of the frames of a stack, the innermost first; what Node itself did is left out. */
function filesOf(stack: string): readonly string[] {
  return stack.split("\n").flatMap((line) => {
    if (!/^\s+at /.test(line)) return [];
    const [, place] = LOCATION.exec(line.trim()) ?? [];
    if (place === undefined) return [];
    return [place.startsWith("file://") ? fileURLToPath(place) : place];
  });
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
  const [innermost, ...others] = filesOf(error instanceof Error ? (error.stack ?? "") : "");
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
