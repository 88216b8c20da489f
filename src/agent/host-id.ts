import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

/** What tells this machine from another one that got a copy of the home: /etc/machine-id, else the host name. */
export async function readHostId(path = "/etc/machine-id"): Promise<string> {
  const id = await readFile(path, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  return id === "" ? `host:${hostname()}` : `machine:${id}`;
}
