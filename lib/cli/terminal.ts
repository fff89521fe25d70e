import { closeSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { ConvsweepError } from '../errors.js';

/** Why a command stopped: its terminal was closed. */
export class Hangup extends Error {
  override readonly name = 'Hangup';
}

/**
 * Lets the process outlive its output: the reader of a pipe may leave (`convsweep sweep 2>&1 | head -3`), a terminal may
 * vanish, a log's disk may be full, and nothing of that may end a training. Call it before anything is printed.
 */
export function outliveOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  // When it exits, Node.js restores the modes of its terminals, and crashes where one has vanished; not where it is closed.
  process.on('exit', () => {
    for (const descriptor of terminals) if (!isatty(descriptor)) closeSync(descriptor);
  });
}

/** Prints `value` as one JSON document, as {@link print} does. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/**
 * Prints a command's result, ended by one newline. A result that cannot be written makes the command fail, with its
 * other work done; a reader that has left does not want it.
 * @throws ConvsweepError `FILE`
 */
export function print(text: string): void {
  const line = ended(text);
  // A pipe, a socket or a terminal: takes all, or fails.
  if (process.stdout instanceof Socket) {
    process.stdout.write(line, (cause) => {
      if (!cause || (cause as NodeJS.ErrnoException).code === 'EPIPE') return;
      note(`convsweep: ${unwritten(cause).message}`);
      process.exitCode = 1;
    });
    return;
  }
  // The stream that Node.js makes of a file drops what a nearly full disk does not take.
  const bytes = Buffer.from(line);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done);
  } catch (cause) {
    throw unwritten(cause as Error);
  }
}

/** Prints text that is not the result on standard output, ended by one newline; nothing depends on it. */
export function tell(text: string): void {
  process.stdout.write(ended(text));
}

/** Prints a remark that is not the result: to standard error, so that `--json` and pipes stay clean. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * A signal that the first Ctrl-C, SIGTERM or closing of the terminal aborts; another Ctrl-C or SIGTERM ends the process
 * at once.
 * @returns the signal, and `release`, which gives the keys back
 */
export function interruption(onInterrupt: () => void): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const abort = (reason?: Error): void => {
    if (controller.signal.aborted) return;
    onInterrupt();
    controller.abort(reason);
  };
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    abort();
  };
  // A closed terminal may be told several times, by the system and by the shell.
  const hangUp = (): void => abort(new Hangup('The terminal was closed'));
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', hangUp);
  const release = (): void => {
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', hangUp);
  };
  return { signal: controller.signal, release };
}

function ended(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function unwritten(cause: Error): ConvsweepError {
  return new ConvsweepError('FILE', `Cannot write the result to standard output: ${cause.message}`, {
    cause,
  });
}
