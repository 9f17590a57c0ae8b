// SPDX-License-Identifier: MIT
/**
 * The allowed arrows between folders and between the files of src/, as ARCHITECTURE.md draws them, and the size of a file.
 * Oracle: the tables below, which are the design's.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "..");
const MAX_LINES = 300;
const SKELETON = "probe.skel.h";

/** What each folder of C may include: our folders, and system headers. */
const C_FOLDERS: Record<string, { ours: string[]; system: RegExp }> = {
  core: { ours: ["core"], system: /^linux\/types\.h$/ },
  bpf: { ours: ["bpf", "core"], system: /^(linux|bpf)\// },
  native: { ours: ["native", "core", SKELETON], system: /^(?!.*\.\.)/ },
};

/** src/ from top to bottom: a file uses those below it, or beside it in its own row, and never in a circle. */
const ROWS: string[][] = [
  ["cli", "analyzeprogram", "dailyprogram", "historyprogram", "program"],
  ["commands"],
  ["daemon", "callservice", "client", "host", "history", "output", "view", "reportview", "packetcsv"],
  [
    "control",
    "call",
    "listener",
    "metrics",
    "health",
    "cost",
    "sampler",
    "streamtrack",
    "track",
    "depthtrack",
    "sampleclock",
    "source",
    "owner",
    "cgroup",
    "procfs",
    "table",
  ],
  ["store", "replay"],
  ["config", "sdp", "dailyconfig", "sinkconfig", "schema", "settings", "credential", "probes", "value"],
  [
    "daily",
    "influx",
    "linefile",
    "delivery",
    "outage",
    "database",
    "readiness",
    "answer",
    "server",
    "encoder",
    "rosterseries",
    "series",
    "lines",
    "line",
    "point",
    "tag",
    "depthpoint",
    "merger",
    "reportfield",
  ],
  ["journal", "archive", "cursor", "lock", "segment", "frame", "tablebytes", "bytes", "sink"],
  ["annotation"],
  ["stats"],
  ["pairing", "depth", "feedback", "quality", "rtcp", "pairstats", "relay", "selection"],
  ["codec", "histogram", "origin", "streamtable", "columnpool", "drift", "loss", "quantile"],
  ["native", "streamrow", "depthrecord", "pairrecord", "reportrecord"],
  ["body", "csv", "directory", "duration", "publictext", "suggestion", "textfile", "errors"],
];

/** Folders of TypeScript that know less than their place would let them: what of src/ they may use beside themselves. */
const NARROW: Record<string, string[]> = {
  "src/daily": ["csv", "directory", "errors", "lock", "publictext"],
  "src/call": ["daily", "stats", "point", "tag", "answer", "quality", "codec", "body", "directory", "errors", "lock"],
  demo: ["stats", "errors", "cgroup"],
  grafana: ["stats", "loss", "native"],
};

/** The text without comments; string literals stay. */
function stripComments(text: string): string {
  const tokens = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;
  return text.replace(tokens, (token) => (token.startsWith("/") ? " " : token));
}

/** `#include` operands with their delimiters: `"a.h"` or `<a.h>`. */
function includesOf(text: string): string[] {
  return [...stripComments(text).matchAll(/^[ \t]*#[ \t]*include\w*[ \t]*([<"][^>"\n]*[>"]|\w+)/gm)].map(
    (m) => m[1] ?? "",
  );
}

/** Specifiers of static, re-exporting, dynamic and required imports; types count, for they couple as well. */
function importsOf(text: string): string[] {
  const code = stripComments(text);
  const patterns = [
    /^[ \t]*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/gm,
    /^[ \t]*import\s*["']([^"']+)["']/gm,
    /\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]/g,
    /\bcreateRequire\s*\([^)]*\)\s*\(\s*["'`]([^"'`]+)["'`]/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((m) => m[1] ?? ""));
}

function filesIn(folder: string, extensions: string[]): string[] {
  const at = join(ROOT, folder);
  if (!existsSync(at)) return [];
  return readdirSync(at, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((name) => extensions.includes(extname(name)) && !name.startsWith(join("native", "build")))
    .sort();
}

const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const folderOf = (file: string): string => file.split("/")[0] ?? "";

/** Where a quoted include leads: beside the file, or in one of the include directories of the build. */
function resolveInclude(file: string, name: string): string | undefined {
  if (basename(name) === SKELETON) return SKELETON;
  const places = [dirname(file), ".", "core", "native"].map((place) => join(place, name));
  return places.find((place) => existsSync(join(ROOT, place)));
}

/** The arrows of one C file that are not allowed. */
function badIncludes(file: string, text: string): string[] {
  const allowed = C_FOLDERS[folderOf(file)];
  if (!allowed) return [`${file}: no such folder of C`];
  return includesOf(text).flatMap((include) => {
    const name = include.slice(1, -1);
    if (include.startsWith("<")) return allowed.system.test(name) ? [] : [`${file} → <${name}>`];
    const target = include.startsWith('"') ? resolveInclude(file, name) : undefined;
    if (!target) return [`${file} → ${include}: not found`];
    return allowed.ours.includes(folderOf(target)) ? [] : [`${file} → ${target}`];
  });
}

/** Name of a file of src/ in ROWS: its own, or its folder's. */
function unitOf(file: string): string {
  const [first = "", ...rest] = relative("src", file).split("/");
  return rest.length > 0 ? first : first.replace(/\.[jt]s$/, "");
}

const rowOf = (unit: string): number => ROWS.findIndex((row) => row.includes(unit));

/** The arrows of one file of src/ that are not allowed. */
function badImports(file: string, text: string): string[] {
  const from = rowOf(unitOf(file));
  if (from < 0) return [`${file}: give it a row in ROWS`];
  return importsOf(text).flatMap((name) => {
    if (name.endsWith(".node")) return unitOf(file) === "native" ? [] : [`${file} → the addon`];
    if (!name.startsWith(".")) return [];
    const target = join(dirname(file), name);
    if (folderOf(target) !== "src") return target === "package.json" ? [] : [`${file} → ${target}`];
    const to = rowOf(unitOf(target));
    return to >= from ? [] : [`${file} → ${target}: upwards`];
  });
}

/** The arrows of one file of a folder in NARROW that are not allowed. */
function badUses(folder: string, file: string, text: string): string[] {
  return importsOf(text).flatMap((name) => {
    const target = join(dirname(file), name);
    if (!name.startsWith(".") || target.startsWith(`${folder}/`)) return [];
    if (folderOf(target) !== "src") return [`${file} → ${target}`];
    return NARROW[folder]?.includes(unitOf(target)) ? [] : [`${file} → ${target}`];
  });
}

/** Circles among files, each as the path that closes it. */
function circles(imports: Map<string, string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const begin = path.indexOf(file);
    if (begin >= 0) found.push([...path.slice(begin), file].join(" → "));
    if (begin >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return found;
}

const cFiles = Object.keys(C_FOLDERS).flatMap((folder) => filesIn(folder, [".c", ".h", ".cc", ".cpp", ".hpp"]));
const tsFiles = filesIn("src", [".ts"]);

describe("layout: arrows between folders", () => {
  it("includes of core, bpf and native", () => {
    expect(cFiles.filter((file) => file.startsWith("core/"))).not.toEqual([]);
    expect(cFiles.flatMap((file) => badIncludes(file, read(file)))).toEqual([]);
  });

  it("imports of src go downwards, and only native.ts loads the addon", () => {
    expect(tsFiles).toContain("src/native.ts");
    expect(tsFiles.flatMap((file) => badImports(file, read(file)))).toEqual([]);
  });

  it.each(Object.keys(NARROW))("imports of %s", (folder) => {
    const files = filesIn(folder, [".ts"]);
    expect(files).not.toEqual([]);
    expect(files.flatMap((file) => badUses(folder, file, read(file)))).toEqual([]);
  });

  it("no circle in src", () => {
    const local = (file: string): string[] =>
      importsOf(read(file))
        .filter((name) => name.startsWith(".") && name.endsWith(".js"))
        .map((name) => join(dirname(file), name.replace(/\.js$/, ".ts")));
    expect(circles(new Map(tsFiles.map((file) => [file, local(file)])))).toEqual([]);
  });

  it(`no file of core, bpf, native or src over ${MAX_LINES} lines`, () => {
    const lines = (file: string): number => read(file).trimEnd().split("\n").length;
    const long = [...cFiles, ...tsFiles].map((file) => `${file}: ${lines(file)}`);
    expect(long.filter((entry) => Number(entry.split(": ")[1]) > MAX_LINES)).toEqual([]);
  });
});

describe("layout: a forbidden arrow is seen", () => {
  it.each([
    ["core/a.h", '#include "../native/addon.cc"', "core/a.h"],
    ["core/a.h", "#include <stdio.h>", "core/a.h → <stdio.h>"],
    ["core/a.h", '# include "probe.skel.h"', "core/a.h → probe.skel.h"],
    ["bpf/a.c", "/* a */ #include <string.h>", "bpf/a.c → <string.h>"],
    ["native/a.cc", '#include "../bpf/probe.bpf.c"', "native/a.cc → "],
    ["native/a.cc", "#include HEADER", "native/a.cc → HEADER: not found"],
  ])("%s: %j", (file, text, said) => {
    expect(badIncludes(file, text)).toEqual([expect.stringContaining(said)]);
  });

  it.each([
    ["src/errors.ts", 'import { a } from "./native.js";', "src/errors.ts → src/native.js: upwards"],
    ["src/stats.ts", 'import type {\n  A,\n  B,\n} from "./cli.js";', "src/stats.ts → src/cli.js: upwards"],
    ["src/stats.ts", 'export * from "./commands/run.js";', "src/stats.ts → src/commands/run.js: upwards"],
    ["src/stats.ts", 'const a = await import("./daemon.js");', "src/stats.ts → src/daemon.js: upwards"],
    ["src/cli.ts", 'import "../test/capability.js";', "src/cli.ts → test/capability.js"],
    ["src/cli.ts", 'createRequire(import.meta.url)("../build/Release/rtcprobe.node");', "src/cli.ts → the addon"],
    ["src/utils.ts", "", "src/utils.ts: give it a row in ROWS"],
  ])("%s: %j", (file, text, said) => {
    expect(badImports(file, text)).toEqual([said]);
  });

  it.each([
    ["src/daily", "src/daily/a.ts", 'import { a } from "../journal.js";', "src/daily/a.ts → src/journal.js"],
    ["src/call", "src/call/a.ts", 'import { a } from "../influx.js";', "src/call/a.ts → src/influx.js"],
    ["demo", "demo/a.ts", 'import { a } from "../src/sampler.js";', "demo/a.ts → src/sampler.js"],
    ["grafana", "grafana/a.ts", 'import { a } from "../test/points.js";', "grafana/a.ts → test/points.js"],
  ])("of %s: %s: %j", (folder, file, text, said) => {
    expect(badUses(folder, file, text)).toEqual([said]);
  });

  it.each([
    ["core/a.h", '/* #include <stdio.h> */ // #include "x"\n#include <linux/types.h>\n#include "rtp.h"'],
    ["native/a.cc", '#include <napi.h>\n#include <bpf/libbpf.h>\n#include "probe.skel.h"\n#include "../core/rtp.h"'],
  ])("and an allowed one is not: %s %j", (file, text) => {
    expect(badIncludes(file, text)).toEqual([]);
  });

  it("and neither are comments, strings, packages and arrows downwards", () => {
    const text = `// import "./cli.js"\n/* import "./cli.js" */\nconst a = "from './cli.js'";\n
      import { readFile } from "node:fs/promises";\nimport { RtcprobeError } from "./errors.js";\nimport "./native.js";`;
    expect(badImports("src/stats.ts", text)).toEqual([]);
  });

  it("a circle", () => {
    const imports = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["b"]],
    ]);
    expect(circles(imports)).toEqual(["b → c → b"]);
  });
});
