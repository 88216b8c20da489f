/** Which addon fits this machine: the name of its platform, which is part of the name of the addon's package. */

/** Each has a folder in packages/ and an optional dependency in package.json. */
export const PLATFORMS = ["linux-x64-glibc", "linux-arm64-glibc", "linux-x64-musl", "linux-arm64-musl"] as const;

export const packageOf = (platform: string): string => `@fustor/agent-${platform}`;

export interface Machine {
  readonly os: string;
  readonly arch: string;
  /** As Node reports it. Undefined: Node itself runs with another C library, which on Linux is musl. */
  readonly glibc: string | undefined;
}

export function thisMachine(): Machine {
  return { os: process.platform, arch: process.arch, glibc: glibcVersion() };
}

/** For example `linux-x64-glibc`; also for machines that no addon is built for. */
export const platformOf = ({ os, arch, glibc }: Machine): string =>
  `${os}-${arch}-${glibc === undefined ? "musl" : "glibc"}`;

function glibcVersion(): string | undefined {
  // Otherwise the report resolves the names of every connection, which takes seconds where DNS is slow. Not yet in the
  // types of Node 20.
  (process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime;
}
