import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { createInProcessFusion } from "../../support/in-process-fusion.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Three for each of 300 agents. */
const CONNECTIONS = 900;

test("an agent gets its answer while 900 connections of others are open", async () => {
  const fusion = await createInProcessFusion();
  await fusion.start();
  const { hostname, port } = new URL(fusion.receiver.url);
  const sockets: Socket[] = Array.from({ length: CONNECTIONS }, () => connect(Number(port), hostname));
  try {
    for (const socket of sockets) socket.on("error", () => undefined);
    const open = (): number => sockets.filter(({ readyState }) => readyState === "open").length;
    await waitFor(() => open() === CONNECTIONS, { timeoutMs: 10_000, what: () => `${open()} connections are open` });
    const headers = { "X-API-Key": fusion.receiver.pushKey };
    const answer = await fetch(`${fusion.receiver.url}/api/v1/pipe/session/`, { headers });
    expect(answer.status).toBe(200);
    expect(open()).toBe(CONNECTIONS);
  } finally {
    for (const socket of sockets) socket.destroy();
    await fusion.kill();
  }
});
