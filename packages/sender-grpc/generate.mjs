// `node generate.mjs` writes src/gen from proto/; with --check it changes nothing and fails when src/gen is not what proto/ makes.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

const FOLDER = import.meta.dirname;
const BIN = resolve(FOLDER, "../../node_modules/.bin");
const GENERATED = "fustor/v1/receiver_pb.ts";
const isCheck = process.argv.includes("--check");

function generate(out) {
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH}` };
  execFileSync(join(BIN, "buf"), ["generate", "--output", out], { cwd: FOLDER, env, stdio: "inherit" });
}

if (isCheck) {
  const draft = mkdtempSync(join(tmpdir(), "fustor-proto-"));
  try {
    generate(draft);
    const [fresh, kept] = [join(draft, "src/gen"), join(FOLDER, "src/gen")].map((folder) =>
      readFileSync(join(folder, GENERATED), "utf8"),
    );
    if (fresh !== kept) {
      console.error(
        "packages/sender-grpc/src/gen is not what proto/ makes: run `npm run generate -w packages/sender-grpc`",
      );
      process.exit(1);
    }
    console.log("packages/sender-grpc/src/gen is what proto/ makes");
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
} else generate(FOLDER);
