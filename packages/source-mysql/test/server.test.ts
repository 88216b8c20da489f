/** All tests that need a server, which share one. */
import { afterAll, beforeAll } from "vitest";
import { agent } from "./agent.ts";
import { changes } from "./changes.ts";
import { contract } from "./contract.ts";
import { MariadbServer } from "./mariadb-server.ts";
import { outages } from "./outages.ts";
import { settings } from "./settings.ts";

let server: MariadbServer;
beforeAll(async () => {
  server = await MariadbServer.start();
});
afterAll(() => server?.end());

contract(() => server);
changes(() => server);
settings(() => server);
outages(() => server);
agent(() => server);
