// SPDX-License-Identifier: MIT
import { askDaemon } from "../client.js";
import { loadConfig } from "../config.js";
import { RtcprobeError } from "../errors.js";
import type { Health } from "../health.js";
import { canRun, checkHost, type Finding } from "../host.js";
import { renderTable } from "../table.js";
import { formatDatagrams } from "../view.js";
import type { CommandContext, Flags } from "./context.js";

async function findDaemon(socket: string): Promise<{ finding: Finding; health?: Health }> {
  try {
    const health = await askDaemon<Health>({ socket, path: "/v1/health" });
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

/** What the running daemon says of itself. */
function describeDaemon(health: Health): string[] {
  const { datagrams, conservation, sinks, streams, candidatePairs, source } = health;
  const { seen, accounted, holds } = conservation;
  return [
    `${formatDatagrams(datagrams)}; the sum is ${accounted}: ${holds ? "it holds" : `${seen - accounted} are not accounted for`}`,
    ...(source.framesMissed ? [`${source.framesMissed} frames were missed by the packet source`] : []),
    `${streams} streams, ${candidatePairs} candidate pairs, ${health.samples} samples, ${health.sampleFailures} failed`,
    ...sinks.map(
      ({ name, state, written, queued, dropped, lastError }) =>
        `${name}: ${state}, ${written} points written, ${queued} waiting, ${dropped} dropped${lastError ? ` (${lastError})` : ""}`,
    ),
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
