// SPDX-License-Identifier: MIT
/**
 * A test skipped on a machine that should run it is a failure. Oracle: `make test` and CI install every program and run as
 * root, so there nothing may be missing.
 */
import { describe, expect, it } from "vitest";
import { type CapabilityName, can } from "./capability.js";

const required = process.env.CI === "true" || process.env.RTCPROBE_REQUIRE_ALL === "1";
const why = "neither CI=true nor RTCPROBE_REQUIRE_ALL=1 is set";

describe.skipIf(!required)(`no test is skipped for want of a capability${required ? "" : ` — ${why}`}`, () => {
  it.each(Object.keys(can) as CapabilityName[])("%s", (name) => {
    expect(can[name], can[name].why).toEqual({ ok: true, why: "" });
  });
});
