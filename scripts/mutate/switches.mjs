/** One text with every change in it, each behind a switch that `switching-runner.mjs` turns on. */
import ts from "typescript";

/** @param {import("./mutants.mjs").Mutant[]} mutants of this text; their `id` is what turns them on */
export function withSwitches(text, mutants) {
  const source = ts.createSourceFile("mutated.ts", text, ts.ScriptTarget.Latest, true);
  const changes = new Map();
  for (const mutant of mutants) {
    const place = `${mutant.kind} ${mutant.start} ${mutant.end}`;
    changes.set(place, [...(changes.get(place) ?? []), mutant]);
  }
  const of = (node, kind) => changes.get(`${kind} ${node.getStart(source)} ${node.getEnd()}`) ?? [];

  const plain = (node) => {
    const children = [];
    ts.forEachChild(node, (child) => void children.push(child));
    children.sort((one, other) => one.pos - other.pos);
    let out = "";
    let at = node.getStart(source);
    for (const child of children) {
      out += text.slice(at, child.getStart(source)) + render(child);
      at = child.getEnd();
    }
    return out + text.slice(at, node.getEnd());
  };

  const binary = (node, { id, usual, text: changed }) => {
    const [left, right] = [render(node.left), render(node.right)];
    if (usual === "&&") return `(__mutation.goesOn("${id}", true, ${left}) ? ${right} : __mutation.left)`;
    if (usual === "||") return `(__mutation.goesOn("${id}", false, ${left}) ? ${right} : __mutation.left)`;
    return `__mutation.binary("${id}", "${usual}", "${changed}", ${left}, ${right})`;
  };

  const inner = (node) => {
    if (!ts.isBinaryExpression(node)) return plain(node);
    const [swap] = of(node.operatorToken, "operator");
    return swap === undefined ? plain(node) : binary(node, swap);
  };

  const render = (node) => {
    if (ts.isExpressionStatement(node)) {
      const [left] = of(node, "statement");
      return left === undefined ? plain(node) : `{ if (!__mutation.on("${left.id}")) ${plain(node)} }`;
    }
    let out = inner(node);
    const fixed = isFixable(node) ? of(node, "value") : [];
    for (const { id, text: value } of fixed) out = `(__mutation.on("${id}") ? ${value} : ${out})`;
    return out;
  };
  return render(source);
}

/** Conditions, and `true` and `false` where they are values. */
function isFixable(node) {
  if (node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword) return true;
  const { parent } = node;
  if (parent === undefined) return false;
  if (ts.isIfStatement(parent)) return parent.expression === node;
  return ts.isConditionalExpression(parent) && parent.condition === node;
}
