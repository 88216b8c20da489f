/** The fs driver: a directory tree of this machine. */
import { loadAddon } from "../../native/load.ts";
import { sourceModule } from "../../sdk/index.ts";
import { fsOptions } from "./fs-options.ts";
import { fsParams, WITHOUT_EFFECT } from "./fs-params.ts";
import { inspectRoot, rootOf } from "./fs-root.ts";
import { FsSource } from "./fs-source.ts";

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
  create: async (context, settings) => new FsSource(context, fsOptions(settings), loadAddon()),
});
