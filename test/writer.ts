// SPDX-License-Identifier: MIT
/**
 * A store in a process of its own, to be killed: takes a sample each interval of ms and says each number before it is taken.
 * `writer.ts DIRECTORY URL INTERVAL STREAMS [FILE]`
 */
import { openStore } from "../src/store.js";
import { inboundStream, makeSample } from "./samples.js";

const [directory = "", url = "", interval = "10", streams = "3", file] = process.argv.slice(2);
const influx = { url, database: "soak", createDatabase: true };
const say = (line: string): void => console.error(line);
const store = await openStore({ journal: { directory, maxBytes: 2 ** 28, maxAgeMs: 1e9 }, host: "h1", say }, [
  { type: "influxdb", name: "influxdb", perStream: true, influx },
  ...(file === undefined
    ? []
    : [{ type: "file" as const, name: "file", perStream: true, path: file, maxBytes: 2 ** 40 }]),
]);
let last = 0n;

function takeSample(): void {
  const now = BigInt(Date.now()) * 1_000_000n;
  last = now > last ? now : last + 1n;
  const all = Array.from({ length: Number(streams) }, (_, ssrc) => inboundStream({ ssrc, jitter: Math.random() }));
  const sample = makeSample({ timestamp: Number(last / 1_000_000n), timeNs: String(last), streams: all });
  store.append(sample);
  const [journal] = store.status();
  console.log(`${last} ${journal?.queued}`);
}

const timer = setInterval(takeSample, Number(interval));
process.on("SIGTERM", () => {
  clearInterval(timer);
  void store.close(60_000).then(() => {
    console.log(JSON.stringify(store.status()));
  });
});
