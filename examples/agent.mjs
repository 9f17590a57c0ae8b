// SPDX-License-Identifier: MIT
/** Tells rtcprobe which process is in which Daily meeting, from an agent in Node: `node agent.mjs MEETING PARTICIPANT`. */
import { request } from "node:http";

const socketPath = process.env.RTCPROBE_SOCKET ?? "/run/rtcprobe/control.sock";

/** One request over the control socket; undefined when there is no daemon or it refuses. */
function askRtcprobe(method, path, body) {
  return new Promise((resolve) => {
    const sent = request({ socketPath, path, method, timeout: 2000 }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve(response.statusCode === 200 ? JSON.parse(text) : undefined);
    });
    sent.on("timeout", () => sent.destroy());
    sent.on("error", () => resolve(undefined));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const [meeting, participant] = process.argv.slice(2);
const started = await askRtcprobe("POST", "/v1/calls", { meeting, participant, pid: process.pid });
console.log(started ? `rtcprobe follows this call as ${started.call.id}` : "rtcprobe is not running");

// … the agent's work; meanwhile, and as often as every two seconds:
const stats = started && (await askRtcprobe("GET", `/v1/calls/${started.call.id}/network-stats`));
if (stats) console.log(`received loss: ${stats.stats.latest.totalRecvPacketLoss}`);

if (started) await askRtcprobe("DELETE", `/v1/calls/${started.call.id}`);
