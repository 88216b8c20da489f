/**
 * Why an addon that exists does not load, and what to do about it. Pure: it reads the message of the dynamic linker.
 */

export interface AddonFile {
  readonly file: string;
  /** `checkout`: compiled here by `npm run build:native`. `package`: came with the package, compiled elsewhere. */
  readonly origin: "checkout" | "package";
}

/** A sentence that begins with the file. */
export function describeLoadFailure({ file, origin }: AddonFile, linkerSays: string): string {
  const again =
    origin === "checkout"
      ? "run `npm run build:native` on this machine"
      : "install the package again on this machine, with this Node, instead of copying node_modules";
  const says = linkerSays.replaceAll(`${file}: `, "");
  const failure = FAILURES.find(({ sign }) => sign.test(says));
  if (failure === undefined) return `the native addon ${file} does not load: ${again} (${says})`;
  return `the native addon ${file} does not load: ${failure.cause}: ${failure.cure?.(origin) ?? again} (${says})`;
}

interface Failure {
  readonly sign: RegExp;
  readonly cause: string;
  readonly cure?: (origin: AddonFile["origin"]) => string;
}

const FAILURES: readonly Failure[] = [
  {
    sign: /Too many open files/i,
    cause: "this process may open no more files",
    cure: () => "raise the limit (ulimit -n, LimitNOFILE= of a unit)",
  },
  {
    sign: /failed to map segment|cannot enable executable|Operation not permitted/i,
    cause: "the file system it is on is mounted noexec, or a security policy forbids to run code from there",
    cure: () => "install into a folder from which programs may run, or remount with `mount -o remount,exec`",
  },
  {
    sign: /Permission denied/i,
    cause: "this user may not read it",
    cure: () => "give read access to the folder it is installed in (`chmod -R a+rX`)",
  },
  {
    sign: /version [`']GLIBC_([0-9.]+)' not found/,
    cause: "this machine's C library is older than the addon needs",
    cure: (origin) =>
      origin === "checkout"
        ? "run `npm run build:native` on this machine"
        : "the addon needs glibc 2.28 or newer (RHEL 8, Debian 10, Ubuntu 20.04); on an older system run the agent from a checkout of its source, where `npm ci` builds one",
  },
  { sign: /GLIBCXX_|CXXABI_/, cause: "it was built with a newer C++ library than this machine has" },
  {
    sign: /libc\.musl|ld-musl|libc\.so: cannot open|libc\.so\.6: cannot open|ld-linux|Error relocating/,
    cause: "it is made for another C library than this Node runs with (glibc or musl)",
  },
  {
    // The file itself exists: this is glibc's message for another architecture.
    sign: /^cannot open shared object file|wrong ELF class|invalid ELF header|Exec format error|file too short|cannot apply additional memory/i,
    cause: "it is damaged or made for another kind of machine",
  },
];
