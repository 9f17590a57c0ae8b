// SPDX-License-Identifier: MIT
/**
 * RTCP in the clear between our end and the peer's: what each says, when it passes the hook, and what must be found of it. The
 * truth is the schedule's: a round trip is the way there and the way back, whatever the wire rounds it to.
 */
import { type Ends, reversed } from "../packets.js";
import type { Random } from "../random.js";
import type { Via } from "./relay.js";
import {
  type Answer,
  anyVoipMetrics,
  type Block,
  extendedReport,
  feedback,
  goodbye,
  receiverReport,
  type Said,
  senderReport,
  sourceDescription,
} from "./reports.js";
import type { Span } from "./sender.js";
import {
  countPacket,
  newSource,
  type SourceTruth,
  tellAnswer,
  tellBlock,
  tellFeedback,
  tellSender,
} from "./sources.js";

const NS_PER_MS = 1e6;
const NS_PER_S = 1e9;

export interface Compound {
  /** At the hook. */
  ns: number;
  isOurs: boolean;
  ssrc: number;
  packets: Said[];
  /** The network repeated an earlier one. */
  isRepeated: boolean;
}

export interface Source {
  ssrc: number;
  clockRate: number;
}

interface Party {
  ssrc: number;
  isOurs: boolean;
  sends: boolean;
  clockRate: number;
  firstTimestamp: number;
  /** NTP seconds when the scenario begins, by its own clock; 0 = it has none. */
  ntp: number;
  /** When its times (of sender reports, or where it sends none, reference times) were said and reached the other end. */
  stamps: { middle: number; saidNs: number; heardNs: number }[];
}

/** LSR and DLSR, or LRR and DLRR, and what they make. */
interface Answered {
  last: number;
  delay: number;
  answer: Answer;
}

/** Sources that only the peer receives: it reports of them to us. */
const THIRD_PARTIES = 3;

export class Conversation {
  readonly #compounds: Compound[] = [];
  readonly #parties: [ours: Party, theirs: Party];
  readonly #others: number[];

  /** @param media - of the ends that send any; else their RTCP has an SSRC of its own */
  constructor(
    readonly random: Random,
    media: { theirs: Source; ours?: Source },
    span: Span,
  ) {
    const [weSend, theySend] = random.pick([
      [true, true],
      [true, false],
      [false, true],
    ] as const);
    const own = { ssrc: random.next(), clockRate: random.pick([8000, 16_000, 48_000, 90_000]) };
    this.#parties = [this.#party(media.ours ?? own, true, weSend), this.#party(media.theirs, false, theySend)];
    this.#others = Array.from({ length: random.between(0, THIRD_PARTIES) }, () => random.next());
    this.#play(span);
  }

  /** In the order in which the hook sees them. */
  get compounds(): readonly Compound[] {
    return this.#compounds;
  }

  /**
   * What must be found of each source that says something, or of which something is said.
   * @param ends - of our RTCP: from us to the other end
   */
  truth(ends: Ends, via: Via): SourceTruth[] {
    const sources = new Map<number, SourceTruth>();
    const source = (ssrc: number, isOurs: boolean): SourceTruth => {
      const known = sources.get(ssrc) ?? newSource(ssrc, { ends: isOurs ? ends : reversed(ends), via, isOurs });
      sources.set(ssrc, known);
      return known;
    };
    for (const { isOurs, ssrc, packets, isRepeated } of this.#compounds) {
      const speaker = source(ssrc, isOurs);
      speaker.datagrams++;
      for (const said of packets) {
        countPacket(speaker, said.kind);
        if (said.media !== undefined) tellFeedback(source(said.media, !isOurs), said.kind);
        if (said.sender) tellSender(speaker, said.sender);
        for (const block of said.blocks ?? []) tellBlock(source(block.about, !isOurs), block, isRepeated);
        for (const answer of said.delays ?? []) tellAnswer(speaker.byReferenceTime, answer, isRepeated);
        if (said.voip) source(said.voip.about, !isOurs).voip = said.voip;
      }
    }
    return [...sources.values()];
  }

