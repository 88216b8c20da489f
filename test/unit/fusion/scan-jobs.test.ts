import { describe, expect, it } from "vitest";
import { ScanJobs } from "../../../src/fusion/scan-jobs.ts";

describe("ScanJobs", () => {
  it("is finished when every session has reported", () => {
    const jobs = new ScanJobs();
    const job = jobs.open("j", "/d", ["a", "b"], 1);
    jobs.complete("a", "j", "/d", 2);
    jobs.complete("a", "j", "/d", 3);
    expect(job.completedAt).toBeNull();
    jobs.complete("b", undefined, "/d", 4);
    expect(job.completedAt).toBe(4);
  });

  it("does not wait for a session that is gone, and remembers one that reported before it went", () => {
    const jobs = new ScanJobs();
    const job = jobs.open("j", "/d", ["a", "b"], 1);
    jobs.complete("a", "j", undefined, 2);
    jobs.drop("a", 3);
    expect(job.completedAt).toBeNull();
    jobs.drop("b", 4);
    expect(job.completedAt).toBe(4);
    expect(job.done.size).toBe(1);
  });

  it("ignores reports of strangers and of other paths", () => {
    const jobs = new ScanJobs();
    const job = jobs.open("j", "/d", ["a"], 1);
    jobs.complete("x", "j", "/d", 2);
    jobs.complete("a", undefined, "/e", 2);
    expect(job.completedAt).toBeNull();
  });

  it("keeps a bounded number, finished ones going first", () => {
    const jobs = new ScanJobs();
    jobs.open("open", "/d", ["a"], 1);
    for (let at = 0; at < 300; at++) jobs.open(`done-${at}`, "/d", [], 1);
    expect(jobs.all()).toHaveLength(200);
    expect(jobs.get("open")).toBeDefined();
  });
});
