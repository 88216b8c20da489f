/** Runs the tests named on its command line each time it is sent the file that changed; answers `killed` or `survived`. */
import { createVitest } from "vitest/node";

const filters = process.argv.slice(2);
const options = { watch: false, bail: 1, reporters: [{}], project: ["unit", "integration"], maxWorkers: 1 };
const vitest = await createVitest("test", options, {});
let specifications;

process.on("message", async (file) => {
  try {
    specifications ??= await vitest.globTestSpecifications(filters);
    vitest.invalidateFile(file);
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications, false);
    const good = unhandledErrors.length === 0 && testModules.length > 0 && testModules.every((module) => module.ok());
    process.send(good ? "survived" : "killed");
  } catch {
    process.send("killed");
  }
});
