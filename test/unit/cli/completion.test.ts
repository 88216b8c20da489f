import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { completionOf, SHELLS } from "../../../src/cli/completion.ts";
import { buildProgram } from "../../../src/cli/program.ts";
import { Terminal } from "../../../src/cli/terminal.ts";

const program = buildProgram(new Terminal(new PassThrough(), new PassThrough()), () => undefined);

/** What a real bash offers for the last of these words. */
function offered(...words: string[]): string[] {
  const line = ["fustor-agent", ...words].map((word) => `'${word}'`).join(" ");
  const script = `${completionOf(program, "bash")}
COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _fustor_agent; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", script], { encoding: "utf8" }).split("\n").filter(Boolean);
}

test.each([
  [["do"], ["doctor"]],
  [["st"], ["start", "stop", "status"]],
  [["status", "--w"], ["--watch"]],
  [
    ["drivers", ""],
    ["list", "add", "remove", "new", "--help"],
  ],
  [["drivers", "new", "se"], ["sender"]],
  [["audit", "my-pipe", "--m"], ["--mode"]],
  [["config", "print", "--j"], ["--json"]],
  [["completion", "f"], ["fish"]],
])("bash offers for %j", (words, expected) => {
  expect(offered(...words)).toEqual(expected);
});

test.each(SHELLS)("%s knows every command that help shows, and no hidden option", (shell) => {
  const text = completionOf(program, shell);
  for (const command of program.commands) expect(text).toContain(command.name());
  expect(text).not.toContain("daemon-child");
});

test("descriptions do not end a quoted word of fish", () => {
  for (const line of completionOf(program, "fish")
    .split("\n")
    .filter((each) => each.startsWith("complete"))) {
    expect([line, (line.replaceAll("\\'", "").match(/'/g) ?? []).length % 2]).toEqual([line, 0]);
  }
});
