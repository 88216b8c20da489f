import type { DriverKind } from "../sdk/index.ts";

/** Where an installed driver comes from: its name in everything that is said about it. */
export interface DriverOrigin {
  readonly kind: DriverKind;
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** Of the package, links resolved. */
  readonly folder: string;
  readonly installedIn: "home" | "agent";
}

export const originText = ({
  kind,
  name,
  package: from,
  version,
}: Pick<DriverOrigin, "kind" | "name" | "package" | "version">): string =>
  `the ${kind} driver ${name} (${from} ${version})`;
