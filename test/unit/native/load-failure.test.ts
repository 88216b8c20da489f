import { expect, test } from "vitest";
import { describeLoadFailure } from "../../../src/native/load-failure.ts";

const FILE = "/opt/agent/fustor_agent.node";

test.each(["checkout", "package"] as const)(
  "an addon of a %s that could not be opened for want of descriptors is not called damaged",
  (origin) => {
    const said = describeLoadFailure(
      { file: FILE, origin },
      `${FILE}: cannot open shared object file: Too many open files`,
    );
    expect(said).toBe(
      `the native addon ${FILE} does not load: this process may open no more files: ` +
        "raise the limit (ulimit -n, LimitNOFILE= of a unit) (cannot open shared object file: Too many open files)",
    );
  },
);
