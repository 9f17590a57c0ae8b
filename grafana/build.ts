// SPDX-License-Identifier: MIT
/** Writes grafana/dashboards/rtcprobe.json from grafana/dashboard.ts. */
import { writeFileSync } from "node:fs";
import { buildDashboard, formatDashboard } from "./dashboard.js";

writeFileSync(new URL("dashboards/rtcprobe.json", import.meta.url), formatDashboard(buildDashboard()));
