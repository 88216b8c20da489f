/**
 * The parts of undici that a sender uses, without the other modules (fetch, caches, mocks, web sockets): they would
 * cost every agent about 9 MB. Should a later undici keep them elsewhere, the whole of it is loaded instead.
 */
import { createRequire } from "node:module";

type Undici = typeof import("undici");

interface UndiciParts {
  readonly Client: Undici["Client"];
  readonly errors: Undici["errors"];
}

const load = createRequire(import.meta.url);

function loadParts(): UndiciParts {
  try {
    const Client = load("undici/lib/dispatcher/client.js") as Undici["Client"];
    // `request` and its like are put on by the package's entry point.
    Object.assign(Client.prototype, load("undici/lib/api/index.js"));
    return {
      Client,
      errors: load("undici/lib/core/errors.js") as Undici["errors"],
    };
  } catch {
    return load("undici") as Undici;
  }
}

export const { Client, errors } = loadParts();
