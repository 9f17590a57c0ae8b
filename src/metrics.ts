// SPDX-License-Identifier: MIT
/** Health as Prometheus text (exposition format 0.0.4): few series, whatever the number of streams. */
import type { Health } from "./health.js";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;

function escapeLabel(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

function series(name: string, labels: Labels, value: number): string {
  const inside = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  return `${name}${inside.length > 0 ? `{${inside.join(",")}}` : ""} ${value}\n`;
}

/** One metric with its series; none when there is no value. */
function metric(name: string, type: "counter" | "gauge", help: string, values: readonly [Labels, number][]): string {
  if (values.length === 0) return "";
  const head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  return head + values.map(([labels, value]) => series(name, labels, value)).join("");
}

function optional(value: number | undefined): [Labels, number][] {
  return value === undefined ? [] : [[{}, value]];
}

/** The text of `/metrics`. */
export function formatMetrics(health: Health): string {
  const { seen, ...outcomes } = health.datagrams;
  const sinks = (value: (sink: Health["sinks"][number]) => number): [Labels, number][] =>
    health.sinks.map((sink) => [{ sink: sink.name }, value(sink)]);
  const journals = health.sinks.filter((status) => "expired" in status);
  return [
    metric("rtcprobe_info", "gauge", "Version and source.", [
      [{ version: health.version, source: health.source.kind }, 1],
    ]),
    metric("rtcprobe_datagrams_seen_total", "counter", "Datagrams that the source saw.", [[{}, seen]]),
    metric(
      "rtcprobe_datagrams_total",
      "counter",
      "Datagrams by what became of them; their sum is what was seen.",
      Object.entries(outcomes).map(([outcome, n]) => [{ outcome }, n]),
    ),
    metric(
      "rtcprobe_frames_missed_total",
      "counter",
      "Frames the kernel dropped before the packet source read them.",
      optional(health.source.framesMissed),
    ),
    metric("rtcprobe_streams", "gauge", "RTP streams in the latest sample.", [[{}, health.streams]]),
    metric("rtcprobe_candidate_pairs", "gauge", "ICE candidate pairs in the latest sample.", [
      [{}, health.candidatePairs],
    ]),
    metric(
      "rtcprobe_probe_enabled",
      "gauge",
      "1 while the probe is attached.",
      health.probes.map(({ name, enabled }) => [{ probe: name }, enabled ? 1 : 0]),
    ),
    metric("rtcprobe_calls_active", "gauge", "Calls that are on.", optional(health.calls?.active)),
    metric("rtcprobe_calls_waiting", "gauge", "Ended calls that wait for Daily.", optional(health.calls?.waiting)),
    metric("rtcprobe_samples_total", "counter", "Samples taken.", [[{}, health.samples]]),
    metric("rtcprobe_sample_failures_total", "counter", "Samples that could not be taken.", [
      [{}, health.sampleFailures],
    ]),
    metric("rtcprobe_clock_steps_total", "counter", "Times the wall clock was set.", [[{}, health.clockSteps]]),
    metric(
      "rtcprobe_sink_up",
      "gauge",
      "1 while the sink takes points.",
      sinks((s) => (s.state === "ok" ? 1 : 0)),
    ),
    metric(
      "rtcprobe_sink_points_written_total",
      "counter",
      "Points stored.",
      sinks((s) => s.written),
    ),
    metric(
      "rtcprobe_sink_points_dropped_total",
      "counter",
      "Points lost for good, by reason.",
      health.sinks.flatMap(({ name, droppedBy }) =>
        Object.entries(droppedBy).map(([reason, n]): [Labels, number] => [{ sink: name, reason }, n]),
      ),
    ),
    metric(
      "rtcprobe_journal_bytes",
      "gauge",
      "Bytes of the journal on disk.",
      journals.map((journal) => [{}, journal.bytes]),
    ),
    metric(
      "rtcprobe_journal_samples_expired_total",
      "counter",
      "Samples that left the journal at a bound.",
      journals.flatMap(({ expired }) =>
        Object.entries(expired).map(([reason, n]): [Labels, number] => [{ reason }, n]),
      ),
    ),
    metric(
      "rtcprobe_sink_points_queued",
      "gauge",
      "Points that wait.",
      sinks((s) => s.queued),
    ),
    metric("rtcprobe_program_runs_total", "counter", "Runs of the kernel programs.", optional(health.cost.programRuns)),
    metric(
      "rtcprobe_program_seconds_total",
      "counter",
      "Run time of the kernel programs.",
      optional(health.cost.programSeconds),
    ),
    metric("process_cpu_seconds_total", "counter", "CPU time of the daemon.", [[{}, health.cost.cpuSeconds]]),
    metric("process_resident_memory_bytes", "gauge", "Resident memory of the daemon.", [[{}, health.cost.rssBytes]]),
  ].join("");
}
