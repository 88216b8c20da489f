import { strict as assert } from "node:assert";
import { readdirSync } from "node:fs";
import { makeDevices, makeOddNames, makeSocket } from "../odd-entries.ts";
import type { Scenario, Site } from "../scenario.ts";
import { growTree } from "../temp-tree.ts";

async function makeKinds({ root, shell }: Site): Promise<void> {
  await shell(`
    mkdir kinds kinds/directory kinds/empty
    echo plain > kinds/plain; : > kinds/nothing; truncate -s 5G kinds/sparse
    echo below > kinds/directory/below
    ln -s plain kinds/link-to-file; ln -s directory kinds/link-to-directory
    ln -s nowhere kinds/dangling; ln -s . kinds/loop; ln -s / kinds/link-to-root
    mkfifo kinds/fifo
    ln kinds/plain kinds/hard-link; ln kinds/plain kinds/directory/other-hard-link; ln kinds/fifo kinds/fifo-link
    mkdir kinds/sticky; chmod 1777 kinds/sticky
    touch -d '1969-07-20 20:17:40.25 UTC' kinds/moon; touch -d '1901-12-13 20:45:52.5 UTC' kinds/oldest
    touch -d '2103-01-01 00:00:00.123456789 UTC' kinds/future
  `);
  makeSocket(`${root}/kinds`, "socket");
  makeDevices(`${root}/kinds`);
  assert(readdirSync(`${root}/kinds`).includes("socket"), "the socket was not made");
}

async function makeEverything(site: Site): Promise<void> {
  growTree(`${site.root}/grown`, { seed: 7, files: 2000 });
  await makeKinds(site);
  makeOddNames(site.root);
}

export const entryScenarios: readonly Scenario[] = [
  { name: "the first snapshot of an empty directory equals the disk" },
  { name: "the first snapshot equals the disk, every kind of entry and every name included", prepare: makeEverything },
  { name: "every kind of entry that is made while the agent runs appears", act: makeKinds },
  { name: "names of any bytes that are made while the agent runs appear", act: ({ root }) => makeOddNames(root) },
  {
    name: "a write through one name of a hard link shows at its other names",
    prepare: ({ shell }) => shell("mkdir a b c; echo one > a/file; ln a/file b/file; ln a/file c/file"),
    async act({ shell, settle }) {
      await shell("echo more >> b/file");
      await settle();
      await shell("rm a/file; ln c/file a/third");
    },
  },
];
