import type { Scenario, Site } from "../scenario.ts";
import { growTree } from "../temp-tree.ts";

const OLD = "2019-03-04 05:06:07.125";

const threeHundred = ({ shell }: Site): Promise<void> =>
  shell(
    "mkdir -p old/deeper; for i in $(seq 250); do echo $i > old/$i; done; for i in $(seq 50); do echo $i > old/deeper/$i; done",
  );

export const renameScenarios: readonly Scenario[] = [
  {
    name: "a directory with 300 files renamed",
    prepare: threeHundred,
    act: ({ shell }) => shell("mv old new"),
  },
  {
    name: "a directory with 300 files renamed and back at once",
    prepare: threeHundred,
    act: ({ shell }) => shell("mv old new; mv new old; touch old/after"),
  },
  {
    name: "a directory renamed and back after the first name is gone from the view",
    prepare: threeHundred,
    async act({ shell, settle }) {
      await shell("mv old new");
      await settle();
      await shell("mv new old");
    },
  },
  {
    name: "nested renames: below, above and into each other",
    prepare: ({ shell }) =>
      shell(`for d in a b c; do mkdir -p $d/x/y $d/z
        for i in $(seq 20); do echo $d > $d/x/$d$i; echo $i > $d/x/y/$i; echo $i$d > $d/z/$i; done; done`),
    act: ({ shell }) =>
      shell(`mv a/x a/w; mv a q; mv q/w b/taken; mv b c/b; mv c/b/taken q/back; mv c a
        echo new > a/b/late; mv a/b/x/y y; mv q/back/y a/b/x/y; mv a/b/x q/x; echo 1 > q/x/y/later`),
  },
  {
    name: "a path of 120 directories, renamed near its top",
    async act({ shell, settle }) {
      await shell(`p=$(printf 'level/%.0s' $(seq 120)); mkdir -p "$p"; echo deep > "$p/bottom"`);
      await settle();
      await shell("mv level/level/level level/other; echo more > level/other/level/level/beside");
    },
  },
  {
    name: "two directories swap their names",
    prepare: ({ root }) => {
      growTree(`${root}/one`, { seed: 1, files: 150, filesPerDirectory: 10 });
      growTree(`${root}/two`, { seed: 2, files: 130, filesPerDirectory: 10 });
    },
    act: ({ shell }) => shell("mv one swap; mv two one; mv swap two"),
  },
  {
    name: "directories pass their names on in a ring, twenty times",
    prepare: ({ shell }) =>
      shell("for d in a b c d; do mkdir -p $d/sub; for i in $(seq 20); do echo $d$i > $d/sub/$d$i; done; done"),
    act: ({ shell }) =>
      shell("for i in $(seq 20); do mv a t; mv b a; mv c b; mv d c; mv t d; echo $i >> a/counter; done"),
  },
  {
    name: "directories are made, filled and renamed before anybody can look",
    act: ({ shell }) =>
      shell(
        "for i in $(seq 150); do mkdir tmp; echo $i > tmp/file; mkdir tmp/sub; mv tmp final-$i; echo $i > final-$i/sub/late; done",
      ),
  },
  {
    name: "a directory renamed over an empty one, a file over a file",
    prepare: ({ shell }) => shell("mkdir full empty; echo 1 > full/a; echo 22 > x; echo 333 > y"),
    act: ({ shell }) => shell("mv -T full empty; mv x y"),
  },
  {
    name: "files moved out and back with their old times",
    prepare: ({ shell }) =>
      shell(`mkdir kept; for i in $(seq 30); do echo $i > kept/$i; touch -d '${OLD}' kept/$i; done`),
    async act({ shell, settle }) {
      await shell(`mv kept/* "$OUT/"`);
      await settle();
      await shell(`mv "$OUT"/* kept/`);
    },
  },
  {
    name: "a tree of 700 old files moved out and back",
    async prepare({ root, shell }) {
      growTree(`${root}/travel`, { seed: 9, files: 700, filesPerDirectory: 12 });
      await shell(`find travel -exec touch -d '${OLD}' {} +`);
    },
    async act({ shell, settle }) {
      await shell(`mv travel "$OUT/"`);
      await settle();
      await shell(`mv "$OUT/travel" .`);
    },
  },
];
