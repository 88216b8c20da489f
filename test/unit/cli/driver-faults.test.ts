import { afterEach, expect, it } from "vitest";
import { DriverFaults } from "../../../src/cli/driver-faults.ts";
import type { FoundPackage } from "../../../src/drivers/find-packages.ts";
import { noteLoaded } from "../../../src/drivers/loaded-code.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";

let faults: DriverFaults | undefined;
afterEach(() => faults?.dispose());

it("the members of an error that a driver left to nobody are not logged", () => {
  let logged = "";
  const stdout = {
    write: (text: string) => {
      logged += text;
      return true;
    },
    on: () => stdout,
  } as unknown as NodeJS.WritableStream;
  faults = new DriverFaults(createLogger({ level: "info", stdout, stdoutForm: "json" }));
  const folder = "/h/drivers/node_modules/demo";
  const origin = {
    kind: "source",
    name: "demo",
    package: "demo",
    version: "1.0.0",
    folder,
    installedIn: "home",
  } as const;
  noteLoaded({ name: "demo", version: "1.0.0", folder, origin: "home" } as FoundPackage, [origin]);
  faults.listen();
  const error = Object.assign(new Error("Invalid URL"), { input: "x://me:secret@host" });
  error.stack = `Error: Invalid URL\n    at new URL (node:internal/url:806:29)\n    at f (file://${folder}/index.js:1:2)`;
  // The listener of the process is called as Node would; the runner's own listeners are not.
  const listener = process.listeners("uncaughtException").at(-1) as (error: Error) => void;
  listener(error);
  expect(logged).toContain("the source driver demo (demo 1.0.0) left an error to nobody");
  expect(logged).toContain("Invalid URL");
  expect(logged).not.toContain("secret");
});
