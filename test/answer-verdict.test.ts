// SPDX-License-Identifier: MIT
/**
 * What an answer means for the points. Oracles: RFC 9110 section 10.2.3 for Retry-After, its section 15 and RFC 6585 for the statuses; the
 * texts of InfluxDB 1.8 (services/httpd/handler.go, models/points.go), in which "dropped" counts no unreadable line.
 */
import { describe, expect, it } from "vitest";
import { type Failure, judgeFailure, parseRetryAfter } from "../src/answer.js";
import { cleanText } from "../src/publictext.js";

const NOW = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT");

describe("Retry-After", () => {
  it.each([
    ["seconds", "120", 120_000],
    ["no seconds at all", "0", 0],
    ["a date to come", "Wed, 21 Oct 2015 07:30:00 GMT", 120_000],
    ["this moment", "Wed, 21 Oct 2015 07:28:00 GMT", 0],
    ["a date that is over", "Wed, 21 Oct 2015 07:27:59 GMT", undefined],
    ["less than no seconds", "-5", undefined],
    ["parts of seconds", "1.5", undefined],
    ["seconds by name", "120 s", undefined],
    ["more seconds than anybody waits", "1234567890", undefined],
    ["nothing", "", undefined],
  ])("%s: %j", (_, text, ms) => {
    expect(parseRetryAfter(text, NOW)).toBe(ms);
  });
});

describe("a server's text", () => {
  it("is one line of 200 characters, and says where it was cut", () => {
    expect(cleanText("x".repeat(200), [])).toBe("x".repeat(200));
    expect(cleanText("x".repeat(201), [])).toBe(`${"x".repeat(200)}…`);
  });

  it("has blanks for line feeds and control characters", () => {
    expect(cleanText("\n a\r\n\tb\u0000\u001b[31mc \n", [])).toBe("a b [31mc");
  });
});

/** As npm influx throws it, with the head that came. */
const answered = (status: number, body?: object): Failure => ({
  thrown: new Error(
    `A ${status} Bad Request error occurred: ${body === undefined ? "<html>" : JSON.stringify(body)}\n`,
  ),
  answer: { status },
  secrets: [],
});
const said = (status: number, error: string): Failure => answered(status, { error });

const PARTIAL = "partial write: points beyond retention policy";
const UNREADABLE = "unable to parse 'cpu value=': missing field value";

describe("a refusal", () => {
  it.each<[string, Failure, object]>([
    ["all that could be read is stored", said(400, `${PARTIAL} dropped=3`), { kind: "partial", dropped: 3 }],
    ["the number dropped is not said", said(400, PARTIAL), { kind: "partial", dropped: 0 }],
    // The unreadable ones are not counted in it: only halving finds them.
    ["some lines are unreadable", said(400, `partial write: ${UNREADABLE} dropped=0`), { kind: "refused" }],
    ["all lines are", said(400, UNREADABLE), { kind: "refused" }],
    ["a field of another type", said(400, "field type conflict: x"), { kind: "refused" }],
    [
      "in part, of 2.x",
      answered(422, { code: "unprocessable entity", message: `${PARTIAL} dropped=2` }),
      {
        kind: "partial",
        dropped: 2,
      },
    ],
    [
      "of 2.x for another reason",
      answered(422, { code: "unprocessable entity", message: "too many buckets" }),
      {
        kind: "hold",
      },
    ],
    [
      "of two lines by 3.x",
      answered(400, { error: "partial write of line protocol occurred", data: [{}, {}] }),
      {
        kind: "partial",
        dropped: 2,
      },
    ],
    ["a proxy's", answered(400), { kind: "hold", status: 400 }],
    ["too large", answered(413), { kind: "split" }],
  ])("%s", (_, failure, verdict) => {
    expect(judgeFailure(failure)).toMatchObject(verdict);
  });
});

describe("a failure that passes", () => {
  it.each([408, 429, 500, 502, 503])("HTTP %i, with the patience that it asks for", (status) => {
    const failure = answered(status);
    expect(judgeFailure(failure)).toEqual({ kind: "retry", reason: `answered HTTP ${status}` });
    const patient = { ...failure, answer: { status, retryAfterMs: 7_000 } };
    expect(judgeFailure(patient)).toMatchObject({ kind: "retry", retryAfterMs: 7_000 });
  });

  it("no answer, but not a fault of our own", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    expect(judgeFailure({ thrown: refused, secrets: [] })).toEqual({ kind: "retry", reason: "connect ECONNREFUSED" });
    expect(judgeFailure({ thrown: new TypeError("x is undefined"), secrets: [] })).toMatchObject({ kind: "refused" });
    expect(judgeFailure({ thrown: undefined, deadlineMs: 150, secrets: [] })).toMatchObject({ kind: "retry" });
  });
});
