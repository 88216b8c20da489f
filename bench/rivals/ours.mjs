/** The engine through its addon, drained and parsed as the fs source does it. */
import { setImmediate as turn } from "node:timers/promises";
import { loadAddon } from "../../dist/native/load.js";

export async function prepare(mode) {
  const addon = loadAddon();
  return (root, see) =>
    new Promise((resolve, reject) => {
      const watch = addon.createWatch(root, { mode }, onReadable);
      let draining = false;
      function onReadable() {
        const state = watch.rootState();
        if (state.root === "available") resolve({ status: () => watch.status(), stop: () => watch.close() });
        if (state.root === "unavailable") reject(new Error(state.reason));
        if (!draining) drain().catch(reject);
      }
      async function drain() {
        draining = true;
        for (let batch = watch.drain(); batch !== null; batch = watch.drain()) {
          for (const change of JSON.parse(batch.json.toString("utf8"))) see(change.key);
          await turn();
        }
        draining = false;
      }
      watch.start();
    });
}
