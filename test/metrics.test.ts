// SPDX-License-Identifier: MIT
/**
 * `/metrics`. Oracles: the text written by hand from the health beside it; and the rules of the Prometheus text format 0.0.4: one TYPE
 * per name, ahead of its series; all series of a name in one group; each series once; a line feed behind the last line.
 */
import { describe, expect, it } from "vitest";
import type { Health } from "../src/health.js";
import { formatMetrics } from "../src/metrics.js";
import { DATAGRAMS } from "./samples.js";

const HEALTH: Health = {
  version: "1.2.3",
  pid: 77,
  uptimeSeconds: 12.5,
  intervalSeconds: 1,
  source: { kind: "packet", interface: "eth0", framesMissed: 4 },
  probes: [
    { name: "stun", enabled: true, available: true, measures: "round trips" },
    { name: "depth", enabled: false, available: true, measures: "frames" },
  ],
  streams: 12,
  candidatePairs: 3,
  samples: 60,
  sampleFailures: 1,
  clockSteps: 2,
  datagrams: DATAGRAMS,
  conservation: { seen: 0, accounted: 0, holds: true },
  sinks: [
    {
      name: "journal",
      state: "ok",
      written: 900,
      queued: 5,
      dropped: 0,
      droppedBy: {},
      bytes: 4096,
      segments: 2,
      expired: { bytes: 7, age: 8, space: 9 },
      torn: 0,
      corrupt: 0,
    },
    {
      name: 'influxdb "a\\b"\n',
      state: "failing",
      written: 800,
      queued: 100,
      dropped: 11,
      droppedBy: { refused: 10, tooLarge: 1 },
      lastError: "no answer within 10 s",
    },
  ],
  calls: { active: 1, waiting: 2 },
  cost: { cpuSeconds: 1.25, rssBytes: 50_000_000, programRuns: 1000, programSeconds: 0.001 },
};

const INFLUX = 'sink="influxdb \\"a\\\\b\\"\\n"';

const DATAGRAM_LINES = Object.entries(DATAGRAMS)
  .filter(([outcome]) => outcome !== "seen")
  .map(([outcome, n]) => `rtcprobe_datagrams_total{outcome="${outcome}"} ${n}\n`)
  .join("");

