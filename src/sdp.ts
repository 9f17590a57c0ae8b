// SPDX-License-Identifier: MIT
/**
 * The lines of an SDP (RFC 8866) that say what payload types and SSRCs mean: m=, a=rtpmap, a=ssrc (RFC 5576) and a=ssrc-group.
 * All others are left alone.
 */
import { type Codec, type CodecTable, NO_CODECS, parseEncoding, type RepairRole } from "./codec.js";
import { RtcprobeError } from "./errors.js";
import { readTextFile } from "./textfile.js";

interface Section {
  media: string;
  payloadTypes: Record<number, Codec>;
  sources: Set<number>;
}

/** Semantics of ssrc-groups whose first SSRC is repaired by the others (RFC 5576, RFC 5956). */
const REPAIR_GROUPS: Readonly<Record<string, RepairRole>> = { FID: "rtx", FEC: "fec", "FEC-FR": "fec" };

const isSame = (a: Codec, b: Codec): boolean => a.mimeType === b.mimeType && a.clockRate === b.clockRate;

function readNumber(text: string, most: number): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}

class SdpReader {
  readonly #sections: Section[] = [];
  readonly #repairs: CodecTable["repairs"] = {};

  /** False if the line is not what it says it is. */
  read(line: string): boolean {
    if (!/^[a-z]=/.test(line)) return false;
    const [, name = "", value = ""] = /^a=(rtpmap|ssrc|ssrc-group):\s*(.*)$/.exec(line) ?? [];
    if (line.startsWith("m=")) return this.#readMedia(line.slice(2));
    // A session has none of these, and the m-section of what is no RTP neither.
    const section = this.#sections.at(-1);
    if (name === "" || section === undefined) return true;
    const words = value.trim().split(/\s+/);
    if (name === "rtpmap") return this.#readMap(section, words);
    return name === "ssrc" ? this.#readSource(section, words) : this.#readGroup(words);
  }

  #readMedia(value: string): boolean {
    const [media = "", port, protocol, format] = value.split(/\s+/);
    this.#sections.push({ media, payloadTypes: {}, sources: new Set() });
    return port !== undefined && protocol !== undefined && format !== undefined;
  }

  #readMap({ media, payloadTypes }: Section, [type = "", encoding = ""]: string[]): boolean {
    const payloadType = readNumber(type, 127);
    const codec = parseEncoding(encoding, media);
    if (payloadType === undefined || codec === undefined) return false;
    payloadTypes[payloadType] = codec;
    return true;
  }

  #readSource({ sources }: Section, [id = ""]: string[]): boolean {
    const ssrc = readNumber(id, 2 ** 32 - 1);
    if (ssrc !== undefined) sources.add(ssrc);
    return ssrc !== undefined;
  }

  #readGroup([semantics = "", ...ids]: string[]): boolean {
    const [media, ...repairs] = ids.map((id) => readNumber(id, 2 ** 32 - 1));
    if (media === undefined || repairs.includes(undefined)) return false;
    const kind = Object.hasOwn(REPAIR_GROUPS, semantics) ? REPAIR_GROUPS[semantics] : undefined;
    if (kind !== undefined) for (const repair of repairs) this.#repairs[repair as number] = { kind, ssrc: media };
    return true;
  }

  get isEmpty(): boolean {
    return this.#sections.length === 0;
  }

  /** Adds what was read. A payload type that means two things means something only beside an SSRC. */
  addTo({ payloadTypes, sources, repairs }: CodecTable, ambiguous: Set<number>): void {
    for (const section of this.#sections) {
      for (const [key, codec] of Object.entries(section.payloadTypes)) {
        const type = Number(key);
        const before = payloadTypes[type];
        if (before !== undefined && !isSame(before, codec)) ambiguous.add(type);
        if (ambiguous.has(type)) delete payloadTypes[type];
        else payloadTypes[type] = codec;
      }
      for (const ssrc of section.sources) sources[ssrc] = { ...sources[ssrc], ...section.payloadTypes };
    }
    Object.assign(repairs, this.#repairs);
  }
}

function readSdp(text: string, file: string): SdpReader {
  const hint = "give the text of an offer or answer, one `key=value` per line";
  const reader = new SdpReader();
  const lines = text.split(/\r\n|[\r\n]/);
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    if (reader.read(line)) continue;
    // Not the line itself: a file that was not meant may hold a key.
    throw new RtcprobeError("ERR_CONFIG", `${file} line ${i + 1} is no SDP`, hint);
  }
  if (reader.isEmpty) throw new RtcprobeError("ERR_CONFIG", `${file} is no SDP: it has no m= line`, hint);
  return reader;
}

/**
 * What these files say together.
 * @param files - name and text of each
 * @throws RtcprobeError ERR_CONFIG naming file and line
 */
export function readCodecs(files: readonly { name: string; text: string }[]): CodecTable {
  const table: CodecTable = { payloadTypes: {}, sources: {}, repairs: {} };
  const ambiguous = new Set<number>();
  for (const { name, text } of files) readSdp(text, name).addTo(table, ambiguous);
  return table;
}

/**
 * What payload types mean: what the operator says of one is over what the SDPs say.
 * @throws RtcprobeError ERR_CONFIG
 */
export async function loadCodecs(
  payloadTypes: CodecTable["payloadTypes"] = {},
  sdp: readonly string[] = [],
): Promise<CodecTable> {
  // The one object by which findCodec knows that there is nothing to look up.
  if (sdp.length === 0 && Object.keys(payloadTypes).length === 0) return NO_CODECS;
  const files = sdp.map(async (name) => ({ name, text: await readTextFile(name, "the SDP") }));
  const table = readCodecs(await Promise.all(files));
  for (const [ssrc, codecs] of Object.entries(table.sources)) {
    table.sources[Number(ssrc)] = { ...codecs, ...payloadTypes };
  }
  return { ...table, payloadTypes: { ...table.payloadTypes, ...payloadTypes } };
}
