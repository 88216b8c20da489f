/**
 * Lets a plain script import the TypeScript of test/support: `import "../scripts/load-ts.mjs"`, then `await import("x.ts")`.
 * Node strips types by itself only from 22.18 on. Types are dropped, not checked; rolldown does it, because the TypeScript
 * compiler would take each script a second to load.
 */
import { register } from "node:module";

const hooks = `
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transform } from ${JSON.stringify(import.meta.resolve("rolldown/utils"))};

const options = { target: "es2023", typescript: { onlyRemoveTypeImports: true } };

export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return nextLoad(url, context);
  const text = await readFile(fileURLToPath(url), "utf8");
  const { code, errors } = await transform(fileURLToPath(url), text, options);
  if (errors.length > 0) throw new SyntaxError(url + ": " + errors[0].message);
  return { format: "module", shortCircuit: true, source: code };
}
`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`, import.meta.url);
