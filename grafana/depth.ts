// SPDX-License-Identifier: MIT
/** Panels of the fields that are there only while the depth probe is on. */
import type { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import type { LossRun } from "../src/loss.js";
import { dashed, mean, panel, perSecond, STREAM } from "./panel.js";
import { QueryBuilder, selectStreams } from "./query.js";

/** How many were lost in a row. */
const RUNS: Record<LossRun, string> = {
  lossRunsOf1: "1",
  lossRunsOf2: "2",
  lossRunsOf3: "3",
  lossRunsOf4: "4",
  lossRunsOf5: "5",
  lossRunsOf6: "6",
  lossRunsOf7: "7",
  lossRunsOf8: "8",
  lossRunsOf9: "9",
  lossRunsOf10OrMore: "10 or more",
};

/** In words: why nothing came for 200 ms or longer. */
const GAPS = {
  pauseGapDuration: "nothing sent",
  outageGapDuration: "lost",
  lateSenderGapDuration: "sent late",
  lateNetworkGapDuration: "late on the way",
  lateGapDuration: "late",
} as const;

function lossPanels(): PanelBuilder[] {
  const runs = Object.entries(RUNS).map(([field, name]) => perSecond(field, name));
  return [
    panel(
      20,
      "Lost in a row",
      "suffix: runs/s",
      "Runs of lost packets per second, by how many were lost in a row.",
    ).withTarget(new QueryBuilder("A", selectStreams(runs.join(", "), "inbound_rtp"), `${STREAM} $col`)),
    panel(
      21,
      "Loss in bursts",
      "percentunit",
      "Of RFC 3611, since the stream began: lost of those expected within bursts; dashed: outside of them.",
    )
      .withTarget(new QueryBuilder("A", selectStreams(mean("burstLossRate"), "inbound_rtp"), STREAM))
      .withTarget(new QueryBuilder("B", selectStreams(mean("gapLossRate"), "inbound_rtp"), `${STREAM} gaps`))
      .overrideByQuery("B", dashed),
  ];
}

function delayPanels(): PanelBuilder[] {
  const gaps = Object.entries(GAPS).map(([field, name]) => perSecond(field, name));
  const quantiles = ["delayVariationP50", "delayVariationP95", "delayVariationP99"].map(mean);
  return [
    panel(22, "Delay variation", "s", "Median, 95th and 99th percentile of RFC 3550's |D| between frames.").withTarget(
      new QueryBuilder("A", selectStreams(quantiles.join(", "), "inbound_rtp"), `${STREAM} $col`),
    ),
    panel(
      23,
      "Gaps by cause",
      "percentunit",
      "Share of the time in gaps of 200 ms or longer, told when they end.",
    ).withTarget(new QueryBuilder("A", selectStreams(gaps.join(", "), "inbound_rtp"), `${STREAM} $col`)),
  ];
}

function framePanels(): PanelBuilder[] {
  return [
    panel(24, "Frames per second", "suffix: fps", "Of video, by timestamps: received (in) and sent (out).")
      .withTarget(new QueryBuilder("A", selectStreams(mean("framesPerSecond"), "inbound_rtp"), `in ${STREAM}`))
      .withTarget(new QueryBuilder("B", selectStreams(mean("framesPerSecond"), "outbound_rtp"), `out ${STREAM}`)),
    panel(
      25,
      "Freezes",
      "percentunit",
      "Share of the time that video stood still, by the W3C's rule on arrivals.",
    ).withTarget(
      new QueryBuilder("A", selectStreams(perSecond("totalFrameFreezesDuration", "frozen"), "inbound_rtp"), STREAM),
    ),
  ];
}

export const depthPanels = (): PanelBuilder[] => [...lossPanels(), ...delayPanels(), ...framePanels()];
