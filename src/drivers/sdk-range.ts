/** Whether a package is made for this version of the agent. Apart, because only installed drivers need semver. */
import satisfies from "semver/functions/satisfies.js";
import validRange from "semver/ranges/valid.js";

/** Why the range does not allow the version; undefined when it does. Versions before a release count as well. */
export function rangeDefect(range: string, version: string): string | undefined {
  if (validRange(range) === null) return `asks for fustor-agent "${range}", which is no range of versions`;
  if (satisfies(version, range, { includePrerelease: true })) return undefined;
  return `is made for fustor-agent ${range}, and this is ${version}`;
}
