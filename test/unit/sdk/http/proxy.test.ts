import { expect, it } from "vitest";
import { isExempt, proxyFor } from "../../../../src/sdk/http/proxy.ts";
import { entryCheck } from "../../../support/entry-check.ts";

function answer(target: string, env: Record<string, string>, written?: string) {
  const { check, errors } = entryCheck({ variables: env });
  return { proxy: proxyFor(new URL(target), written, check), problems: errors };
}

it.each([
  ["https://f.example", { HTTPS_PROXY: "http://p:1" }, "http://p:1/"],
  ["https://f.example", { https_proxy: "http://p:1" }, "http://p:1/"],
  ["https://f.example", { HTTPS_PROXY: "http://big:1", https_proxy: "http://small:2" }, "http://small:2/"],
  ["https://f.example", { HTTPS_PROXY: "", https_proxy: " " }, undefined],
  ["https://f.example", { HTTP_PROXY: "http://p:1" }, undefined],
  ["http://f.example", { HTTP_PROXY: "http://p:1", HTTPS_PROXY: "http://q:1" }, "http://p:1/"],
  ["http://f.example", { http_proxy: "p.example:3128" }, "http://p.example:3128/"],
  ["http://f.example", { HTTP_PROXY: "https://u:p%40@p.example" }, "https://u:p%40@p.example/"],
  ["http://localhost:8102", { HTTP_PROXY: "http://p:1" }, undefined],
  ["http://127.0.0.1:8102", { HTTP_PROXY: "http://p:1" }, undefined],
  ["http://[::1]:8102", { HTTP_PROXY: "http://p:1" }, undefined],
  ["http://f.example", { HTTP_PROXY: "http://p:1", NO_PROXY: "f.example" }, undefined],
  ["http://f.example", { HTTP_PROXY: "http://p:1", no_proxy: "x, f.example" }, undefined],
  ["http://f.example", { HTTP_PROXY: "http://p:1", NO_PROXY: "f.example", no_proxy: "other" }, "http://p:1/"],
])("of %s with %j the way is %s", (target, env, proxy) => {
  expect(answer(target, env)).toEqual({ proxy, problems: [] });
});

it("the configuration wins over the environment, also for loopback", () => {
  const env = { HTTP_PROXY: "http://p:1", NO_PROXY: "*" };
  expect(answer("http://localhost:8102", env, "http://own:2").proxy).toBe("http://own:2/");
  expect(answer("http://f.example", { HTTP_PROXY: "http://p:1" }, "none").proxy).toBeUndefined();
});

it.each(["socks5://u:secret@p:1", "ftp://u:secret@p", "http://u:secret@p:99999", "http://"])(
  "%s is refused without a word of what stands there",
  (written) => {
    const own = answer("http://f.example", {}, written);
    expect(own.problems).toHaveLength(1);
    const environment = answer("http://f.example", { HTTP_PROXY: written });
    expect(environment.problems[0]).toContain("(environment variable HTTP_PROXY)");
    expect(JSON.stringify([own, environment])).not.toContain("secret");
  },
);

it.each([
  ["*", "http://f.example", true],
  ["f.example", "http://f.example", true],
  ["example", "http://f.example", true],
  [".example", "http://f.example", true],
  ["*.example", "http://f.example", true],
  ["F.EXAMPLE", "http://f.example", true],
  ["xample", "http://f.example", false],
  ["g.f.example", "http://f.example", false],
  ["f.example:80", "http://f.example", true],
  ["f.example:80", "http://f.example:8102", false],
  ["f.example:443", "https://f.example", true],
  ["10.0.0.0/8", "http://10.1.2.3", true],
  ["10.0.0.0/8", "http://11.1.2.3", false],
  ["10.1.2.3", "http://10.1.2.3:8102", true],
  ["10.1.2.3:8102", "http://10.1.2.3:8102", true],
  ["2.3", "http://10.1.2.3", false],
  ["fd00::/8", "http://[fd00::7]", true],
  ["[fd00::7]:8102", "http://[fd00::7]:8102", true],
  ["10.0.0.0/99", "http://10.1.2.3", false],
  ["", "http://f.example", false],
  ["a b,f.example", "http://f.example", true],
])("NO_PROXY=%s for %s: %s", (noProxy, target, expected) => {
  expect(isExempt(new URL(target), noProxy)).toBe(expected);
});
