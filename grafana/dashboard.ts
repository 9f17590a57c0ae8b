// SPDX-License-Identifier: MIT
/** The dashboard of streams, pairs and datagrams. `tsx grafana/build.ts` writes it as JSON for Grafana's provisioning. */
import { StackingConfigBuilder, StackingMode } from "@grafana/grafana-foundation-sdk/common";
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import type { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import type { DatagramOutcome } from "../src/native.js";
import { depthPanels } from "./depth.js";
import { dashed, dots, mean, PAIR, panel, perSecond, STREAM } from "./panel.js";
import {
  DATASOURCE,
  HOST_VALUES,
  MEETING_VALUES,
  PEER_VALUES,
  PROCESS_VALUES,
  QueryBuilder,
  selectHosts,
  selectMean,
  selectMetrics,
  selectRoundTrips,
  selectStreams,
} from "./query.js";

const PARTICIPANT = "$tag_meeting $tag_participant";

/** What every outcome but `seen`, their sum, is called in the legend. */
const OUTCOMES: Record<Exclude<DatagramOutcome, "seen">, string> = {
  rtp: "RTP",
  rtcp: "RTCP",
  srtcp: "SRTCP",
  stun: "STUN",
  unconfirmed: "not confirmed as RTP",
  dtls: "DTLS",
  turn: "TURN",
  unknown: "unknown",
  empty: "empty",
  truncated: "truncated",
  fragment: "IP fragment",
  segments: "too many segments",
  probeOff: "probe off",
  tableFull: "table full",
  contended: "record contended",
};

function lossPanels(): PanelBuilder[] {
  return [
    panel(
      1,
      "Packets lost",
      "pps",
      "Sequence numbers that never arrived, per second. A late packet repays its loss.",
    ).withTarget(new QueryBuilder("A", selectStreams(perSecond("packetsLost", "lost"), "inbound_rtp"), STREAM)),
    panel(2, "Fraction lost", "percentunit", "Packets lost of those expected in the interval.").withTarget(
      new QueryBuilder("A", selectStreams(mean("fractionLost"), "inbound_rtp"), STREAM),
    ),
  ];
}

function timePanels(): PanelBuilder[] {
  return [
    panel(3, "Jitter", "s", "What getStats of a WebRTC endpoint shows; dashed: RFC 3550 A.8 over every packet.")
      .withTarget(new QueryBuilder("A", selectStreams(mean("jitter"), "inbound_rtp"), STREAM))
      .withTarget(new QueryBuilder("B", selectStreams(mean("jitterRfc3550"), "inbound_rtp"), `${STREAM} RFC 3550`))
      .overrideByQuery("B", dashed),
    panel(
      4,
      "Round-trip time",
      "s",
      "Of STUN Binding requests: the latest; dashed: the mean of those in the interval. Dots: Daily's, where this host measured none.",
    )
      .withTarget(new QueryBuilder("A", selectRoundTrips("stun"), PAIR))
      .withTarget(
        new QueryBuilder(
          "B",
          selectMean("totalRoundTripTime", "roundTripTimeMeasurements", "candidate_pair"),
          `${PAIR} mean`,
        ),
      )
      .overrideByQuery("B", dashed)
      .withTarget(new QueryBuilder("C", selectRoundTrips("daily"), `${PAIR} Daily`))
      .overrideByQuery("C", dots),
  ];
}

function ratingPanels(): PanelBuilder[] {
  return [
    panel(
      10,
      "Opinion score",
      "none",
      "Mean opinion score of audio, 1 to 4.4, that the E-model estimates from the interval.",
    ).withTarget(new QueryBuilder("A", selectStreams(mean("mosCq"), "inbound_rtp"), STREAM)),
    panel(11, "Quality", "none", "100 without loss, 0 from the loss on that Daily's SDK calls very low.").withTarget(
      new QueryBuilder("A", selectStreams(mean("quality"), "inbound_rtp"), STREAM),
    ),
  ];
}

/** What RTCP in the clear says, and feedback by type, which SRTCP shows as well. */
function reportPanels(): PanelBuilder[] {
  const feedback = [perSecond("nacks", "NACK"), perSecond("plis", "PLI"), perSecond("firs", "FIR")].join(", ");
  return [
    panel(
      30,
      "Far end: round-trip time",
      "s",
      "Of media: by the far end's reports; only of RTCP in the clear.",
    ).withTarget(new QueryBuilder("A", selectStreams(mean("roundTripTime"), "remote_inbound_rtp"), STREAM)),
    panel(
      31,
      "Far end: fraction lost",
      "percentunit",
      "What the far end says that it lost of what was sent.",
    ).withTarget(new QueryBuilder("A", selectStreams(mean("fractionLost"), "remote_inbound_rtp"), STREAM)),
    panel(32, "Far end: jitter", "s", "What the far end says of what was sent.").withTarget(
      new QueryBuilder("A", selectStreams(mean("jitter"), "remote_inbound_rtp"), STREAM),
    ),
    panel(
      33,
      "Feedback",
      "suffix: packets/s",
      "NACK, PLI and FIR per second: received (in) and sent (out). Under SRTCP lower bounds.",
    )
      .withTarget(new QueryBuilder("A", selectStreams(feedback, "inbound_rtcp"), `in ${STREAM} $col`))
      .withTarget(new QueryBuilder("B", selectStreams(feedback, "outbound_rtcp"), `out ${STREAM} $col`)),
  ];
}

/** One panel of received and sent streams. */
function ratePanel(id: number, title: string, unit: string, field: string): PanelBuilder {
  return panel(id, title, unit, "Of RTP, per stream; received (in) and sent (out).")
    .withTarget(new QueryBuilder("A", selectStreams(mean(field), "inbound_rtp"), `in ${STREAM}`))
    .withTarget(new QueryBuilder("B", selectStreams(mean(field), "outbound_rtp"), `out ${STREAM}`));
}

function datagramPanel(): PanelBuilder {
  const columns = Object.entries(OUTCOMES).map(([field, name]) => perSecond(field, name));
  return panel(
    7,
    "Datagrams by outcome",
    "suffix: datagrams/s",
    "Every UDP datagram that the probe saw is in exactly one.",
  )
    .span(24)
    .fillOpacity(20)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
    .withTarget(new QueryBuilder("A", selectHosts(columns.join(", "), "rtcprobe"), "$tag_host $col"));
}

/** What Daily recorded every 15 s; one series per participant. */
function dailyPanels(): PanelBuilder[] {
  const rates = "The mean of each 15 s, as Daily's client counted it; received (in) and sent (out).";
  const loss = "Of the video that Daily's client received, by Daily's own count.";
  return [
    panel(8, "Daily: bit rate", "bps", rates)
      .withTarget(new QueryBuilder("A", selectMetrics(mean("userRecvBitsPerSecAvg")), `in ${PARTICIPANT}`))
      .withTarget(new QueryBuilder("B", selectMetrics(mean("userSentBitsPerSecAvg")), `out ${PARTICIPANT}`)),
    panel(9, "Daily: video loss", "percentunit", loss).withTarget(
      new QueryBuilder("A", selectMetrics(mean("videoRecvPacketLoss")), PARTICIPANT),
    ),
  ];
}

function tagVariable(name: string, label: string, query: string): QueryVariableBuilder {
  return (
    new QueryVariableBuilder(name)
      .label(label)
      .datasource(DATASOURCE)
      .query(query)
      .multi(true)
      .includeAll(true)
      // Also matches series that do not have the tag, such as those of no known process.
      .allValue(".*")
      .current({ selected: true, text: ["All"], value: ["$__all"] })
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .sort(VariableSort.AlphabeticalAsc)
  );
}

export function buildDashboard(): Dashboard {
  const dashboard = new DashboardBuilder("rtcprobe: calls")
    .uid("rtcprobe-calls")
    .description("Jitter, loss, round-trip time and bit rate of each WebRTC stream, as this host's kernel saw them.")
    .tags(["rtcprobe", "webrtc"])
    .timezone("browser")
    .time({ from: "now-30m", to: "now" })
    .refresh("10s")
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder("datasource").label("Datasource").type("influxdb"))
    .withVariable(tagVariable("host", "Host", HOST_VALUES))
    .withVariable(tagVariable("process", "Process", PROCESS_VALUES))
    .withVariable(tagVariable("peer", "Peer", PEER_VALUES))
    .withVariable(tagVariable("meeting", "Daily meeting", MEETING_VALUES));
  const sections: [string, PanelBuilder[]][] = [
    ["Quality", [...timePanels(), ...lossPanels(), ...ratingPanels()]],
    ["Rates", [ratePanel(5, "Bit rate", "bps", "bitsPerSecond"), ratePanel(6, "Packets", "pps", "packetsPerSecond")]],
    ["In depth", depthPanels()],
    ["RTCP", reportPanels()],
    ["Daily", dailyPanels()],
    ["Probe", [datagramPanel()]],
  ];
  let rowId = 100;
  for (const [title, panels] of sections) {
    dashboard.withRow(new RowBuilder(title).id(rowId++));
    for (const one of panels) dashboard.withPanel(one);
  }
  return dashboard.build();
}

/** The JSON as it is committed. */
export function formatDashboard(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
