/**
 * Lets a plain script import the TypeScript of test/support: `import "../scripts/load-ts.mjs"`, then `await import("x.ts")`.
 * Node strips types by itself only from 22.18 on. Types are dropped, not checked.
 */
import { register } from "node:module";

const hooks = `
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import ts from ${JSON.stringify(import.meta.resolve("typescript"))};

const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };

export async function load(url, context, nextLoad) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return nextLoad(url, context);
  const text = await readFile(fileURLToPath(url), "utf8");
  return { format: "module", shortCircuit: true, source: ts.transpileModule(text, { compilerOptions }).outputText };
}
`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`, import.meta.url);
