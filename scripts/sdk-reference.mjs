// The reference of `fustor-agent/sdk` out of its sources: every export with its comment and its declaration. Only syntax is
// read, so it takes a moment; whether the types are right is the compiler's business.
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import ts from "typescript";

const SDK = resolve(import.meta.dirname, "..", "src", "sdk");

const parsed = new Map();
function sourceOf(file) {
  if (!parsed.has(file)) {
    parsed.set(file, ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true));
  }
  return parsed.get(file);
}

const isExported = (node) => node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;

/** The names that a statement declares. */
function namesOf(statement) {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.text);
  return statement.name === undefined ? [] : [statement.name.text];
}

/** Every export of a module as name -> statement, those of other modules of the SDK followed. */
function exportsOf(file) {
  const found = new Map();
  const source = sourceOf(file);
  for (const statement of source.statements) {
    if (ts.isExportDeclaration(statement)) {
      const target = statement.moduleSpecifier.text;
      if (!target.startsWith(".")) continue;
      const theirs = exportsOf(resolve(dirname(file), target));
      const wanted = statement.exportClause?.elements.map(({ name }) => name.text) ?? [...theirs.keys()];
      for (const name of wanted) if (theirs.has(name)) found.set(name, theirs.get(name));
    } else if (isExported(statement)) for (const name of namesOf(statement)) found.set(name, statement);
  }
  return found;
}

/** What a comment says to readers. */
function commentOf(statement) {
  const docs = statement.jsDoc?.at(-1);
  const text = docs === undefined ? "" : (ts.getTextOfJSDocComment(docs.comment) ?? "");
  const deprecated = docs?.tags?.find(({ tagName }) => tagName.text === "deprecated");
  const use = deprecated === undefined ? "" : `Deprecated. ${ts.getTextOfJSDocComment(deprecated.comment) ?? ""}`;
  return [text, use]
    .join("\n\n")
    .replace(/\{@link (\w+)(?:\.(\w+))?\}/g, (_, one, two) => `\`${two === undefined ? one : `${one}.${two}`}\``)
    .trim();
}

const textBetween = (source, from, to) => source.text.slice(from, to).trim();

/** `class X { a(): void; }` without bodies and without what is private. */
function classText(statement, source) {
  const head = textBetween(source, statement.getStart(source), statement.members.pos);
  const lines = statement.members
    .filter((member) => isPublic(member))
    .map((member) => `  ${memberText(member, source)};`);
  return [head, ...lines, "}"].join("\n");
}

const HIDDEN = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword];
const isPublic = (member) =>
  !(member.name !== undefined && ts.isPrivateIdentifier(member.name)) &&
  !member.modifiers?.some(({ kind }) => HIDDEN.includes(kind));

function memberText(member, source) {
  const end = member.body?.pos ?? member.initializer?.pos;
  if (end === undefined) return member.getText(source).replace(/;$/, "");
  return textBetween(source, member.getStart(source), end).replace(/\s*=$/, "");
}

/** The signature of a function; of a value its type, as far as it is written. */
function valueText(statement, source) {
  const [{ name, type, initializer }] = statement.declarationList.declarations;
  if (type !== undefined) return `const ${name.text}: ${type.getText(source)}`;
  if (initializer === undefined || !ts.isArrowFunction(initializer)) return `const ${name.text}`;
  const signature = textBetween(source, initializer.getStart(source), initializer.equalsGreaterThanToken.pos);
  return `const ${name.text} = ${signature} => ...`;
}

function declarationOf(statement) {
  const source = statement.getSourceFile();
  const bare = (text) => text.replace(/^export /, "");
  if (ts.isClassDeclaration(statement)) return bare(classText(statement, source));
  if (ts.isVariableStatement(statement)) return valueText(statement, source);
  if (ts.isFunctionDeclaration(statement)) {
    return bare(textBetween(source, statement.getStart(source), statement.body?.pos ?? statement.end));
  }
  return bare(statement.getText(source));
}

function section(name, statement) {
  const comment = commentOf(statement);
  const file = relative(SDK, statement.getSourceFile().fileName);
  return `#### ${name}\n\n${comment === "" ? "" : `${comment}\n\n`}\`\`\`ts\n// ${file}\n${declarationOf(statement)}\n\`\`\`\n`;
}

function chapter(title, file) {
  const all = [...exportsOf(resolve(SDK, file))].sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  return `### ${title}\n\n${all.map(([name, statement]) => section(name, statement)).join("\n")}`;
}

export const sdkReference = () =>
  [chapter("fustor-agent/sdk", "kit.ts"), chapter("fustor-agent/sdk/testing", "testing/contract-suites.ts")].join("\n");
