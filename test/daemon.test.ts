// SPDX-License-Identifier: MIT
/**
 * A running daemon on a cgroup of the test's own. Oracles: the kernel's list of attached programs (bpftool), and a child in
 * that cgroup that sends RTP and STUN over loopback and says how much.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createCgroup, removeCgroup } from "../demo/cgroup.js";
import { askDaemon } from "../src/client.js";
import type { Health } from "../src/health.js";
import type { CandidatePairStats, InboundRtpStats, OutboundRtpStats, Sample } from "../src/stats.js";
import { can } from "./capability.js";
import { checkBuild, type Finished, runProgram, startProgram } from "./program.js";

const SSRC = 0x5eed5eed;
const PATIENCE_MS = 5000;
const ALL = ["rtp", "stun", "rtcp"];

/** Sends RTP from one socket to another of its own, and STUN both ways, until it is told to stop; then tells the numbers. */
const SENDER = `
  const { createSocket } = require("node:dgram");
  const { writeFileSync } = require("node:fs");
  const [cgroup] = process.argv.slice(1);
  writeFileSync(cgroup + "/cgroup.procs", String(process.pid));
  writeFileSync("/proc/self/comm", "a sender");
  const [from, to] = [createSocket("udp4"), createSocket("udp4")];
  let packets = 0, requests = 0, timer;
  const rtp = Buffer.alloc(12 + 80);
  const stun = Buffer.alloc(28); // with a USERNAME, as checks of ICE have it
  stun.writeUInt16BE(8, 2);
  stun.writeUInt32BE(0x2112a442, 4);
  stun.writeUInt32BE(0x00060004, 20);
  to.on("message", (m, peer) => {
    if (m[0] !== 0) return;
    const answer = Buffer.from(m);
    answer.writeUInt16BE(0x0101, 0);
    to.send(answer, peer.port, peer.address);
  });
  function tick() {
    rtp[0] = 0x80; rtp[1] = 111;
    rtp.writeUInt16BE(packets & 0xffff, 2);
    rtp.writeUInt32BE((packets * 960) >>> 0, 4);
    rtp.writeUInt32BE(${SSRC}, 8);
    from.send(rtp, to.address().port, "127.0.0.1");
    packets++;
    if (packets % 10 === 0) {
      stun.writeUInt16BE(0x0001, 0);
      stun.writeUInt32BE(++requests, 16);
      from.send(stun, to.address().port, "127.0.0.1");
    }
  }
  from.bind(0, "127.0.0.1", () => to.bind(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ from: from.address().port, to: to.address().port }));
    timer = setInterval(tick, 5);
  }));
  process.stdin.on("data", () => {
    clearInterval(timer);
    console.log(JSON.stringify({ packets, requests }));
  });
`;

/** Names of the programs that the kernel has attached to the cgroup. */
function attachedPrograms(cgroup: string): string[] {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const text = execFileSync("bpftool", ["-j", "cgroup", "show", cgroup], { encoding: "utf8", env });
  return text.trim() === "" ? [] : (JSON.parse(text) as { name: string }[]).map(({ name }) => name).sort();
}

