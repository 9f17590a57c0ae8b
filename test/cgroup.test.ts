// SPDX-License-Identifier: MIT
/** Where the cgroup v2 tree is and what is in it. Oracles: texts in the form of proc(5), and directories the test makes. */
import { mkdir, mkdtemp, rm, rmdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CgroupTree, checkCgroup, findCgroupRoot, parseCgroupRoot } from "../src/cgroup.js";
import { can } from "./capability.js";

const HYBRID = `
24 1 0:21 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
25 24 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
26 24 0:23 / /sys/fs/cgroup/unified rw,nosuid shared:4 - cgroup2 cgroup2 rw`;

describe("the root in mountinfo", () => {
  it.each([
    ["hybrid", HYBRID, "/sys/fs/cgroup/unified"],
    ["pure", "30 1 0:25 / /sys/fs/cgroup rw shared:9 master:2 - cgroup2 none rw,nsdelegate", "/sys/fs/cgroup"],
    ["with a space", "30 1 0:25 / /mnt/c\\040g rw - cgroup2 none rw", "/mnt/c g"],
    ["none", "25 24 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", undefined],
    ["of a container", "30 1 0:25 /../../x /sys/fs/cgroup rw - cgroup2 none rw", "/sys/fs/cgroup"],
    [
      "the tree's root before a part of it",
      "29 1 0:25 /sub /a rw - cgroup2 none rw\n30 1 0:25 / /b rw - cgroup2 none rw",
      "/b",
    ],
    ["nonsense", "cgroup2 - \n - cgroup2\n\n", undefined],
  ])("%s", (_, text, root) => expect(parseCgroupRoot(text)).toBe(root));
});

describe("a path that is no cgroup", () => {
  it.each(["/nowhere", "/tmp", "/proc/self/mountinfo"])("%s is refused, with what to do", async (path) => {
    await expect(checkCgroup(path)).rejects.toMatchObject({
      code: "ERR_CGROUP",
      hint: expect.stringMatching(/cgroup v2/),
    });
  });

  it.skipIf(!can.bpf.ok)(`a file of a cgroup — ${can.bpf.why}`, async () => {
    const root = await findCgroupRoot();
    await expect(checkCgroup(`${root}/cgroup.procs`)).rejects.toMatchObject({
      message: expect.stringMatching(/a file/),
    });
    await checkCgroup(root);
  });
});

describe("ids to paths", () => {
  let root: string;
  const id = async (path: string): Promise<string> => String((await stat(join(root, path), { bigint: true })).ino);

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "rtcprobe-tree-"));
    await mkdir(join(root, "system.slice", "agent.service"), { recursive: true });
  });
  afterAll(() => rm(root, { recursive: true }));

  it("are known below the root, which is /", async () => {
    const tree = new CgroupTree(root);
    const [top, agent] = [await id(""), await id("system.slice/agent.service")];
    await tree.learn([top, agent]);
    expect([tree.path(top), tree.path(agent)]).toEqual(["/", "/system.slice/agent.service"]);
    expect(tree.directory("/")).toBe(root);
  });

  it("a new cgroup is found when it is asked for, and one that is gone is not", async () => {
    const tree = new CgroupTree(root);
    await tree.learn([await id("")]);
    await mkdir(join(root, "new"));
    const fresh = await id("new");
    await tree.learn([fresh]);
    expect(tree.path(fresh)).toBe("/new");
    await rmdir(join(root, "new"));
    await tree.learn(["99999999999"]);
    expect(tree.path("99999999999")).toBeUndefined();
  });
});
