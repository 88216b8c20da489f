/** A bad way to a service: forwards what it gets, but often only half of it. Depends on the seed. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { seededRandom } from "../../../test/support/temp-tree.ts";
import { lasting } from "../../../test/support/wait-for.ts";

type Fault = "500" | "close" | "rubbish" | "answer lost" | "slow" | "late" | "busy";

const FAULTS: readonly Fault[] = ["500", "close", "rubbish", "answer lost", "slow", "late", "busy"];

export interface FaultyWay {
  readonly uri: string;
  /** So many requests did not go well. */
  readonly faults: number;
  heal(): void;
}

export async function startFaultyWay(target: string, seed: number): Promise<FaultyWay> {
  const random = seededRandom(seed);
  const state = { faults: 0, isBad: true };
  const base = new URL(target).origin;

  async function forward(request: IncomingMessage, body: Buffer): Promise<{ status: number; text: string }> {
    const { method = "GET", url = "/", headers } = request;
    const kept = { "content-type": headers["content-type"] ?? "text/plain" };
    const sent = { method, headers: kept, ...(body.byteLength === 0 ? {} : { body }) };
    const answer = await fetch(`${base}${url}`, sent);
    return { status: answer.status, text: await answer.text() };
  }

  async function play(fault: Fault, request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const answer = (status: number, text: string, headers = {}) => response.writeHead(status, headers).end(text);
    switch (fault) {
      case "500":
        answer(500, "{}");
        return;
      case "busy":
        answer(503, "{}", { "retry-after": "0" });
        return;
      case "close":
        request.socket.destroy();
        return;
      case "rubbish":
        answer(200, "<html>");
        return;
      case "answer lost":
        await forward(request, body);
        request.socket.destroy();
        return;
      case "slow":
        await lasting(400, "a slow answer");
        await pass(request, response, body);
        return;
      case "late":
        // The agent has given this one up and sent it again when the service gets it.
        await lasting(1500, "longer than the agent waits");
        await pass(request, response, body);
        return;
    }
  }

  async function pass(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const { status, text } = await forward(request, body);
    if (!response.destroyed) response.writeHead(status, { "content-type": "application/json" }).end(text);
  }

  const server = createServer(async (request, response) => {
    try {
      const body = Buffer.concat(await request.toArray());
      const fault = state.isBad && random() < 0.4 ? FAULTS[Math.floor(random() * FAULTS.length)] : undefined;
      if (fault === undefined) return await pass(request, response, body);
      state.faults += 1;
      await play(fault, request, response, body);
    } catch {
      request.socket.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    uri: `http://127.0.0.1:${port}/openapi.json`,
    get faults() {
      return state.faults;
    },
    heal: () => {
      state.isBad = false;
    },
  };
}
