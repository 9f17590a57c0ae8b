// SPDX-License-Identifier: MIT
/**
 * What payload types mean. Oracles: the tables of RFC 3551; the offer and answer of the endpoints beside their capture, whose
 * SSRCs and payload types are in truth.json; SDPs and timelines that the test makes up.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findCodec, NO_CODECS, parseEncoding, statedClockRates } from "../src/codec.js";
import { RtcprobeError } from "../src/errors.js";
import { Sampler } from "../src/sampler.js";
import { loadCodecs, readCodecs } from "../src/sdp.js";
import type { Sample } from "../src/stats.js";
import { parsePayloadTypes } from "../src/value.js";
import { checkBuild, runProgram } from "./program.js";
import { FakeSource, streamRecord } from "./records.js";

const CALL = join(import.meta.dirname, "captures", "chromium-impaired");
const [OFFER, ANSWER] = [join(CALL, "offer.sdp"), join(CALL, "answer.sdp")];

const read = (...texts: string[]) => readCodecs(texts.map((text, i) => ({ name: `${i}.sdp`, text })));

describe("codec: payload types", () => {
  it("the static ones are those of RFC 3551 tables 4 and 5", () => {
    const name = (payloadType: number) => findCodec(NO_CODECS, payloadType, 1)?.mimeType;
    const audio = "PCMU - - GSM G723 DVI4 DVI4 LPC PCMA G722 L16 L16 QCELP CN MPA G728 DVI4 DVI4 G729".split(" ");
    expect(audio.map((_, i) => name(i)?.replace("audio/", "") ?? "-")).toEqual(audio);
    const video = "CelB JPEG - nv - - H261 MPV MP2T H263".split(" ");
    expect(video.map((_, i) => name(25 + i)?.replace("video/", "") ?? "-")).toEqual(video);
    for (const dynamic of [1, 2, 19, 24, 35, 72, 96, 111, 127]) expect(name(dynamic)).toBeUndefined();
    expect(findCodec(NO_CODECS, 9, 1)).toEqual({ mimeType: "audio/G722", clockRate: 8000, channels: 1 });
    expect(findCodec(NO_CODECS, 10, 1)).toMatchObject({ clockRate: 44_100, channels: 2 });
  });

  it.each([
    ["opus/48000/2", undefined, { mimeType: "audio/opus", clockRate: 48_000, channels: 2 }],
    ["G722/8000", undefined, { mimeType: "audio/G722", clockRate: 8000, channels: 1 }],
    ["VP8/90000", undefined, { mimeType: "video/VP8", clockRate: 90_000 }],
    ["MPA/90000", "audio", { mimeType: "audio/MPA", clockRate: 90_000, channels: 1 }],
    ["rtx/90000", "video", { mimeType: "video/rtx", clockRate: 90_000, repair: "rtx" }],
    ["RTX/48000", "audio", { mimeType: "audio/RTX", clockRate: 48_000, channels: 1, repair: "rtx" }],
    ["flexfec-03/90000", "video", { mimeType: "video/flexfec-03", clockRate: 90_000, repair: "fec" }],
  ])("%s in %s", (text, media, codec) => expect(parseEncoding(text, media)).toEqual(codec));

  it.each([
    "opus",
    "opus/",
    "/48000",
    "opus/48k",
    "opus/0",
    "opus/999",
    "opus/1000001",
    "opus/48000/x",
    "a b/8000",
    "",
  ])("%j is no encoding", (text) => expect(parseEncoding(text)).toBeUndefined());

  it("an operator's map is read whole", () => {
    expect(parsePayloadTypes({ 111: "opus/48000/2", 14: "audio/MPA/90000" })).toEqual({
      14: { mimeType: "audio/MPA", clockRate: 90_000, channels: 1 },
      111: { mimeType: "audio/opus", clockRate: 48_000, channels: 2 },
    });
    expect(() => parsePayloadTypes("128=opus/48000")).toThrow(/payload type 128 is out of range/);
    expect(() => parsePayloadTypes("111=opus")).toThrow(/"opus" is no codec/);
    expect(() => parsePayloadTypes("opus/48000")).toThrow(/is no payload type/);
  });
});

describe("codec: SDP", () => {
  it("the offer of Chromium", () => {
    const offer = readFileSync(OFFER, "utf8");
    const table = read(offer);
    const formats = [...offer.matchAll(/^m=\S+ \d+ \S+ (.*)$/gm)].flatMap(([, list = ""]) => list.trim().split(" "));
    expect(Object.keys(table.payloadTypes).toSorted()).toEqual(formats.toSorted());
    expect(table.payloadTypes).toMatchObject({
      0: { mimeType: "audio/PCMU", channels: 1 },
      96: { mimeType: "video/VP8", clockRate: 90_000 },
      97: { mimeType: "video/rtx", repair: "rtx" },
      111: { mimeType: "audio/opus", clockRate: 48_000, channels: 2 },
      118: { mimeType: "video/red" },
      120: { mimeType: "video/ulpfec", repair: "fec" },
      126: { mimeType: "audio/telephone-event", clockRate: 8000 },
    });
    expect(table.repairs).toEqual({ 325222509: { kind: "rtx", ssrc: 302705594 } });
    expect(Object.keys(table.sources).map(Number)).toEqual([302705594, 325222509, 2306807965]);
  });

  it("gives the core the clocks of media, never those of repairs", () => {
    const rates = statedClockRates(read(readFileSync(OFFER, "utf8")));
    expect(rates).toMatchObject({ 96: 90_000, 111: 48_000, 118: 90_000 });
    for (const repair of [97, 119, 120]) expect(rates).not.toHaveProperty(String(repair));
  });

  it("a payload type that means two things means something only beside an SSRC", () => {
    const audio = "m=audio 9 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=ssrc:1 cname:a\n";
    const video = "m=video 9 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=ssrc:2 cname:a\r\n";
    for (const table of [read(audio + video), read(audio, video), read(audio, video, audio)]) {
      expect(statedClockRates(table)).toEqual({});
      const names = [1, 2, 3].map((ssrc) => findCodec(table, 96, ssrc)?.mimeType);
      expect(names).toEqual(["audio/opus", "video/VP8", undefined]);
    }
  });

  it("lines of the session, of other attributes and of what is no RTP are left alone", () => {
    const text = "v=0\na=rtpmap:1 no/8000\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000\na=x\n";
    expect(read(`${text}m=audio 9 RTP/AVP 0\n`)).toEqual(NO_CODECS);
  });

  it.each([
    ["", /^0.sdp is no SDP: it has no m= line$/],
    ["v=0\n", /it has no m= line/],
    ["hello\nm=audio 9 RTP/AVP 0", /^0.sdp line 1 is no SDP$/],
    ['{"type":"offer","sdp":"v=0"}', /line 1/],
    ["m=audio 9\n", /line 1/],
    ["v=0\r\n\r\nm=audio 9 RTP/AVP 96\r\na=rtpmap:96 opus\r\n", /line 4 is no SDP$/],
    // A file that was not meant may hold a key: no line of it is shown.
    ["-----BEGIN PRIVATE KEY-----\nMIIEvQ", /^0.sdp line 1 is no SDP$/],
    ["m=audio 9 RTP/AVP 0\na=rtpmap:128 opus/48000", /line 2/],
    ["m=audio 9 RTP/AVP 0\na=rtpmap:", /line 2/],
    ["m=audio 9 RTP/AVP 0\na=ssrc:4294967296 cname:a", /line 2/],
    ["m=audio 9 RTP/AVP 0\na=ssrc-group:FID 1 x", /line 2/],
    [`m=audio 9 RTP/AVP 0\na=rtpmap:${"9".repeat(500)}`, /^0.sdp line 2 is no SDP$/],
  ])("%j is refused with file and line", (text, message) => {
    expect(() => read(text)).toThrow(RtcprobeError);
    expect(() => read(text)).toThrow(message);
  });

  it("any bytes give a table or an error of ours, in one line", () => {
    const line = fc.tuple(fc.constantFrom("m=", "a=rtpmap:", "a=ssrc:", "a=ssrc-group:FID ", ""), fc.string());
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          read(lines.map((parts) => parts.join("")).join("\n"));
        } catch (error) {
          expect(error).toBeInstanceOf(RtcprobeError);
          expect((error as Error).message).not.toMatch(/[\r\n]/);
        }
      }),
    );
  });

  it("what the operator says is over it, and a file that is none is named", async () => {
    const table = await loadCodecs(parsePayloadTypes("111=PCMU/8000"), [OFFER, ANSWER]);
    expect(findCodec(table, 111, 2306807965)?.mimeType).toBe("audio/PCMU");
    await expect(loadCodecs({}, ["/nonexistent.sdp"])).rejects.toThrow(/cannot read the SDP \/nonexistent.sdp: ENOENT/);
  });
});

describe("codec: what a sample shows of it", () => {
  it("FEC of a random start is paired by the SDP's group", async () => {
    const source = new FakeSource();
    const sdp =
      "m=video 9 RTP/AVP 96 49\na=rtpmap:96 VP8/90000\na=rtpmap:49 flexfec-03/90000\na=ssrc-group:FEC-FR 1 2\n";
    const sampler = new Sampler(source, { codecs: read(sdp), retireIdle: false });
    source.streams = [
      streamRecord({ ssrc: 1, payloadType: 96, clockRate: 90_000, clockSource: 2, packets: 500 }),
      streamRecord({ ssrc: 2, id: 1, payloadType: 49, packets: 40, bytes: 900, lastTimestamp: 2 ** 31 }),
    ];
    expect((await sampler.sample()).streams).toMatchObject([
      { codec: "video/VP8", kind: "video", fecSsrc: 2, fecPacketsReceived: 40, fecBytesReceived: 900 },
      { codec: "video/flexfec-03", kind: "video", repairKind: "fec", repairedSsrc: 1 },
    ]);
  });

  it("a lone RTX stream whose payload type is stated shows neither clock nor jitter", async () => {
    const source = new FakeSource();
    const codecs = await loadCodecs(parsePayloadTypes("97=rtx/90000"));
    const sampler = new Sampler(source, { codecs, retireIdle: false });
    source.streams = [streamRecord({ payloadType: 97, clockRate: 90_000, packets: 40 })];
    const [stream] = (await sampler.sample()).streams;
    expect(stream).toMatchObject({ codec: "video/rtx", kind: "video", repairKind: "rtx" });
    for (const name of ["jitter", "clockRate", "repairedSsrc"]) expect(stream).not.toHaveProperty(name);
  });

  it("without a codec the kind is the clock's, and without a clock there is none", async () => {
    const source = new FakeSource();
    source.streams = [90_000, 48_000, 0].map((clockRate, i) =>
      streamRecord({ id: i, ssrc: i, clockRate, clockSource: clockRate && 3, lastTimestamp: i * 2 ** 30 }),
    );
    const { streams } = await new Sampler(source, { retireIdle: false }).sample();
    expect(streams.map(({ kind }) => kind)).toEqual(["video", "audio", undefined]);
    for (const stream of streams) expect(stream).not.toHaveProperty("codec");
  });
});

describe("analyze --sdp and --payload-type", () => {
  let directory: string;
  beforeAll(async () => {
    checkBuild();
    directory = await mkdtemp(join(tmpdir(), "rtcprobe-codec-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const analyze = async (...args: string[]) => {
    const { code, stdout, stderr } = await runProgram(["analyze", join(CALL, "receiver.pcap"), "--json", ...args]);
    return { code, stderr, streams: code === 0 ? (JSON.parse(stdout) as Sample).streams : [] };
  };

  it("names the codecs of a call from both its SDPs", async () => {
    const { streams } = await analyze("--sdp", OFFER, "--sdp", ANSWER);
    const found = Object.fromEntries(streams.map((s) => [s.ssrc, [s.codec, s.channels, s.kind, s.clockRateSource]]));
    expect(found).toEqual({
      2306807965: ["audio/opus", 2, "audio", "configured"],
      1071759434: ["audio/opus", 2, "audio", "configured"],
      302705594: ["video/red", undefined, "video", "configured"],
      3492986131: ["video/red", undefined, "video", "configured"],
      325222509: ["video/rtx", undefined, "video", undefined],
      2200065954: ["video/rtx", undefined, "video", undefined],
    });
    const rtx = streams.filter(({ repairKind }) => repairKind === "rtx");
    expect(rtx.map(({ ssrc, repairedSsrc }) => [ssrc, repairedSsrc])).toEqual([
      [2200065954, 3492986131],
      [325222509, 302705594],
    ]);
  });

  it("takes a payload type by hand, and refuses bad ones in one line", async () => {
    const { streams } = await analyze("--payload-type", "111=opus/48000/2");
    expect(streams.filter(({ codec }) => codec === "audio/opus")).toHaveLength(2);
    expect(await analyze("--payload-type", "111=opus")).toMatchObject({
      code: 2,
      stderr: 'rtcprobe: --payload-type: "opus" is no codec; write for example opus/48000/2 or VP8/90000\n',
    });
    const bad = join(directory, "bad.sdp");
    await writeFile(bad, "v=0\nm=audio 9 RTP/AVP 96\na=rtpmap:96 opus\n");
    const { code, stderr } = await analyze("--sdp", bad);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^rtcprobe: \S+bad.sdp line 3 is no SDP; [^\n]+\n$/);
  });
});
