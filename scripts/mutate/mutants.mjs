/** Every change of one text. */
import ts from "typescript";

const SWAPS = new Map([
  [ts.SyntaxKind.LessThanToken, "<="],
  [ts.SyntaxKind.LessThanEqualsToken, "<"],
  [ts.SyntaxKind.GreaterThanToken, ">="],
  [ts.SyntaxKind.GreaterThanEqualsToken, ">"],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, "!=="],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, "==="],
  [ts.SyntaxKind.AmpersandAmpersandToken, "||"],
  [ts.SyntaxKind.BarBarToken, "&&"],
  [ts.SyntaxKind.PlusToken, "-"],
  [ts.SyntaxKind.MinusToken, "+"],
]);

/**
 * @typedef {object} Mutant
 * @property {number} start
 * @property {number} end
 * @property {"statement" | "operator" | "value"} kind of the node that stands there
 * @property {string} text what stands there instead
 * @property {string} [usual] of an operator: itself
 * @property {string} name
 * @property {number} line
 */

/** @returns {Mutant[]} */
export function mutantsOf(text) {
  const source = ts.createSourceFile("mutated.ts", text, ts.ScriptTarget.Latest, true);
  const found = [];
  const short = (node) =>
    text.slice(node.getStart(source), node.getEnd()).replaceAll(/\s+/g, " ").replaceAll("`", "'").slice(0, 90);
  const add = (node, kind, replacement, name) => {
    const start = node.getStart(source);
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    found.push({ start, end: node.getEnd(), kind, text: replacement, name, line });
  };
  const isLogging = (node) => /\blogger\b/.test(node.getText(source).split("(")[0]);
  const visit = (node) => {
    if (ts.isTypeNode(node)) return;
    if (ts.isExpressionStatement(node) && !isLogging(node)) add(node, "statement", ";", `without ${short(node)}`);
    if (ts.isIfStatement(node)) {
      add(node.expression, "value", "true", `if (true) for ${short(node.expression)}`);
      add(node.expression, "value", "false", `if (false) for ${short(node.expression)}`);
    }
    if (ts.isBinaryExpression(node) && SWAPS.has(node.operatorToken.kind)) {
      const swap = SWAPS.get(node.operatorToken.kind);
      add(node.operatorToken, "operator", swap, `${swap} in ${short(node)}`);
      found.at(-1).usual = node.operatorToken.getText(source);
    }
    if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, "value", "false", `false in ${short(node.parent)}`);
    if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, "value", "true", `true in ${short(node.parent)}`);
    if (ts.isConditionalExpression(node)) {
      add(node.condition, "value", "true", `always the first of ${short(node)}`);
      add(node.condition, "value", "false", `always the second of ${short(node)}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
