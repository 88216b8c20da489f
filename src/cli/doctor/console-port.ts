/** Whether the status page would get its port. */
import { createServer } from "node:net";
import type { ConsoleConfig } from "../../config/model.ts";
import { portsToTry } from "../../console/console-place.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

/** Listens for a moment: nothing else shows for certain that the agent could. */
function listenError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** `console`: undefined when there is to be no page. */
export async function consoleFinding(console: ConsoleConfig | undefined): Promise<Finding> {
  if (console === undefined) return ok("console", "the status page is off");
  const { host } = console;
  const [port = 0] = portsToTry(console);
  const error = await listenError(host === "localhost" ? "127.0.0.1" : host, port);
  if (error === undefined) return ok("console", `port ${port} is free for the status page`);
  if (error !== "EADDRINUSE") {
    const what = `the status page cannot listen at ${host}, port ${port} (${error}); the agent runs without it`;
    return problem("console", what, {
      cure: "set console.host to an address of this machine, console.port above 1023",
    });
  }
  const cure = `ss -ltnp 'sport = :${port}' names the program; free the port, or set console.port to another one`;
  const taken = `port ${port} of the status page is taken`;
  if (console.port === undefined) return note("console", `${taken}: the page takes the next free one`, { cure });
  return problem("console", `${taken}; the agent runs without the page`, { cure });
}
