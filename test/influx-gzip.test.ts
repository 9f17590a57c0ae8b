// SPDX-License-Identifier: MIT
/** What is compressed when nobody says. Oracle: the README's `gzip`, and the header of the request that the server got. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { BEHAVIOURS, type FaultServer, startFaultServer } from "./faultserver.js";
import { feedInflux } from "./feeds.js";
import { inboundStream, makeSample } from "./samples.js";

let server: FaultServer;

beforeEach(async () => {
  server = await startFaultServer(BEHAVIOURS.take);
});
afterEach(() => server.close());

/** Linux takes a connection to 0.0.0.0 for one to this host: a name as any other, which needs no network. */
it.each([
  ["another host", "0.0.0.0", undefined, true],
  ["another host, and told not to be", "0.0.0.0", false, false],
  ["this host", "127.0.0.1", undefined, false],
  ["this host, and told to be", "127.0.0.1", true, true],
])("points for %s", async (_, host, gzip, isCompressed) => {
  const options = { url: `http://${host}:${server.port}`, database: "db", createDatabase: false };
  const sink = feedInflux({ ...options, ...(gzip === undefined ? {} : { gzip }) }, () => {});
  const streams = Array.from({ length: 20 }, (_, ssrc) => inboundStream({ ssrc }));
  sink.write(makeSample({ streams }));
  await sink.close(10_000);
  expect(sink.status().written).toBeGreaterThan(20);
  const [{ request }] = server.requests as [FaultServer["requests"][0]];
  expect(request.headers["content-encoding"]).toBe(isCompressed ? "gzip" : undefined);
});
