// A file of a package of Debian's newest suite, unpacked beside the system and not installed. Some of what the trials need is too old in a
// stable one: Node's musl programs end at once on the musl 1.2.3 of Debian 12.
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, PackageError } from "./run.mjs";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The server from which this machine has its packages. */
function mirror() {
  const format = ["--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages"];
  const lines = mustRun("asking apt for its servers", "apt-get", ["indextargets", ...format]).split("\n");
  const line = lines.find((each) => each.endsWith(" Debian"));
  if (line === undefined) throw new PackageError("apt knows no server of Debian: run apt-get update first");
  return line.slice(0, -" Debian".length);
}

/** The folder in which the package of that name is unpacked. */
export function unpackedFromSid(name, work) {
  const folder = join(work, "sid");
  for (const part of ["lists/partial", "cache/archives/partial", name])
    mkdirSync(join(folder, part), { recursive: true });
  const list = join(folder, "sid.list");
  writeFileSync(list, `deb [signed-by=${KEYRING}] ${mirror()} sid main\n`);
  const settings = {
    "Dir::Etc::sourcelist": list,
    "Dir::Etc::sourceparts": "-",
    "Dir::State::lists": join(folder, "lists"),
    "Dir::Cache": join(folder, "cache"),
    "APT::Sandbox::User": "root",
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  mustRun("reading the list of Debian sid", "apt-get", [...options, "-q", "update"], { cwd: folder });
  mustRun(`getting ${name} of Debian sid`, "apt-get", [...options, "-q", "download", name], { cwd: folder });
  const deb = readdirSync(folder).find((file) => file.startsWith(`${name}_`) && file.endsWith(".deb"));
  if (deb === undefined) throw new PackageError(`apt-get download left no package of ${name}`);
  mustRun(`unpacking ${deb}`, "dpkg", ["-x", join(folder, deb), join(folder, name)]);
  return join(folder, name);
}
