/** Receivers that are reached and of no use: real sockets on loopback that stall where a network would. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

export interface DeadLine {
  readonly port: number;
  close(): Promise<void>;
}

const listening = async (server: ReturnType<typeof createServer>, host: string): Promise<number> => {
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};

const LISTENER = `
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(0)
print(s.getsockname()[1], flush=True)
sys.stdin.read()
`;

import { lasting } from "./wait-for.ts";

/**
 * A port that drops every packet of a connection to be: its queue of connections that nobody accepts is full, so the
 * kernel answers no further one.
 */
export async function startDroppingPort(): Promise<DeadLine> {
  const child = spawn("python3", ["-c", LISTENER], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout);
  const [line] = (await once(lines, "line")) as [string];
  const port = Number(line);
  // The queue takes one more than its length says.
  const fillers = await Promise.all([1, 2, 3, 4].map(() => fill(port)));
  return {
    port,
    async close() {
      for (const filler of fillers) filler.destroy();
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

async function fill(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await Promise.race([once(socket, "connect"), lasting(300, "a connection that stays in the queue")]);
  return socket;
}

/**
 * Passes everything on between its port, of that address of this machine, and one of loopback, until it falls silent:
 * then it takes connections and bytes and says nothing.
 */
export async function startLine(
  targetPort: number,
  host = "127.0.0.1",
): Promise<DeadLine & { silence(): void; speak(): void }> {
  let silent = false;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    const far = connect(targetPort, "127.0.0.1");
    keep(near);
    keep(far);
    const pass = (from: Socket, to: Socket): void => {
      from.on("data", (bytes) => {
        if (!silent) to.write(bytes);
      });
      from.once("close", () => to.destroy());
    };
    pass(near, far);
    pass(far, near);
  });
  const port = await listening(server, host);
  return {
    port,
    silence: () => {
      silent = true;
    },
    speak: () => {
      silent = false;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
