// SPDX-License-Identifier: MIT
import { defineConfig } from "vitest/config";

/** Tests that send traffic, measure time or start servers: side by side they would disturb each other. */
const ALONE = ["cli", "daemon", "demo", "grafana", "influx", "kernel", "live", "packet", "parity", "probe"].map(
  (part) => `test/${part}*.test.ts`,
);

export default defineConfig({
  test: {
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "alone", include: ALONE, fileParallelism: false, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
