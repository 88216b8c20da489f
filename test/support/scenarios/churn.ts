import { appendFileSync, closeSync, openSync } from "node:fs";
import { playRandomly } from "../random-operations.ts";
import type { Scenario, Stage } from "../scenario.ts";
import { lasting } from "../wait-for.ts";

/** The writer still has the file open when the comparison begins. */
async function appendToHeldFile({ root, onCleanup }: Stage): Promise<void> {
  const file = openSync(`${root}/service.log`, "a");
  onCleanup(() => closeSync(file));
  for (let line = 0; line < 40; line++) {
    appendFileSync(file, `line ${line}\n`);
    await lasting(25, "the pace of the writer");
  }
}

const randomly = (seed: number): Scenario => ({
  name: `1,500 random operations (seed ${seed})`,
  act: ({ root, outside }) => playRandomly({ root, outside, seed, steps: 1500 }),
});

export const churnScenarios: readonly Scenario[] = [
  {
    name: "30 atomic saves of each of three files",
    prepare: ({ shell }) => shell("mkdir docs; for f in a b c; do echo 0 > docs/$f; done"),
    act: ({ shell }) =>
      shell("for i in $(seq 30); do for f in a b c; do seq $i > docs/.$f.swp; mv docs/.$f.swp docs/$f; done; done"),
  },
  {
    name: "files deleted and made again in quick succession",
    prepare: ({ shell }) => shell("mkdir again; for i in $(seq 40); do echo $i > again/$i; done"),
    act: ({ shell }) =>
      shell(
        "for round in $(seq 8); do rm again/*; for i in $(seq 40); do echo $round $i > again/$i; done; done; rm again/7",
      ),
  },
  {
    name: "directories deleted and made again in quick succession",
    act: ({ shell }) =>
      shell(
        "for round in $(seq 40); do rm -rf top; mkdir -p top/a/b; echo $round > top/a/b/$round; echo $round > top/same; done",
      ),
  },
  { name: "a log that is held open and grows", act: appendToHeldFile },
  {
    name: "truncate, chmod and times set back",
    prepare: ({ shell }) => shell("mkdir set; for i in $(seq 30); do seq 100 > set/$i; done"),
    act: ({ shell }) =>
      shell(`truncate -s 5 set/1 set/2; truncate -s 1M set/3; : > set/4; chmod 600 set/5 set/6; chmod 700 set
        touch -d '2001-01-01 01:01:01.5' set/7 set/8; touch -d '1960-01-01 00:00:00.75' set/9; touch -a set/10
        ln -s 7 set/link; touch -h -d '2002-02-02' set/link; touch -d '1999-12-31' set; chown 12345 set/11 2>/dev/null || true`),
  },
  {
    name: "names that come back as other kinds of entries",
    prepare: ({ shell }) =>
      shell("for i in $(seq 20); do mkdir -p f$i/sub; echo $i > f$i/sub/x; echo $i > d$i; ln -s d$i l$i; done"),
    act: ({ shell }) =>
      shell(`for i in $(seq 20); do
          rm -rf f$i; echo file now > f$i
          rm d$i; mkdir d$i; echo below > d$i/new
          rm l$i; mkfifo l$i
        done
        for i in $(seq 5); do rm f$i; mkdir -p f$i/sub; echo again > f$i/sub/x; rm -rf d$i; ln -s f$i d$i; rm l$i; mkdir l$i; done`),
  },
  {
    name: "everything deleted and copied anew under the same names",
    prepare: ({ shell }) =>
      shell(
        `for d in $(seq 20); do mkdir -p all/$d/x; for i in $(seq 20); do echo $i > all/$d/x/$i; done; done; cp -a all "$OUT/"`,
      ),
    async act({ shell, settle }) {
      await shell(`rm -rf all; cp -a "$OUT/all" .`);
      await settle();
      await shell(`rm -rf all; sleep 0.2; cp -a "$OUT/all" .`);
    },
  },
  randomly(1),
  randomly(20_261_121),
];