describe.skipIf(!can.bpf.ok)(`daemon — ${can.bpf.why || "eBPF"}`, () => {
  let directory: string;
  let cgroup: string;
  let socket: string;
  const children: ChildProcess[] = [];

  beforeAll(checkBuild);
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "rtcprobe-daemon-"));
    cgroup = await createCgroup(basename(directory));
    socket = join(directory, "c.sock");
    const kept = ["journal", "calls"].map((kind) => `${kind}: { directory: ${directory}/${kind} }\n`);
    await writeFile(join(directory, "config.yaml"), kept.join(""));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await removeCgroup(cgroup);
    await rm(directory, { recursive: true });
  });
  afterAll(() => expect(children).toEqual([]));

  const common = (): string[] => ["--config", join(directory, "config.yaml"), "--socket", socket];

  /** Started, once it says so. */
  async function startDaemon(...options: string[]): Promise<ChildProcess> {
    const args = ["run", "--cgroup", cgroup, "--source", "ebpf", "--interval", "100ms", ...common(), ...options];
    const child = startProgram(args);
    children.push(child);
    const [said] = await once(child.stderr as NodeJS.ReadableStream, "data");
    expect(String(said)).toMatch(/watching eBPF on cgroup/);
    return child;
  }

  interface Sender {
    child: ChildProcess;
    ports: { from: number; to: number };
    /** Stops it and tells what it sent; it stays alive with its sockets. */
    stop(): Promise<{ packets: number; requests: number }>;
  }

  async function startSender(): Promise<Sender> {
    const child = spawn(process.execPath, ["-e", SENDER, cgroup], { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const read = async () => JSON.parse(String((await lines.next()).value));
    const ports = await read();
    return {
      child,
      ports,
      stop() {
        child.stdin.write("stop\n");
        return read();
      },
    };
  }

  const health = () => askDaemon<Health>({ socket, path: "/v1/health" });

  async function streams(): Promise<Omit<Sample, "timeNs">> {
    const { stdout } = await runProgram(["streams", "--json", ...common()]);
    return JSON.parse(stdout);
  }

  /** The streams, once they are as wanted. */
  async function waitFor(isWanted: (sample: Omit<Sample, "timeNs">) => boolean) {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const sample = await askDaemon<Omit<Sample, "timeNs">>({ socket, path: "/v1/streams" });
      if (isWanted(sample)) return sample;
      if (performance.now() > deadline) expect.fail(`not within ${PATIENCE_MS} ms: ${JSON.stringify(sample)}`);
      await sleep(20);
    }
  }
  const received = (sample: Omit<Sample, "timeNs">): number =>
    sample.streams.map((stream) => (stream.type === "inbound-rtp" ? stream.packetsReceived : 0)).at(-1) ?? 0;

  it("tells each end's numbers, exactly, and the process behind both", async () => {
    await startDaemon();
    const sender = await startSender();
    await sleep(500);
    const { packets, requests } = await sender.stop();
    await waitFor((sample) => received(sample) === packets && sample.datagrams.stun === 4 * requests);
    const sample = await streams();
    const owner = { pid: sender.child.pid, comm: "a sender", cgroup: `/${basename(cgroup)}` };
    const { from, to } = sender.ports;
    const ends = { ssrc: SSRC, srcAddress: "127.0.0.1", srcPort: from, dstAddress: "127.0.0.1", dstPort: to, ...owner };
    const inbound = sample.streams.find((s): s is InboundRtpStats => s.type === "inbound-rtp");
    const outbound = sample.streams.find((s): s is OutboundRtpStats => s.type === "outbound-rtp");
    expect(sample.streams).toHaveLength(2);
    expect(outbound).toMatchObject({ ...ends, packetsSent: packets, bytesSent: 80 * packets, packetsReordered: 0 });
    expect(inbound).toMatchObject({ ...ends, packetsReceived: packets, packetsLost: 0, packetsDuplicated: 0 });
    const asking = sample.candidatePairs.find((pair): pair is CandidatePairStats => pair.srcPort === from);
    expect(asking).toMatchObject({ ...owner, requestsSent: requests, responsesReceived: requests });
    expect(asking?.currentRoundTripTime).toBeGreaterThan(0);
    expect((await health()).conservation).toMatchObject({ holds: true, seen: 2 * packets + 4 * requests });
  });

  it("switches probes in a running daemon: what is off is detached, and the counts go on from where they were", async () => {
    await startDaemon();
    const attached = attachedPrograms(cgroup);
    expect(attached).toEqual(expect.arrayContaining(["rtp_egress", "rtp_ingress"]));
    expect((await health()).source.programIds).toHaveLength(attached.length);
    const sender = await startSender();
    const before = await waitFor((sample) => received(sample) > 30);
    const since = (await health()).uptimeSeconds;

    const change = (body: unknown) => askDaemon({ socket, path: "/v1/probes", body });
    for (let i = 0; i < 2; i++) {
      await change({ disable: ALL });
      expect(attachedPrograms(cgroup)).toEqual([]);
      await change({ enable: ALL });
      expect(attachedPrograms(cgroup)).toEqual(attached);
    }

    await change({ disable: ALL });
    expect(attachedPrograms(cgroup)).toEqual([]);
    expect((await health()).source.programIds).toEqual([]);
    await sleep(250);
    const off = await streams();
    await sleep(250);
    expect((await streams()).datagrams).toEqual(off.datagrams);
    expect(received(off)).toBeGreaterThanOrEqual(received(before));

    await change({ enable: ALL });
    expect(attachedPrograms(cgroup)).toEqual(attached);
    const on = await waitFor((sample) => received(sample) > received(off) + 30);
    expect(on.streams).toHaveLength(2);
    const { packets } = await sender.stop();
    const end = await waitFor((sample) => sample.datagrams.seen === sample.datagrams.rtp + sample.datagrams.stun);
    await sleep(250);
    // The packets sent meanwhile were seen by nobody: that is no loss of the network's.
    const [inbound] = (await streams()).streams.filter((s): s is InboundRtpStats => s.type === "inbound-rtp");
    expect(inbound?.packetsLost).toBe(0);
    expect(inbound?.packetsReceived).toBeLessThan(packets);
    expect(end.streams).toHaveLength(2);
    expect((await health()).uptimeSeconds).toBeGreaterThan(since);
  });

  it("`probes disable rtp` detaches the programs of rtp and leaves those of the others", async () => {
    await startDaemon();
    const { code, stdout } = await runProgram(["probes", "disable", "rtp", ...common()]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^rtp +off/m);
    expect(attachedPrograms(cgroup).filter((name) => name.startsWith("rtp_"))).toEqual([]);
    const sender = await startSender();
    const sample = await waitFor(
      ({ candidatePairs, datagrams }) => candidatePairs.length === 2 && datagrams.probeOff > 20,
    );
    expect(sample.streams).toEqual([]);
    await sender.stop();
    expect((await runProgram(["probes", "disable", "stun", "rtcp", ...common()])).code).toBe(0);
    expect(attachedPrograms(cgroup)).toEqual([]);
    const list = await runProgram(["probes", "enable", "rtp", "--json", ...common()]);
    const enabled = JSON.parse(list.stdout).probes.filter((probe: { enabled: boolean }) => probe.enabled);
    expect(enabled.map(({ name }: { name: string }) => name)).toEqual(["rtp"]);
    expect(attachedPrograms(cgroup)).toEqual(expect.arrayContaining(["rtp_egress", "rtp_ingress"]));
  });

  it("`probes enable depth` measures the streams that are there, and `disable` frees it again", async () => {
    await startDaemon();
    const sender = await startSender();
    const depthOf = ({ streams }: Pick<Sample, "streams">) =>
      streams.map(({ maxInterarrivalTime }) => maxInterarrivalTime);
    const before = await waitFor(({ streams }) => streams.length === 2);
    expect(depthOf(before)).toEqual([undefined, undefined]);
    expect((await runProgram(["probes", "enable", "depth", ...common()])).stdout).toMatch(/^depth +on/m);
    const during = await waitFor((sample) => depthOf(sample).every((seconds) => seconds !== undefined));
    // From a packet seen by the probe to the next one; the sender sends each 20 ms or faster, on a busy host later.
    for (const seconds of depthOf(during)) expect(seconds).toBeGreaterThan(0);
    expect((await runProgram(["probes", "disable", "depth", ...common()])).stdout).toMatch(/^depth +off/m);
    await waitFor((sample) => depthOf(sample).every((seconds) => seconds === undefined));
    await sender.stop();
    // No packet was lost to the swaps: the numbers of both ends agree, and none is told as lost.
    const [inbound] = (await streams()).streams.filter((s): s is InboundRtpStats => s.type === "inbound-rtp");
    expect(inbound?.packetsLost).toBe(0);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("%s: a last sample, exit 0, nothing attached, no socket", async (signal) => {
    const daemon = await startDaemon("--json", "--interval", "1h");
    let stdout = "";
    daemon.stdout?.on("data", (text) => {
      stdout += text;
    });
    expect(attachedPrograms(cgroup)).not.toEqual([]);
    const sender = await startSender();
    await sleep(200);
    const { packets } = await sender.stop();
    daemon.kill(signal);
    expect(await once(daemon, "exit")).toEqual([0, null]);
    expect(received(JSON.parse(stdout.trim()))).toBe(packets);
    expect(attachedPrograms(cgroup)).toEqual([]);
    expect(existsSync(socket)).toBe(false);
  });

  it("kill -9 leaves nothing attached, and the next daemon takes over the socket", async () => {
    const daemon = await startDaemon();
    daemon.kill("SIGKILL");
    await once(daemon, "exit");
    expect(attachedPrograms(cgroup)).toEqual([]);
    expect(existsSync(socket)).toBe(true);
    await startDaemon();
    expect((await runProgram(["streams", ...common()])).code).toBe(0);
  });

  it("--duration ends it by itself, after a sample per interval, and the journal has them", async () => {
    const args = ["run", "--json", "--cgroup", cgroup, "--interval", "100ms", "--duration", "1s", ...common()];
    const begun = performance.now();
    const { code, stdout }: Finished = await runProgram(args);
    expect(performance.now() - begun).toBeLessThan(PATIENCE_MS);
    expect(code).toBe(0);
    const times = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as Sample).timestamp);
    expect(times).toHaveLength(10);
    // On the grid: no drift from one sample to the next.
    expect((times.at(-1) as number) - (times[0] as number)).toBeGreaterThan(850);
    expect((times.at(-1) as number) - (times[0] as number)).toBeLessThan(950);
  });

  it("check shows what the daemon counted, refused and cost", async () => {
    await startDaemon();
    const sender = await startSender();
    await waitFor((sample) => received(sample) > 20);
    await sender.stop();
    await sleep(250);
    const { code, stdout } = await runProgram(["check", ...common()]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^daemon +ok +running on /m);
    expect(stdout).toMatch(/^(\d+) datagrams seen = .*\d+ rtp.*; the sum is \1: it holds$/m);
    expect(stdout).toMatch(/^journal: ok, \d+ points written/m);
    expect(stdout).toMatch(/^cost: \d+\.\d+ s of CPU/m);
  });

  it("--live tells after 10 s without media how to get some", { timeout: 40_000 }, async () => {
    const args = ["run", "--live", "--cgroup", cgroup, "--interval", "1s", "--duration", "11s", ...common()];
    const { code, stdout, said } = await runProgram(args);
    expect(code).toBe(0);
    expect(stdout.match(/^no streams$/gm)).toHaveLength(11);
    expect(said.filter((line) => /make demo/.test(line))).toHaveLength(1);
  });

  it("top draws the daemon's streams until it has drawn enough", async () => {
    await startDaemon();
    const sender = await startSender();
    await waitFor((sample) => received(sample) > 20);
    const { code, stdout } = await runProgram(["top", "--count", "2", "--interval", "100ms", ...common()]);
    await sender.stop();
    expect(code).toBe(0);
    expect(
      stdout.match(new RegExp(`^in +0x${SSRC.toString(16)} +127\\.0\\.0\\.1:${sender.ports.from} `, "gm")),
    ).toHaveLength(2);
    expect(stdout).toMatch(/a sender\/\d+/);
  });

  it("top ends on SIGINT with exit 0", async () => {
    await startDaemon();
    for (let i = 0; i < 5; i++) {
      const top = startProgram(["top", "--interval", "100ms", ...common()]);
      children.push(top);
      await once(top.stdout as NodeJS.ReadableStream, "data");
      await sleep(97 + i); // now and then in the middle of a question
      top.kill("SIGINT");
      expect(await once(top, "exit")).toEqual([0, null]);
    }
  });
});
