/** Paths that come from outside: relative to the root with a leading slash, or absolute and below the root. */
import { FustorError } from "../../sdk/index.ts";

const refuse = (asked: string, why: string): never => {
  throw new FustorError("FUSTOR_SOURCE_PATH_REFUSED", `${JSON.stringify(asked)} is refused: ${why}`);
};

/**
 * The key (wire path) of what is asked for, `.` and `..` resolved. Throws FUSTOR_SOURCE_PATH_REFUSED when it lies
 * outside the root.
 */
export function sourceKey(root: string, asked: string, decodes: (key: string) => boolean): string {
  const isAbsolute = root !== "/" && (asked === root || asked.startsWith(`${root}/`));
  const relative = isAbsolute ? asked.slice(root.length) : asked;
  const names: string[] = [];
  for (const name of relative.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) refuse(asked, "it leads out of the root");
  }
  const key = `/${names.join("/")}`;
  return decodes(key) ? key : refuse(asked, "it is no path of a row");
}
