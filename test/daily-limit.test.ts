// SPDX-License-Identifier: MIT
/**
 * Daily's limits, kept by all processes of a host together. Oracle: the fake Daily, which counts every request of every
 * process in sliding windows, on the real clock.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SharedBudget } from "../src/daily/budget.js";
import { Daily } from "../src/daily/client.js";
import { type DailyServer, KEY, startDaily } from "./dailyserver.js";
import { checkBuild, runProgram } from "./program.js";

let directory: string;
let daily: DailyServer;
let budgetFile: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "rtcprobe-limit-"));
  budgetFile = join(directory, "calls", "daily-requests.json");
  daily = await startDaily();
});
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
  await daily.close();
  rmSync(directory, { recursive: true });
});

/** A process that waits to be told to ask. */
async function startAsker(requests: number, file?: string) {
  const args = ["--import", "tsx", join(import.meta.dirname, "asker.ts"), daily.url, String(requests)];
  const child = spawn(process.execPath, file === undefined ? args : [...args, file], {
    env: { ...process.env, DAILY_API_KEY: KEY },
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  const exit = once(child, "exit");
  await once(child.stdout, "data");
  return {
    ask: () => child.stdin.end("\n"),
    end: async () => expect(await exit).toEqual([0, null]),
    kill: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

const askers = (n: number, requests: number, file?: string) =>
  Promise.all(Array.from({ length: n }, () => startAsker(requests, file)));

it("three processes at once: none beyond a limit, and all of the budget used", { timeout: 60_000 }, async () => {
  const all = await askers(3, 40, budgetFile);
  const begin = performance.now();
  for (const { ask } of all) ask();
  for (const { end } of all) await end();
  const seconds = (performance.now() - begin) / 1000;
  expect([daily.requests.length, daily.violations]).toEqual([120, 0]);
  // 20 at once and 20 more each second: 5 s at least.
  expect(seconds).toBeGreaterThan(4.9);
  expect(seconds).toBeLessThan(20);
});

it("each counting its own, they do exceed it", { timeout: 60_000 }, async () => {
  const all = await askers(2, 20);
  for (const { ask } of all) ask();
  await expect.poll(() => daily.violations, { timeout: 10_000 }).toBeGreaterThan(0);
});

it("a process that is killed holds nobody up, and what it asked still counts", { timeout: 60_000 }, async () => {
  const [victim, heir] = await askers(2, 30, budgetFile);
  victim?.ask();
  await expect.poll(() => daily.requests.length, { interval: 5 }).toBeGreaterThan(15);
  await victim?.kill();
  const before = daily.requests.length;
  heir?.ask();
  await heir?.end();
  expect([daily.requests.length - before, daily.violations]).toEqual([30, 0]);
});

it("commands one after another, beside a process that asks", { timeout: 60_000 }, async () => {
  checkBuild();
  writeFileSync(
    join(directory, "config.yaml"),
    `calls: { directory: ${directory}/calls }\ndaily: { url: "${daily.url}" }\n`,
  );
  const [asker] = await askers(1, 50, budgetFile);
  asker?.ask();
  for (let n = 0; n < 4; n++) {
    const { code } = await runProgram(["daily", "presence", "--config", join(directory, "config.yaml")], {
      env: { DAILY_API_KEY: KEY },
    });
    expect(code).toBe(0);
  }
  await asker?.end();
  expect([daily.requests.length, daily.violations]).toEqual([54, 0]);
  expect(readFileSync(budgetFile, "utf8")).not.toContain(KEY);
});

it("a hold after a 429 is everybody's", async () => {
  daily.faults = [{ status: 429, headers: { "retry-after": "1" } }];
  const [one, other] = [1, 2].map(() => new Daily({ key: KEY, url: daily.url, budgetFile }));
  const first = one?.presence();
  await expect.poll(() => daily.requests.length, { interval: 5 }).toBe(1);
  await expect.poll(() => JSON.parse(readFileSync(budgetFile, "utf8")).heldUntil, { interval: 5 }).toBeGreaterThan(0);
  const begin = performance.now();
  await other?.presence();
  expect(performance.now() - begin).toBeGreaterThan(800);
  await first;
});

it.each([
  ["torn", '{"boot":"'],
  [
    "of an earlier start of the host",
    JSON.stringify({ boot: "x", requests: [{ id: "a", seenBy: 9e15 }], heldUntil: 9e15 }),
  ],
  ["of another form", "[]"],
])("a file that is %s is begun anew", async (_, text) => {
  mkdirSync(join(directory, "calls"));
  writeFileSync(budgetFile, text);
  await new Daily({ key: KEY, url: daily.url, budgetFile }).presence();
  expect(JSON.parse(readFileSync(budgetFile, "utf8")).requests).toHaveLength(1);
});

it("where no file can be written, a process counts its own", async () => {
  writeFileSync(join(directory, "file"), "");
  const budget = new SharedBudget(join(directory, "file", "budget"));
  await budget.change(({ requests }) => requests.push({ id: "a", seenBy: 1 }));
  await budget.change(({ requests }) => expect(requests).toHaveLength(1));
});
