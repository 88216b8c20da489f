/** Which code of others is in the process. What was imported once stays there, whatever became of it. */
import type { FoundPackage } from "./find-packages.ts";
import { type DriverOrigin, originText } from "./origin.ts";

export interface LoadedCode extends Pick<DriverOrigin, "package" | "folder" | "installedIn"> {
  /** The drivers in it by name; the package as long as none is known. */
  readonly who: string;
}

const loaded = new Map<string, LoadedCode>();

export const loadedCode = (): readonly LoadedCode[] => [...loaded.values()];

export const codeOf = ({ name, version, folder, origin }: FoundPackage): LoadedCode => ({
  who: `the package ${name} ${version}`,
  package: name,
  folder,
  installedIn: origin,
});

/** Before the import, and again when the drivers in it are known. */
export function noteLoaded(found: FoundPackage, drivers: readonly DriverOrigin[] = []): void {
  const code = codeOf(found);
  const who = drivers.length === 0 ? code.who : drivers.map(originText).join(" or ");
  loaded.set(found.folder, { ...code, who });
}