  #party({ ssrc, clockRate }: Source, isOurs: boolean, sends: boolean): Party {
    const { random } = this;
    const ntp = random.happens(0.9) ? 3_900_000_000 + random.between(0, 300_000_000) : 0;
    return { ssrc, isOurs, sends, clockRate, firstTimestamp: random.next(), ntp, stamps: [] };
  }

  #play({ fromMs, toMs }: Span): void {
    const { random } = this;
    const times = this.#parties.flatMap((party) => {
      const list: { ns: number; party: Party }[] = [];
      for (let ms = fromMs + random.between(0, 500); ms < toMs; ms += random.between(400, 1400)) {
        list.push({ ns: ms * NS_PER_MS + random.between(0, 999_999), party });
      }
      return list;
    });
    times.sort((a, b) => a.ns - b.ns);
    times.forEach(({ ns, party }, i) => {
      const isLast = !times.slice(i + 1).some((later) => later.party === party);
      this.#speak(party, ns, isLast);
    });
    this.#compounds.sort((a, b) => a.ns - b.ns);
  }

  /** One compound: from its sender at `ns` to the other end, if the network lets it. */
  #speak(party: Party, ns: number, isLast: boolean): void {
    const { random } = this;
    const wayNs = random.between(1 * NS_PER_MS, 150 * NS_PER_MS);
    const isLost = random.happens(0.1);
    const { packets, middle } = this.#compound(party, ns, wayNs, isLast);
    const compound = { isOurs: party.isOurs, ssrc: party.ssrc, packets, isRepeated: false };
    const hookNs = party.isOurs ? ns : ns + wayNs;
    if (party.isOurs || !isLost) this.#compounds.push({ ...compound, ns: hookNs });
    if (isLost) return;
    if (middle !== 0) party.stamps.push({ middle, saidNs: ns, heardNs: ns + wayNs });
    if (!party.isOurs && random.happens(0.1)) {
      this.#compounds.push({ ...compound, ns: hookNs + random.between(1, 30) * NS_PER_MS, isRepeated: true });
    }
  }

  #compound(party: Party, ns: number, wayNs: number, isLast: boolean): { packets: Said[]; middle: number } {
    const { random } = this;
    const other = this.#parties[party.isOurs ? 1 : 0];
    const { ssrc } = party;
    const [seconds, fraction] = party.ntp === 0 ? [0, 0] : ntpAt(party.ntp, ns);
    const middle = (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
    const answered = this.#answer(party, other, ns, wayNs);
    const blocks = this.#blocks(party, other, answered);
    const packets: Said[] = [];
    if (party.sends) {
      const timestamp = (party.firstTimestamp + Math.round((ns / NS_PER_S) * party.clockRate)) % 2 ** 32;
      const count = Math.floor(ns / (20 * NS_PER_MS));
      packets.push(
        senderReport(
          ssrc,
          { clockRate: party.clockRate, seconds, fraction, timestamp, packets: count, bytes: 80 * count },
          blocks,
        ),
      );
    } else {
      packets.push(receiverReport(ssrc, blocks));
    }
    if (random.happens(0.8)) packets.push(sourceDescription(ssrc));
    packets.push(...this.#extended(party, other, [seconds, fraction], answered));
    if (other.sends) packets.push(...feedback(random, ssrc, other.ssrc).filter(() => random.happens(0.15)));
    if (isLast && random.happens(0.5)) packets.push(goodbye(ssrc));
    return { packets, middle };
  }

  /** The words LSR and DLSR (or LRR and DLRR) about the latest time of the other end that has arrived, and what they make. */
  #answer(party: Party, other: Party, ns: number, wayNs: number): Answered {
    const { random } = this;
    if (random.happens(0.05)) return { last: random.next() | 1, delay: random.between(1, 65_536), answer: "unknown" };
    const heard = other.stamps.filter(({ heardNs }) => heardNs <= ns).sort((a, b) => a.heardNs - b.heardNs);
    const latest = heard.at(-1);
    if (latest === undefined) return { last: 0, delay: 0, answer: "nothing" };
    const delay = Math.round(((ns - latest.heardNs) * 65_536) / NS_PER_S);
    // The hook is at our end: of our own answers it sees none of the way.
    const trip = party.isOurs ? 0 : latest.heardNs - latest.saidNs + wayNs;
    return { last: latest.middle, delay, answer: delay === 0 ? "nothing" : trip };
  }

  #blocks(party: Party, other: Party, { last, delay, answer }: Answered): Block[] {
    const { random } = this;
    const block = (about: number, lsr: number, dlsr: number, made: Answer): Block => ({
      about,
      fraction: random.between(0, 255),
      lost: random.between(-50, 5000),
      jitter: random.between(0, 9000),
      lsr,
      dlsr,
      answer: made,
    });
    const others = party.isOurs ? [] : this.#others.map((about) => block(about, 0, 0, "nothing"));
    if (other.sends) others.splice(random.between(0, others.length), 0, block(other.ssrc, last, delay, answer));
    return others;
  }

  /** RFC 3611: who sends nothing says its time, and gets it back; now and then VoIP metrics. */
  #extended(party: Party, other: Party, ntp: [number, number], { last, delay, answer }: Answered): Said[] {
    const { random } = this;
    const others = this.#others.slice(0, 1).map((about) => ({ about, last: 1, delay: 1, answer: "unknown" as const }));
    const answers = !other.sends && answer !== "nothing" ? [...others, { about: other.ssrc, last, delay, answer }] : [];
    const isJudged = !party.isOurs && other.sends && random.happens(0.2);
    return extendedReport(party.ssrc, {
      ...(party.sends ? {} : { time: ntp }),
      answers,
      ...(isJudged ? { voip: anyVoipMetrics(random, other.ssrc) } : {}),
    });
  }
}

function ntpAt(begin: number, ns: number): [seconds: number, fraction: number] {
  const seconds = Math.floor(ns / NS_PER_S);
  return [begin + seconds, Math.floor(((ns - seconds * NS_PER_S) / NS_PER_S) * 2 ** 32)];
}
