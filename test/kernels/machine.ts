// SPDX-License-Identifier: MIT
/**
 * A virtual machine with a kernel of Debian's and a root of our own that lives in memory: the built checkout, Node, and what
 * they link to. Emulated by qemu, without rights on the host; seconds per kernel. Its first process is `guest`.
 */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, closeSync, copyFileSync, cpSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..", "..");
const PLACE = "rtcprobe";
const BUSYBOX = "/bin/busybox";
const PROGRAMS = ["build/harness", "build/traffic", "build/Release/rtcprobe.node"];
/** Beside Node, the root holds a hundred megabytes, twice while it is unpacked. */
const MEMORY_MIB = 1024;
const BOOTS = 6;

/** Libraries that a program asks for, by the paths where it looks. */
function librariesOf(program: string): string[] {
  const text = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...text.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] as string);
}

function put(root: string, from: string, to: string): void {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  copyFileSync(from, join(root, to));
}

/**
 * Makes the root of a machine, in a directory that is empty.
 * @param captures - files for `guest`, by name
 * @returns the file that the machine boots from
 */
export function makeRoot(directory: string, captures: ReadonlyMap<string, string | Buffer>): string {
  const root = join(directory, "root");
  for (const empty of ["proc", "sys", "dev", "tmp", "run"]) mkdirSync(join(root, empty), { recursive: true });
  put(root, BUSYBOX, "bin/busybox");
  put(root, join(import.meta.dirname, "guest"), "init");
  chmodSync(join(root, "init"), 0o755);
  put(root, process.execPath, "bin/node");
  for (const name of ["bin", "dist"]) cpSync(join(ROOT, name), join(root, PLACE, name), { recursive: true });
  for (const program of PROGRAMS) put(root, join(ROOT, program), join(PLACE, program));
  const libraries = [process.execPath, ...PROGRAMS.map((program) => join(ROOT, program))].flatMap(librariesOf);
  for (const library of new Set(libraries)) put(root, library, library);
  mkdirSync(join(root, PLACE, "captures"));
  for (const [name, content] of captures) writeFileSync(join(root, PLACE, "captures", name), content);
  // Both are looked for by name before there is a shell.
  execFileSync("ln", ["-s", "busybox", join(root, "bin/sh")]);
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  execFileSync("ln", ["-s", "/bin/busybox", join(root, "usr/bin/env")]);

  const file = join(directory, "root.cpio");
  const names = execFileSync("find", ["."], { cwd: root });
  const into = openSync(file, "w");
  execFileSync(BUSYBOX, ["cpio", "-o", "-H", "newc"], { cwd: root, input: names, stdio: ["pipe", into, "ignore"] });
  closeSync(into);
  return file;
}

/** The newest kernel of a Debian suite; fetched where it is not there. */
export function fetchKernel(suite: string): string {
  return execFileSync(join(ROOT, "scripts", "fetch-kernel"), [suite], { encoding: "utf8" }).trim();
}

/** What `guest` said, by name; those said more than once in order. And the whole console, for whom it did not say all. */
export interface Report {
  said: Map<string, string[]>;
  console: string;
}

/**
 * Boots the kernel and waits until the machine is off, which it is after `patienceMs` at the latest. The emulator of Debian 12
 * now and then loses a race when Linux 6.12 patches its own code, and the kernel panics: then once more.
 */
export async function boot(kernel: string, root: string, patienceMs: number): Promise<Report> {
  let report = await bootOnce(kernel, root, patienceMs);
  for (let i = 1; i < BOOTS && report.console.includes("Kernel panic"); i++)
    report = await bootOnce(kernel, root, patienceMs);
  return report;
}

function bootOnce(kernel: string, root: string, patienceMs: number): Promise<Report> {
  const machine = ["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", String(MEMORY_MIB)];
  const devices = ["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"];
  const append = "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nokaslr";
  const command = [...machine, ...devices, "-kernel", kernel, "-initrd", root, "-append", append];
  return new Promise((done, fail) => {
    const qemu = spawn("qemu-system-x86_64", command, { stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => qemu.kill("SIGKILL"), patienceMs);
    let text = "";
    for (const stream of [qemu.stdout, qemu.stderr]) {
      stream.setEncoding("utf8").on("data", (more: string) => {
        text += more;
      });
    }
    qemu.on("error", fail);
    qemu.on("close", () => {
      clearTimeout(timer);
      const said = new Map<string, string[]>();
      for (const [, name = "", what = ""] of text.replaceAll("\r", "").matchAll(/^@(\S+) (.*)$/gm)) {
        said.set(name, [...(said.get(name) ?? []), what]);
      }
      done({ said, console: text });
    });
  });
}
