/** Fusion ends, is killed or stands still, and is there again. */
import type { Scenario } from "../scenario.ts";
import { growTree } from "../temp-tree.ts";
import { lasting } from "../wait-for.ts";
import { whileWriting } from "./writer.ts";

const grown: Pick<Scenario, "prepare"> = {
  prepare: ({ root }) => {
    growTree(`${root}/grown`, { seed: 21, files: 3000 });
  },
};

const changesMeanwhile =
  "rm -rf grown/d1*; mv grown/d2 renamed; echo new > grown/new; rm -f grown/*.dat; mkdir -p fresh/a/b; touch fresh/a/b/c";

const restartFusion = (how: "stop" | "kill"): NonNullable<Scenario["act"]> =>
  async function act({ fusion, shell }) {
    await shell("rm -rf grown/d3*; echo before > before");
    await fusion[how]();
    await shell(changesMeanwhile);
    await lasting(2000, "Fusion is away");
    await fusion.start();
  };

export const fusionOutageScenarios: readonly Scenario[] = [
  {
    name: "Fusion ends and starts again with nothing in its memory",
    ...grown,
    ownFusion: true,
    withinMs: 60_000,
    act: restartFusion("stop"),
  },
  {
    name: "Fusion is killed and starts again with nothing in its memory",
    ...grown,
    ownFusion: true,
    withinMs: 60_000,
    act: restartFusion("kill"),
  },
  {
    name: "Fusion is killed and starts again under writes",
    ...grown,
    ownFusion: true,
    withinMs: 60_000,
    act: (stage) =>
      whileWriting(stage, async () => {
        await stage.fusion.kill();
        await lasting(1000, "Fusion is away");
        await stage.fusion.start();
      }),
  },
  {
    name: "Fusion is frozen for 15 s under writes",
    ...grown,
    ownFusion: true,
    withinMs: 60_000,
    act: (stage) =>
      whileWriting(stage, async () => {
        stage.fusion.freeze();
        await lasting(15_000, "Fusion says nothing");
        stage.fusion.thaw();
      }),
  },
];
