// SPDX-License-Identifier: MIT
/**
 * dist/ from src/: a file per program, in which are also the packages that it uses; what V8 compiled of it; and the packages'
 * licences. Such a file is one function, which bin/rtcprobe calls.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Metafile } from "esbuild";
import { OPTIONS, ROOT } from "./bundleoptions.js";

const DIST = join(ROOT, "dist");
const PROGRAMS = { cli: "src/cli.ts", analyze: "src/analyzeprogram.ts" };

/** The licences of the packages of which something is in a file. */
function licencesOf(inputs: Metafile["inputs"]): string[] {
  const packages = Object.keys(inputs).flatMap((path) => path.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []);
  return [...new Set(packages)].sort().map((directory) => {
    const { name, version } = JSON.parse(readFileSync(join(ROOT, directory, "package.json"), "utf8"));
    const file = readdirSync(join(ROOT, directory)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no licence to go with it`);
    return `${name} ${version}\n\n${readFileSync(join(ROOT, directory, file), "utf8").trim()}\n`;
  });
}

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
const { metafile } = await build({
  ...OPTIONS,
  entryPoints: PROGRAMS,
  outdir: "dist",
  outExtension: { ".js": ".cjs" },
  banner: { js: "(function (exports, require, module, __filename) {" },
  footer: { js: "})" },
  metafile: true,
  logLevel: "warning",
});
writeFileSync(join(DIST, "LICENSES"), licencesOf(metafile.inputs).join(`\n${"-".repeat(80)}\n\n`));
for (const name of Object.keys(PROGRAMS)) {
  execFileSync(process.execPath, [join(ROOT, "scripts", "compile.cjs"), name], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}
