// SPDX-License-Identifier: MIT
/**
 * Keeps what V8 compiled of a bundle in harmless commands, which is what the others begin with as well: `node compile.cjs BUNDLE`.
 * What is left to others is compiled when it is first called.
 */
"use strict";
const { renameSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { cacheOf, load } = require("../bin/rtcprobe");

const CAPTURE = join(__dirname, "..", "test", "captures", "plain-rtp", "receiver.pcap");
/** Nobody listens there, and nothing is configured. */
const NOWHERE = ["--socket", join(__dirname, "no-daemon"), "--config", "/dev/null"];
const COMMANDS = {
  analyze: [
    ["analyze", CAPTURE],
    ["analyze", CAPTURE, "--json"],
  ],
  cli: [["--help"], ["streams", ...NOWHERE], ["probes", ...NOWHERE]],
};

async function compile(name) {
  const { main, script } = load(name);
  process.stderr.write = () => true;
  for (const command of COMMANDS[name]) await main(command);
  process.exitCode = 0;
  // Whole before it has its name: V8 asks for length and version, and does not add up the rest.
  writeFileSync(`${cacheOf(name)}.new`, script.createCachedData(), { flush: true });
  renameSync(`${cacheOf(name)}.new`, cacheOf(name));
}

compile(process.argv[2]);
