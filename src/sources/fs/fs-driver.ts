/** The fs driver: a directory tree of this machine. */
import { sourceModule } from "../../sdk/index.ts";
import { fsOptions } from "./fs-options.ts";
import { fsParams, WITHOUT_EFFECT } from "./fs-params.ts";
import { inspectRoot, rootOf } from "./fs-root.ts";

export const fsDriver = sourceModule({
  kind: "source",
  name: "fs",
  aliases: [],
  rowKey: "path",
  schema: fsParams,
  withoutEffect: WITHOUT_EFFECT,
  agentWide: { max_scan_workers: "fs_scan_workers" },
  check: ({ uri, params, ...entry }, check) => {
    const root = uri === undefined ? undefined : rootOf(uri, check);
    return root === undefined || params === undefined ? undefined : { ...entry, uri: root, params };
  },
  inspect: ({ uri }) => inspectRoot(uri),
  create: async (context, settings) => {
    // Only now: a command that reads the configuration needs neither engine nor workers.
    const [{ FsSource }, { loadAddon }] = await Promise.all([import("./fs-source.ts"), import("../../native/load.ts")]);
    return new FsSource(context, fsOptions(settings), loadAddon());
  },
  openTree: async (settings) => {
    const [{ DiskTree }, { loadAddon }] = await Promise.all([import("./disk-tree.ts"), import("../../native/load.ts")]);
    return new DiskTree(fsOptions(settings), loadAddon());
  },
});
