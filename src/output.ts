// SPDX-License-Identifier: MIT
/** Where the data of a command goes. A reader that stops reading must not stop the measurement. */
import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import { Writable } from "node:stream";
import { cutText } from "./table.js";

/** What may wait for a slow reader before lines are left out, in bytes. */
const MAX_WAITING = 8 * 2 ** 20;

export interface Terminal {
  columns: number;
  rows: number;
  /** May text be bold? */
  isStyled: boolean;
}

/**
 * Standard output that never blocks: Node writes to a pipe synchronously, and a reader that stands still would hold up
 * sampling, and the handling of SIGTERM with it.
 */
export function openStandardOutput(stdout: Writable & { fd: number }): Writable {
  const file = fstatSync(stdout.fd);
  if (!file.isFIFO() && !file.isSocket()) return stdout;
  const socket = new Socket({ fd: stdout.fd, readable: false, writable: true });
  // The write that failed tells it.
  socket.on("error", () => undefined);
  // By itself a socket writes all that waits at once, and then nobody knows which of it went out.
  return new Writable({
    write: (text, _, done) => void socket.write(text, done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
}

export class Output {
  readonly #stream: Writable;
  readonly #terminal: () => Terminal | undefined;
  #waiting = 0;
  #leftOut = 0;
  #isLost = false;
  #drawn = false;

  /** @param terminal - its size now, undefined if the stream is none */
  constructor(stream: Writable, terminal: () => Terminal | undefined) {
    this.#stream = stream;
    this.#terminal = terminal;
    // Node's own standard output takes the next write after an error as if there had been none.
    stream.on("error", () => {
      this.#isLost = true;
    });
  }

  /** The reader is gone, or nothing can be written for another reason. */
  get isClosed(): boolean {
    return this.#isLost || !this.#stream.writable;
  }

  get isTerminal(): boolean {
    return this.#terminal() !== undefined;
  }

  /** Lines that a reader was too slow for. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** A title, bold where that is wanted. */
  emphasise = (text: string): string => (this.#terminal()?.isStyled ? `\x1b[1m${text}\x1b[0m` : text);

  line(text: string): void {
    if (this.#stream.writableLength > MAX_WAITING) this.#leftOut++;
    else if (!this.isClosed) {
      this.#waiting++;
      this.#stream.write(`${text}\n`, () => {
        this.#waiting--;
      });
    }
  }

  /** Settles when the reader has all of the text; rejects when there is none. For who waits, and has nothing left out. */
  text(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** The same for lines; to false when they cannot be written, for the error is that of the output and not of who writes. */
  deliver(lines: readonly string[]): Promise<boolean> {
    return this.text(`${lines.join("\n")}\n`).then(
      () => true,
      () => false,
    );
  }

  lines(texts: readonly string[]): void {
    this.line(texts.join("\n"));
  }

  /** Shows the lines in place of those shown before; below them, where the output is no terminal. */
  draw(texts: readonly string[]): void {
    const terminal = this.#terminal();
    if (terminal === undefined) {
      this.lines([...texts, ""]);
      return;
    }
    const { columns, rows } = terminal;
    const shown = texts.slice(0, rows - 1).map((text) => `${cutText(text, columns)}\x1b[K`);
    if (texts.length > rows - 1) shown[rows - 2] = `… ${texts.length - rows + 2} more lines\x1b[K`;
    const begin = this.#drawn ? "\x1b[H" : "\x1b[2J\x1b[H";
    this.#drawn = true;
    this.line(`${begin}${shown.join("\n")}\x1b[J`);
  }

  /** Waits until all is written, or so many milliseconds; then the rest is left out. */
  async finish(deadlineMs: number): Promise<void> {
    if (this.#stream.writableLength === 0 || !this.#stream.writable) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
      this.#stream.write("", () => resolve());
    });
    clearTimeout(timer);
    if (this.#stream.writableLength === 0) return;
    this.#leftOut += this.#waiting;
    this.#stream.destroy();
  }
}
