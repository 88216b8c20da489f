/** Node's own fs.watch. On Linux it walks the tree in JavaScript and watches every entry by itself. */
import { watch } from "node:fs";

export async function prepare() {
  return async (root, see, trouble) => {
    const watcher = watch(root, { recursive: true }, (_event, path) => {
      if (path !== null) see(path);
    });
    watcher.on("error", trouble);
    return { stop: async () => watcher.close() };
  };
}
