import { loadAddon } from "../../src/native/load.ts";
import { silentLogger } from "../../src/sdk/index.ts";
import { fsOptions } from "../../src/sources/fs/fs-options.ts";
import { fsParams } from "../../src/sources/fs/fs-params.ts";
import { FsSource } from "../../src/sources/fs/fs-source.ts";

/** An fs source over a tree, with parameters as a user writes them. */
export function fsSourceAt(root: string, driverParams: Readonly<Record<string, unknown>> = {}): FsSource {
  const settings = { uri: root, params: fsParams.parse(driverParams), excludePaths: [] };
  return new FsSource({ id: "test", logger: silentLogger }, fsOptions(settings), loadAddon());
}
