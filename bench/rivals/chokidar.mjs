import { watch } from "chokidar";

export async function prepare() {
  return (root, see, trouble) =>
    new Promise((resolve) => {
      const watcher = watch(root, { ignoreInitial: true });
      watcher.on("all", (_event, path) => see(path));
      watcher.on("error", trouble);
      watcher.on("ready", () => resolve({ stop: () => watcher.close() }));
    });
}