const TEXT = `# HELP rtcprobe_info Version and source.
# TYPE rtcprobe_info gauge
rtcprobe_info{version="1.2.3",source="packet"} 1
# HELP rtcprobe_datagrams_seen_total Datagrams that the source saw.
# TYPE rtcprobe_datagrams_seen_total counter
rtcprobe_datagrams_seen_total ${DATAGRAMS.seen}
# HELP rtcprobe_datagrams_total Datagrams by what became of them; their sum is what was seen.
# TYPE rtcprobe_datagrams_total counter
${DATAGRAM_LINES}# HELP rtcprobe_frames_missed_total Frames the kernel dropped before the packet source read them.
# TYPE rtcprobe_frames_missed_total counter
rtcprobe_frames_missed_total 4
# HELP rtcprobe_streams RTP streams in the latest sample.
# TYPE rtcprobe_streams gauge
rtcprobe_streams 12
# HELP rtcprobe_candidate_pairs ICE candidate pairs in the latest sample.
# TYPE rtcprobe_candidate_pairs gauge
rtcprobe_candidate_pairs 3
# HELP rtcprobe_probe_enabled 1 while the probe is attached.
# TYPE rtcprobe_probe_enabled gauge
rtcprobe_probe_enabled{probe="stun"} 1
rtcprobe_probe_enabled{probe="depth"} 0
# HELP rtcprobe_calls_active Calls that are on.
# TYPE rtcprobe_calls_active gauge
rtcprobe_calls_active 1
# HELP rtcprobe_calls_waiting Ended calls that wait for Daily.
# TYPE rtcprobe_calls_waiting gauge
rtcprobe_calls_waiting 2
# HELP rtcprobe_samples_total Samples taken.
# TYPE rtcprobe_samples_total counter
rtcprobe_samples_total 60
# HELP rtcprobe_sample_failures_total Samples that could not be taken.
# TYPE rtcprobe_sample_failures_total counter
rtcprobe_sample_failures_total 1
# HELP rtcprobe_clock_steps_total Times the wall clock was set.
# TYPE rtcprobe_clock_steps_total counter
rtcprobe_clock_steps_total 2
# HELP rtcprobe_sink_up 1 while the sink takes points.
# TYPE rtcprobe_sink_up gauge
rtcprobe_sink_up{sink="journal"} 1
rtcprobe_sink_up{${INFLUX}} 0
# HELP rtcprobe_sink_points_written_total Points stored.
# TYPE rtcprobe_sink_points_written_total counter
rtcprobe_sink_points_written_total{sink="journal"} 900
rtcprobe_sink_points_written_total{${INFLUX}} 800
# HELP rtcprobe_sink_points_dropped_total Points lost for good, by reason.
# TYPE rtcprobe_sink_points_dropped_total counter
rtcprobe_sink_points_dropped_total{${INFLUX},reason="refused"} 10
rtcprobe_sink_points_dropped_total{${INFLUX},reason="tooLarge"} 1
# HELP rtcprobe_journal_bytes Bytes of the journal on disk.
# TYPE rtcprobe_journal_bytes gauge
rtcprobe_journal_bytes 4096
# HELP rtcprobe_journal_samples_expired_total Samples that left the journal at a bound.
# TYPE rtcprobe_journal_samples_expired_total counter
rtcprobe_journal_samples_expired_total{reason="bytes"} 7
rtcprobe_journal_samples_expired_total{reason="age"} 8
rtcprobe_journal_samples_expired_total{reason="space"} 9
# HELP rtcprobe_sink_points_queued Points that wait.
# TYPE rtcprobe_sink_points_queued gauge
rtcprobe_sink_points_queued{sink="journal"} 5
rtcprobe_sink_points_queued{${INFLUX}} 100
# HELP rtcprobe_program_runs_total Runs of the kernel programs.
# TYPE rtcprobe_program_runs_total counter
rtcprobe_program_runs_total 1000
# HELP rtcprobe_program_seconds_total Run time of the kernel programs.
# TYPE rtcprobe_program_seconds_total counter
rtcprobe_program_seconds_total 0.001
# HELP process_cpu_seconds_total CPU time of the daemon.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1.25
# HELP process_resident_memory_bytes Resident memory of the daemon.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 50000000
`;

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const SERIES = new RegExp(`^(${NAME})(?:\\{(?:${LABEL})(?:,${LABEL})*\\})? -?[0-9.]+(?:e[+-]?[0-9]+)?$`);

/** What breaks the rules of the text format. */
function faults(text: string): string[] {
  const found = text.endsWith("\n") ? [] : ["no line feed behind the last line"];
  const known = new Set<string>();
  const told = new Set<string>();
  let current = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const [, kind, name = ""] = new RegExp(`^# (HELP|TYPE) (${NAME}) .`).exec(line) ?? [];
    const series = SERIES.exec(line)?.[1];
    const once = kind === undefined ? line.slice(0, line.lastIndexOf(" ")) : `${kind} ${name}`;
    if (told.has(once)) found.push(`twice: ${once}`);
    told.add(once);
    if (kind === "HELP" && known.has(name)) found.push(`a second group: ${name}`);
    if (kind !== undefined) {
      known.add(name);
      current = name;
    } else if (series === undefined) found.push(`no series: ${line}`);
    else if (series !== current || !told.has(`TYPE ${series}`)) found.push(`not behind its TYPE: ${line}`);
  }
  return found;
}

describe("metrics", () => {
  it("are this text, of a packet source, a failing sink, and a journal at its bounds", () => {
    expect(formatMetrics(HEALTH)).toBe(TEXT);
  });

  it("keep to the text format", () => {
    expect(faults(formatMetrics(HEALTH))).toEqual([]);
    expect(faults(TEXT.replace("rtcprobe_streams 12\n", "rtcprobe_streams 12\nrtcprobe_streams 13\n"))).not.toEqual([]);
    expect(faults(TEXT.replace("# TYPE rtcprobe_streams gauge\n", ""))).not.toEqual([]);
  });

  it("that were not measured are absent, head and all", () => {
    const { calls: _, ...rest } = HEALTH;
    const source = { kind: "ebpf" as const, cgroup: "/" };
    const text = formatMetrics({ ...rest, source, sinks: [], cost: { cpuSeconds: 1, rssBytes: 2 } });
    expect(faults(text)).toEqual([]);
    expect(text).not.toMatch(/frames_missed|calls|sink|journal|program/);
    expect(text).toMatch(/^rtcprobe_info\{version="1.2.3",source="ebpf"\} 1$/m);
  });
});
