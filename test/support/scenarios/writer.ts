/** A writer of a scenario: a process that changes the tree until it is ended, and tells how far it is. */
import { type Child, startChild } from "../child-process.ts";
import type { Stage } from "../scenario.ts";
import { waitFor } from "../wait-for.ts";

/** Writes, renames and deletes below `busy/`; prints the number of each round. */
function startWriter({ root }: Stage): Child {
  const script = `mkdir -p busy/dirs; i=0
    while true; do i=$((i+1)); k=$((i%60))
      echo $i > busy/file-$k; mkdir -p busy/dirs/$i/x; echo $i > busy/dirs/$i/x/y
      rm -rf busy/dirs/$((i-30)); mv busy/file-$k busy/moved-$k; echo $i; sleep 0.002
    done`;
  return startChild({ command: "bash", args: ["-c", script], cwd: root });
}

/** Rounds before and after the act: every name was there, was renamed and deleted by then. */
const ROUNDS = 70;

/** Acts in the middle of writes, which go on for a while after it. */
export async function whileWriting(stage: Stage, act: () => Promise<void>): Promise<void> {
  const writer = startWriter(stage);
  const rounds = (): number => Number(writer.output().trimEnd().split("\n").at(-1));
  const more = async (): Promise<void> => {
    const goal = rounds() + ROUNDS;
    await waitFor(() => rounds() >= goal, {
      timeoutMs: 60_000,
      what: () => `round ${goal} of the writer, now ${rounds()}`,
    });
  };
  await more();
  await act();
  await more();
  await writer.end();
}
