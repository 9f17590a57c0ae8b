// SPDX-License-Identifier: MIT
/**
 * A sample in the bytes of a journal: [u32 length][u32 crc32][u8 format][f64 number][f64 points before][f64 ms][u32 points]
 * and the content, little-endian. Length and checksum are of all that follows them. The content is JSON, plain or deflated, or of a
 * sample with its streams in columns: [u32 length] and the rest of it as deflated JSON, the columns of who the streams are, and
 * those of their stats.
 */
import { promisify } from "node:util";
import { crc32, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from "node:zlib";
import { type Content, type FrameHead, isColumnSample } from "./sink.js";
import type { ColumnSample } from "./stats.js";
import { type Columns, identitiesOf, Roster, StreamTable } from "./streamtable.js";
import { readColumns, writeColumns } from "./tablebytes.js";

/** A frame in a buffer: where its content lies, and where the next frame begins. */
export interface FoundFrame extends FrameHead {
  format: number;
  body: Buffer;
  end: number;
}

const PREFIX_BYTES = 8;
const HEAD_BYTES = 1 + 8 + 8 + 8 + 4;
const PLAIN = 1;
const DEFLATED = 2;
const COLUMNS = 3;
/** Above this a deflated sample takes a third of the room; and above that the way to the thread pool pays. */
const DEFLATE_BYTES = 1024;
const POOL_BYTES = 65_536;
/** A hundred thousand streams take a fifth of it; a length above it is no length. */
export const MAX_FRAME_BYTES = 2 ** 28;
/** Room for later versions. JSON has no such byte, and a column's doubles hardly one where it would be taken for a format. */
const MAX_FORMAT = 31;

const deflate = promisify(deflateRaw) as (text: string, options: { level: number }) => Promise<Buffer>;
const inflate = promisify(inflateRaw);

async function deflateText(text: string): Promise<Buffer> {
  return text.length < POOL_BYTES ? deflateRawSync(text, { level: 1 }) : deflate(text, { level: 1 });
}

async function inflateBody(body: Buffer): Promise<Buffer> {
  const options = { maxOutputLength: 2 ** 30 };
  return body.length < POOL_BYTES / 8 ? inflateRawSync(body, options) : inflate(body, options);
}

interface Body {
  format: number;
  bytes: Buffer;
}

/** The columns of a roster in bytes, which are the same in sample after sample. */
const rosters = new WeakMap<Roster, Buffer>();

/** Among what is said of the streams, their order: the place of each. */
const ORDER = "order";

function withOrder({ numbers, texts, order }: Roster): Columns {
  const places = new Float64Array(order.length);
  for (const [place, row] of order.entries()) places[row] = place;
  return { numbers: new Map([...numbers, [ORDER, places]]), texts };
}

/** A roster as it was written; as the rows lie, where a version wrote it that kept them in order. */
function readRoster({ numbers, texts, rows }: Columns & { rows: number }): Roster {
  const places = numbers.get(ORDER);
  const who = identitiesOf({ numbers: new Map([...numbers].filter(([name]) => name !== ORDER)), texts }, rows);
  if (places === undefined) return new Roster(who);
  const order = new Uint32Array(rows);
  for (const [row, place] of places.entries()) order[place] = row;
  return new Roster(who, order);
}

async function encodeColumns({ streams, ...rest }: ColumnSample): Promise<Body> {
  const { roster, length } = streams;
  const who = rosters.get(roster) ?? writeColumns(withOrder(roster), length);
  rosters.set(roster, who);
  // Before anything is awaited: the columns are of this sample now.
  const stats = writeColumns(streams, length);
  const head = await deflateText(JSON.stringify(rest));
  const headLength = Buffer.alloc(4);
  headLength.writeUInt32LE(head.length);
  return { format: COLUMNS, bytes: Buffer.concat([headLength, head, who, stats]) };
}

async function encodeContent(content: Content): Promise<Body> {
  if (isColumnSample(content)) return encodeColumns(content);
  const text = JSON.stringify(content);
  if (text.length < DEFLATE_BYTES) return { format: PLAIN, bytes: Buffer.from(text) };
  return { format: DEFLATED, bytes: await deflateText(text) };
}

export async function encodeFrame(content: Content, head: FrameHead): Promise<Buffer> {
  const { format, bytes } = await encodeContent(content);
  const frame = Buffer.allocUnsafeSlow(PREFIX_BYTES + HEAD_BYTES + bytes.length);
  let at = frame.writeUInt32LE(HEAD_BYTES + bytes.length, 0);
  at = frame.writeUInt8(format, at + 4);
  at = frame.writeDoubleLE(head.number, at);
  at = frame.writeDoubleLE(head.pointsBefore, at);
  at = frame.writeDoubleLE(head.timestamp, at);
  at = frame.writeUInt32LE(head.points, at);
  bytes.copy(frame, at);
  frame.writeUInt32LE(crc32(frame.subarray(PREFIX_BYTES)), 4);
  return frame;
}

/** Not a frame: the bytes end before it does; or the checksum or the length is wrong. `end` is where the length says it ends. */
type Broken = "torn" | { corrupt: true; end: number | undefined };

export function isWhole(found: FoundFrame | Broken): found is FoundFrame {
  return found !== "torn" && !("corrupt" in found);
}

/** What lies at `at`. */
export function readFrame(bytes: Buffer, at: number): FoundFrame | Broken {
  if (at + PREFIX_BYTES > bytes.length) return "torn";
  const length = bytes.readUInt32LE(at);
  if (length < HEAD_BYTES || length > MAX_FRAME_BYTES) return { corrupt: true, end: undefined };
  const begin = at + PREFIX_BYTES;
  const end = begin + length;
  if (end > bytes.length) return "torn";
  const content = bytes.subarray(begin, end);
  if (crc32(content) !== bytes.readUInt32LE(at + 4)) return { corrupt: true, end };
  return {
    format: content.readUInt8(0),
    number: content.readDoubleLE(1),
    pointsBefore: content.readDoubleLE(9),
    timestamp: content.readDoubleLE(17),
    points: content.readUInt32LE(25),
    body: content.subarray(HEAD_BYTES),
    end,
  };
}

/** Most bytes are told from a head by this, so that few places cost a checksum. */
function couldBegin(bytes: Buffer, at: number): boolean {
  const format = bytes[at + PREFIX_BYTES] as number;
  if (format < 1 || format > MAX_FORMAT) return false;
  const number = bytes.readDoubleLE(at + PREFIX_BYTES + 1);
  const pointsBefore = bytes.readDoubleLE(at + PREFIX_BYTES + 9);
  return Number.isSafeInteger(number) && number >= 0 && Number.isSafeInteger(pointsBefore) && pointsBefore >= 0;
}

/** Where the next whole frame begins, from `from` on, at whatever byte: behind damage no length can be believed. */
export function findFrame(bytes: Buffer, from: number): number | undefined {
  for (let at = from; at + PREFIX_BYTES + HEAD_BYTES <= bytes.length; at++) {
    if (couldBegin(bytes, at) && isWhole(readFrame(bytes, at))) return at;
  }
  return undefined;
}

async function decodeColumns(body: Buffer): Promise<ColumnSample> {
  const begin = 4 + body.readUInt32LE(0);
  const rest = JSON.parse((await inflateBody(body.subarray(4, begin))).toString("utf8"));
  const who = readColumns(body, begin);
  return { ...rest, streams: new StreamTable(readRoster(who), readColumns(body, who.end)) };
}

/** What a frame holds; undefined when a version of rtcprobe wrote it that this one does not know. */
export async function decodeContent({ format, body }: FoundFrame): Promise<Content | undefined> {
  try {
    if (format === COLUMNS) return await decodeColumns(body);
    if (format !== PLAIN && format !== DEFLATED) return undefined;
    const text = format === DEFLATED ? await inflateBody(body) : body;
    return JSON.parse(text.toString("utf8")) as Content;
  } catch {
    return undefined;
  }
}
