/** The scan engine through its addon: every chunk of JSON reaches JavaScript, is counted and released. */
import { loadAddon } from "../../../dist/native/load.js";

const addon = loadAddon();
const begun = performance.now();
const scan = addon.createScan(process.argv[2], {});
let entries = 0;
for (let chunk = await scan.next(); chunk !== null; chunk = await scan.next()) {
  entries += chunk.rowCount;
  scan.release(chunk.slot);
}
if (!scan.summary().complete) throw new Error("the scan is not complete");
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - begun) / 1000, entries })}\n`);
