/** Which files are changed, which tests have to notice, and every change of one text. */
import ts from "typescript";

const FUSION = [
  ...["arbitration", "arbitration-rules", "tree", "logical-clock", "election", "session-registry"].map(
    (name) => `test/unit/fusion/${name}.test.ts`,
  ),
  "test/integration/fusion/scenarios.test.ts",
];
const BUS = ["test/unit/bus/"];
const PIPE = ["test/unit/pipe/", "test/integration/pipe/"];
const PURE = ["receiver/takeover", "bulk/audit-plan", "send/batch-limits", "backoff", "receiver/completeness"];
/** In the order in which they are tried. */
export const TARGETS = [
  { file: "src/fusion/arbitration.ts", tests: FUSION },
  { file: "src/fusion/audit.ts", tests: FUSION },
  { file: "src/fusion/suspects.ts", tests: FUSION },
  { file: "src/fusion/election.ts", tests: FUSION },
  { file: "src/fusion/logical-clock.ts", tests: FUSION },
  ...["event-bus", "bus-cursor", "coalesced-backlog", "dirty-directories", "bus-pump", "bus-pool"].map((name) => ({
    file: `src/bus/${name}.ts`,
    tests: BUS,
  })),
  { file: "src/pipe/receiver/tombstones.ts", tests: ["test/unit/pipe/receiver/tombstones", "test/integration/pipe/"] },
  ...PURE.map((name) => ({ file: `src/pipe/${name}.ts`, tests: [`test/unit/pipe/${name}.test.ts`] })),
  { file: "src/pipe/bulk/audit.ts", tests: ["test/integration/pipe/audit", "test/integration/pipe/roles"] },
  ...[
    "bulk/snapshot",
    "bulk/bulk-reader",
    "bulk/superseded",
    "session/scheduler",
    "session/session-state",
    "session/perform",
    "send/delivery",
  ].map((name) => ({
    file: `src/pipe/${name}.ts`,
    tests: PIPE,
  })),
];

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

/** @returns {{start: number, end: number, text: string, name: string, line: number}[]} */
export function mutantsOf(text) {
  const source = ts.createSourceFile("mutated.ts", text, ts.ScriptTarget.Latest, true);
  const found = [];
  const short = (from, to) => text.slice(from, to).replaceAll(/\s+/g, " ").replaceAll("`", "'").slice(0, 90);
  const add = (node, replacement, what) => {
    const [start, end] = [node.getStart(source), node.getEnd()];
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    found.push({ start, end, text: replacement, name: what, line });
  };
  const isLogging = (node) => /\blogger\b/.test(node.getText(source).split("(")[0]);
  const visit = (node) => {
    if (ts.isExpressionStatement(node) && !isLogging(node))
      add(node, ";", `without ${short(node.getStart(source), node.getEnd())}`);
    if (ts.isIfStatement(node)) {
      const condition = short(node.expression.getStart(source), node.expression.getEnd());
      add(node.expression, "true", `if (true) for ${condition}`);
      add(node.expression, "false", `if (false) for ${condition}`);
    }
    if (ts.isBinaryExpression(node) && SWAPS.has(node.operatorToken.kind)) {
      const swap = SWAPS.get(node.operatorToken.kind);
      add(node.operatorToken, swap, `${swap} in ${short(node.getStart(source), node.getEnd())}`);
    }
    if (node.kind === ts.SyntaxKind.TrueKeyword)
      add(node, "false", `false in ${short(node.parent.getStart(source), node.parent.getEnd())}`);
    if (node.kind === ts.SyntaxKind.FalseKeyword)
      add(node, "true", `true in ${short(node.parent.getStart(source), node.parent.getEnd())}`);
    if (ts.isConditionalExpression(node)) {
      const whole = short(node.getStart(source), node.getEnd());
      add(node.condition, "true", `always the first of ${whole}`);
      add(node.condition, "false", `always the second of ${whole}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
