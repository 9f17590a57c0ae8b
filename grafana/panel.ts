// SPDX-License-Identifier: MIT
/** What the panels of the dashboard have in common. */
import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { DATASOURCE } from "./query.js";

/** Names of series. */
export const STREAM = "$tag_comm $tag_src → $tag_dst $tag_ssrc";
export const PAIR = "$tag_comm $tag_src → $tag_dst";

export const perSecond = (field: string, name: string) => `non_negative_derivative(last("${field}"), 1s) AS "${name}"`;
export const mean = (field: string) => `mean("${field}") AS "${field}"`;

export function panel(id: number, title: string, unit: string, description: string): PanelBuilder {
  return new PanelBuilder()
    .id(id)
    .title(title)
    .description(description)
    .unit(unit)
    .min(0)
    .datasource(DATASOURCE)
    .span(12)
    .height(8)
    .drawStyle(GraphDrawStyle.Line)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(["lastNotNull", "max"]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
}

export const dots = [{ id: "custom.drawStyle", value: "points" }];
export const dashed = [{ id: "custom.lineStyle", value: { fill: "dash", dash: [6, 6] } }];
