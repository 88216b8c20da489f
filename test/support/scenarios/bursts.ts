import type { Scenario } from "../scenario.ts";
import { growTree } from "../temp-tree.ts";

const growOutside = (name: string, files: number) => ({
  prepare: ({ outside }: { readonly outside: string }) => {
    growTree(`${outside}/${name}`, { seed: files, files, filesPerDirectory: 12 });
  },
});

export const burstScenarios: readonly Scenario[] = [
  {
    name: "300 files written into one directory",
    prepare: ({ shell }) => shell("mkdir one"),
    act: ({ shell }) => shell("for i in $(seq 300); do echo $i > one/file-$i; done"),
  },
  {
    name: "800 times mkdir -p a/b/c with a file",
    act: ({ shell }) => shell("for i in $(seq 800); do mkdir -p top-$i/b/c; echo $i > top-$i/b/c/file; done"),
  },
  {
    name: "cp -a of a tree of 800 files",
    ...growOutside("tree", 800),
    act: ({ shell }) => shell(`cp -a "$OUT/tree" copied`),
  },
  {
    name: "tar x of a tree of 830 files",
    async prepare({ outside, shell }) {
      growTree(`${outside}/tree`, { seed: 830, files: 830, filesPerDirectory: 12 });
      await shell(
        `find "$OUT/tree" -exec touch -h -d '2020-02-02 02:02:02.02' {} +; tar cf "$OUT/tree.tar" -C "$OUT" tree`,
      );
    },
    act: ({ shell }) => shell(`tar xf "$OUT/tree.tar"`),
  },
  {
    name: "a tree of 700 files moved in",
    ...growOutside("tree", 700),
    act: ({ shell }) => shell(`mv "$OUT/tree" moved-in`),
  },
  {
    name: "a tree of 700 files moved out",
    prepare: ({ root }) => {
      growTree(`${root}/leaving`, { seed: 3, files: 700, filesPerDirectory: 12 });
    },
    act: ({ shell }) => shell(`mv leaving "$OUT/"; echo late > "$OUT/leaving/unseen"`),
  },
  {
    name: "5,000 files, half of them deleted again",
    prepare: ({ shell }) => shell("mkdir many"),
    act: ({ shell }) =>
      shell(
        "for i in $(seq 5000); do echo $i > many/$i; done; for i in $(seq 1 2 5000); do echo many/$i; done | xargs rm",
      ),
  },
  {
    name: "git init, add, commit, checkout and gc",
    async act({ root, outside, shell }) {
      growTree(`${outside}/tree`, { seed: 11, files: 300, filesPerDirectory: 12 });
      await shell(`mkdir repository; cp -r "$OUT/tree" repository/`);
      await shell(`cd ${JSON.stringify(`${root}/repository`)}
        git init -q -b main; git add .; git commit -qm one
        git checkout -qb other; rm -rf tree/d1*; echo changed | tee tree/*.dat > new; git add -A; git commit -qm two
        git checkout -q main; git merge -q --no-edit other; git checkout -q HEAD~1; git checkout -q main; git gc -q`);
    },
  },
];
