/** Entries that tests need and shells make badly: sockets, devices and names of any bytes. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A socket file without anybody behind it: its maker dies before it can remove it. */
export function makeSocket(folder: string, name: string): void {
  const script = `require("net").createServer().listen(${JSON.stringify(name)}, () => process.kill(process.pid, "SIGKILL"))`;
  try {
    execFileSync(process.execPath, ["-e", script], { cwd: folder, stdio: "ignore" });
  } catch {
    // It always ends by its own signal; a missing socket shows in the comparison of what was asked for.
  }
}

/** A copy of /dev/null and of a block device's numbers; nothing for users without the right to make them. */
export function makeDevices(folder: string): void {
  if (process.getuid?.() !== 0) return;
  execFileSync("mknod", [join(folder, "character-device"), "c", "1", "3"]);
  execFileSync("mknod", [join(folder, "block-device"), "b", "7", "200"]);
}

const text = (name: string): Buffer => Buffer.from(name, "utf8");
const bytes = (...name: number[]): Buffer => Buffer.from(name);

/** Each 255 bytes at most, none with a slash or NUL. */
export const ODD_NAMES: readonly Buffer[] = [
  text("line\nbreak"),
  text("tab\tand\rreturn"),
  text(`quote"and'back\\slash`),
  text(" leading and trailing "),
  text("..."),
  text("-rf"),
  text("a".repeat(255)),
  text("\u{1F600}".repeat(63)),
  text("control\u0001\u001b[31m\u007f"),
  text("<b>&amp;%2F%00"),
  text("r\u00e9sum\u00e9 composed"),
  text("re\u0301sume\u0301 decomposed"),
  text("mark\u201b"),
  text("mark\u201bFF"),
  text("\u201b\u201b"),
  text("line\u2028separator\u2029"),
  text("byte order \ufeff mark"),
  text("reversed \u202e text"),
  Buffer.concat([text("broken"), bytes(0xff)]),
  Buffer.concat([text("broken"), bytes(0xfe)]),
  Buffer.concat([text("mark\u201b"), bytes(0xff)]),
  Buffer.concat([text("cut"), bytes(0xe2, 0x80)]),
  Buffer.concat([text("cut"), bytes(0xf0, 0x9f, 0x98), text("x")]),
  Buffer.concat([text("surrogate"), bytes(0xed, 0xa0, 0x80)]),
  Buffer.concat([text("overlong"), bytes(0xc0, 0xaf)]),
  Buffer.concat([text("beyond"), bytes(0xf4, 0x90, 0x80, 0x80)]),
  Buffer.concat([text("latin"), bytes(0xe9, 0x74, 0xe9)]),
  Buffer.alloc(255, 0xfd),
];

const within = (folder: Buffer, name: Buffer): Buffer => Buffer.concat([folder, Buffer.from("/"), name]);

/** A file by each odd name in `folder/names`, and a directory by each with a file by each in `folder/directories`. */
export function makeOddNames(folder: string): void {
  const files = text(join(folder, "names"));
  const directories = text(join(folder, "directories"));
  mkdirSync(files);
  mkdirSync(directories);
  for (const name of ODD_NAMES) {
    writeFileSync(within(files, name), name);
    const directory = within(directories, name);
    mkdirSync(directory);
    writeFileSync(within(directory, name), "inside");
  }
}
