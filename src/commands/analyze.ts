// SPDX-License-Identifier: MIT
import { isIP } from "node:net";
import { type CodecTable, NO_CODECS, statedClockRates } from "../codec.js";
import { quoteText } from "../duration.js";
import { errnoName, RtcprobeError, type SystemError } from "../errors.js";
import { addon, type Capture, type CaptureOptions } from "../native.js";
import { Sampler } from "../sampler.js";
import type { Sample } from "../stats.js";
import { viewSample } from "../view.js";
import type { CommandContext, Flags } from "./context.js";
import { readDurationFlag, readFlag } from "./flag.js";

export interface AnalyzeFlags extends Flags {
  local?: string[];
  clockRate?: string[];
  payloadType?: string[];
  sdp?: string[];
  interval?: string;
  packets?: boolean;
  probe?: string[];
}

/** A pause in the capture for which no empty intervals are shown: a wrong clock would make millions. */
const MAX_PAUSE_MS = 3_600_000;
/** From the first packet to the first look at a capture that is told as a whole. */
const FIRST_LOOK_MS = 1000;

function checkLocal(address: string): string {
  if (isIP(address) !== 0 && !address.includes("%")) return address;
  throw new RtcprobeError("ERR_USAGE", `${quoteText(address)} is no IP address`, "write for example 192.0.2.1");
}

const FILE_HINT = "give a pcap or pcapng file, an rtpdump file or a log of packets";

const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory",
  EACCES: "no permission to read it",
};

function explainCapture(error: unknown, file: string): unknown {
  const { code, message } = error as SystemError;
  if (code === "ERR_PCAP_FORMAT") {
    const text = message.startsWith(`${file}: `) ? message : `${file}: ${message}`;
    return new RtcprobeError(code, text, FILE_HINT, { cause: error });
  }
  const name = errnoName(error);
  if (name === undefined) return error;
  const fault = FILE_FAULTS[name] ?? name;
  return new RtcprobeError("ERR_FILE", `cannot read ${file}: ${fault}`, FILE_HINT, {
    cause: error,
  });
}

/** The capture up to each interval's end, and to its own. */
async function* sampleIntervals(capture: Capture, sampler: Sampler, interval: number): AsyncGenerator<Sample> {
  let more = await capture.read(0);
  for (let end = capture.frames().nextMs; more; ) {
    const { nextMs } = capture.frames();
    const pauses = Math.floor((nextMs - end) / interval);
    end += interval * (pauses * interval > MAX_PAUSE_MS ? pauses + 1 : 1);
    more = await capture.read(end);
    yield await sampler.sample();
  }
}

function describeEnd(capture: Capture, sample: Sample): string {
  const { total, other } = capture.frames();
  return `${total} frames, ${other} of them no UDP; ${sample.streams.length} streams`;
}

/** Looks at the capture on its way, at times that double: what streams are to each other shows in how they go on. */
async function readWhole(capture: Capture, sampler: Sampler): Promise<void> {
  let more = await capture.read(0);
  const begin = capture.frames().nextMs;
  for (let afterMs = FIRST_LOOK_MS; more; afterMs *= 2) {
    more = await capture.read(begin + afterMs);
    sampler.look();
  }
}

/** One line per RTP packet, a batch at a time: memory is the streams'. */
async function printPackets({ output }: CommandContext, capture: Capture): Promise<void> {
  const { PACKET_TITLES, PacketPrinter } = await import("../packetcsv.js");
  const printer = new PacketPrinter((stream) => capture.origin("stream", stream));
  let lines = [PACKET_TITLES];
  for (let more = true; more; ) {
    const read = await capture.read().catch((error: unknown) => ({ error }));
    lines.push(...printer.format(capture.packets()));
    const written = lines.length === 0 || (await output.deliver(lines));
    if (typeof read === "object") throw read.error;
    more = read && written;
    lines = [];
  }
}

interface Analysis {
  capture: Capture;
  sampler: Sampler;
  json: boolean;
}

/** What was read before a fault is shown, too; the fault then follows as the error. */
async function analyzeWhole({ output }: CommandContext, { capture, sampler, json }: Analysis): Promise<void> {
  const fault = await readWhole(capture, sampler).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const sample = await sampler.sample();
  const { timeNs: _, ...shown } = sample;
  if (fault === undefined || sample.datagrams.seen > 0) {
    if (json) output.line(JSON.stringify(shown));
    else output.lines([...viewSample(sample, output.emphasise), describeEnd(capture, sample)]);
  }
  if (fault) throw fault.error;
}

async function analyzeIntervals({ output }: CommandContext, analysis: Analysis, interval: number): Promise<void> {
  for await (const sample of sampleIntervals(analysis.capture, analysis.sampler, interval)) {
    if (output.isClosed) return;
    if (analysis.json) output.line(JSON.stringify(sample));
    else output.lines([new Date(sample.timestamp).toISOString(), ...viewSample(sample, output.emphasise), ""]);
  }
}

type Media = Pick<CaptureOptions, "clockRates" | "probes"> & { codecs: CodecTable };

/** What the flags say of the media. What reads them is loaded for those who give some: the start is most of the time. */
async function readMedia({ clockRate, payloadType, probe, sdp }: AnalyzeFlags): Promise<Media> {
  if (!clockRate && !payloadType && !probe && !sdp) return { clockRates: {}, codecs: NO_CODECS };
  const { listItems, parseClockRates, parsePayloadTypes } = await import("../value.js");
  const given = readFlag("--clock-rate", () => (clockRate ? parseClockRates(clockRate) : {}));
  const types = readFlag("--payload-type", () => (payloadType ? parsePayloadTypes(payloadType) : {}));
  const codecs = await (await import("../sdp.js")).loadCodecs(types, sdp);
  const clockRates = { ...statedClockRates(codecs), ...given };
  if (!probe) return { codecs, clockRates };
  const { parseProbes } = await import("../probes.js");
  return { codecs, clockRates, probes: readFlag("--probe", () => parseProbes(listItems(probe))) };
}

/**
 * The same numbers from a capture file.
 * @throws RtcprobeError ERR_USAGE, ERR_FILE, ERR_PCAP_FORMAT
 */
export async function analyzeCommand(context: CommandContext, file: string, flags: AnalyzeFlags): Promise<void> {
  const local = readFlag("--local", () => (flags.local ?? []).flatMap((text) => text.split(",")).map(checkLocal));
  const { codecs, ...media } = await readMedia(flags);
  const interval = readDurationFlag("--interval", flags.interval, "10ms");
  const packets = flags.packets ?? false;
  if (packets && (flags.json || interval !== undefined)) {
    throw new RtcprobeError("ERR_USAGE", "--packets excludes --json and --interval", "leave them out");
  }
  let capture: Capture | undefined;
  try {
    capture = addon.openCapture(file, { local, packets, ...media });
    const sampler = new Sampler(capture, { codecs, retireIdle: false });
    const analysis = { capture, sampler, json: flags.json ?? false };
    if (flags.packets) await printPackets(context, capture);
    else if (interval === undefined) await analyzeWhole(context, analysis);
    else await analyzeIntervals(context, analysis, interval);
    const { truncatedFile } = capture.frames();
    if (truncatedFile) context.say(`${file} ends within a packet; the numbers are of what came before it`);
  } catch (error) {
    throw explainCapture(error, file);
  } finally {
    capture?.close();
  }
}
