// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from "node:timers/promises";
import { askDaemon } from "../client.js";
import { loadConfig } from "../config.js";
import { RtcprobeError } from "../errors.js";
import type { Health } from "../health.js";
import { canRun, checkHost, type Finding } from "../host.js";
import { renderTable } from "../table.js";
import { formatDatagrams } from "../view.js";
import type { CommandContext, Flags } from "./context.js";

/** A datagram on its way while the counters are read is seen and not yet accounted for: then another look is needed. */
const LOOKS = 3;

async function askHealth(socket: string): Promise<Health> {
  for (let look = 1; ; look++) {
    const health = await askDaemon<Health>({ socket, path: "/v1/health" });
    if (health.conservation.holds || look === LOOKS) return health;
    await sleep(Math.min(1000, health.intervalSeconds * 1000));
  }
}

async function findDaemon(socket: string): Promise<{ finding: Finding; health?: Health }> {
  try {
    const health = await askHealth(socket);
    const message = `running on ${socket}, process ${health.pid}, since ${Math.round(health.uptimeSeconds)} s`;
    return { finding: { name: "daemon", ok: true, message }, health };
  } catch (error) {
    if (!(error instanceof RtcprobeError)) throw error;
    const { message, hint } = error;
    return { finding: { name: "daemon", ok: false, message, ...(hint === undefined ? {} : { hint }) } };
  }
}

function describeCost({ cost, uptimeSeconds }: Health): string {
  const share = ((100 * cost.cpuSeconds) / uptimeSeconds).toFixed(2);
  const mebibytes = Math.round(cost.rssBytes / 2 ** 20);
  const programs =
    cost.programSeconds === undefined || cost.programRuns === undefined
      ? "its programs: not kept by the kernel (sysctl kernel.bpf_stats_enabled=1 to see it)"
      : `its programs: ${cost.programSeconds.toFixed(3)} s in ${cost.programRuns} runs`;
  return `cost: ${cost.cpuSeconds.toFixed(2)} s of CPU (${share} % of a core), ${mebibytes} MiB; ${programs}`;
}

/** Reasons that count something. */
function describeReasons(reasons: Readonly<Record<string, number>>): string {
  const counted = Object.entries(reasons).filter(([, n]) => n > 0);
  return counted.map(([reason, n]) => `${n} ${reason}`).join(", ");
}

function describeSink(status: Health["sinks"][number]): string {
  const { name, state, written, queued, dropped, droppedBy, lastError } = status;
  const why = describeReasons(droppedBy);
  const parts = [`${written} points written`, `${queued} waiting`, `${dropped} dropped${why === "" ? "" : `: ${why}`}`];
  if ("expired" in status) {
    const expired = describeReasons(status.expired);
    parts.push(`${(status.bytes / 2 ** 20).toFixed(1)} MiB in ${status.segments} segments`);
    if (expired !== "") parts.push(`samples expired: ${expired}`);
    if (status.torn + status.corrupt > 0) parts.push(`${status.torn} torn, ${status.corrupt} corrupt`);
  }
  return `${name}: ${state}, ${parts.join(", ")}${lastError ? ` (${lastError})` : ""}`;
}

/** What the running daemon says of itself. */
function describeDaemon(health: Health): string[] {
  const { datagrams, conservation, sinks, streams, candidatePairs, source } = health;
  const { seen, accounted, holds } = conservation;
  return [
    `${formatDatagrams(datagrams)}; the sum is ${accounted}: ${holds ? "it holds" : `${seen - accounted} are not accounted for`}`,
    ...(source.framesMissed ? [`${source.framesMissed} frames were missed by the packet source`] : []),
    `${streams} streams, ${candidatePairs} candidate pairs, ${health.samples} samples, ${health.sampleFailures} failed`,
    ...sinks.map(describeSink),
    ...(health.lastError ? [`last error: ${health.lastError}`] : []),
    describeCost(health),
  ];
}

/**
 * Can this host run it, and what does the running daemon say of itself.
 * @returns true when it can
 * @throws RtcprobeError ERR_USAGE, ERR_CONFIG
 */
export async function checkCommand({ output, env }: CommandContext, flags: Flags): Promise<boolean> {
  const config = await loadConfig({ flags, env, path: flags.config });
  const findings = await checkHost(config);
  const { finding, health } = await findDaemon(config.socket);
  const ok = health !== undefined || canRun(findings, config.source);
  const checks = [...findings, finding];
  if (flags.json) {
    output.line(JSON.stringify({ ok, checks, ...(health === undefined ? {} : { daemon: health }) }));
    return ok;
  }
  const rows = checks.map((check) => [
    check.name,
    check.ok ? "ok" : "no",
    check.hint === undefined ? check.message : `${check.message}; ${check.hint}`,
  ]);
  output.lines(renderTable([{ title: "CHECK" }, { title: "" }, { title: "FINDING" }], rows, output.emphasise));
  output.lines([
    "",
    ...(health ? [...describeDaemon(health), ""] : []),
    ok ? "this host can run it" : "this host cannot run it",
  ]);
  return ok;
}
