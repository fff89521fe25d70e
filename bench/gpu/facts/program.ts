import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ProgramOptions {
  /** Added to the environment. */
  env?: Record<string, string>;
  cwd?: string;
  /** Called with each line of the standard output as it comes. */
  onLine?: (line: string) => void;
  /** Seconds without a line after which the program is ended. */
  silence?: number;
}

/** A program that did not end well. */
export class ProgramError extends Error {
  /** Undefined where it did not start, or a signal ended it. */
  readonly code: number | undefined;

  constructor(message: string, code: number | undefined) {
    super(message);
    this.code = code;
  }
}

/** Of what a program says, so much goes into an error. */
const TAIL = 2000;
/** Milliseconds between the request to end and the end. */
const GRACE = 2000;

/**
 * Runs a program and what it starts, which end when `signal` is aborted.
 * @returns its standard output
 * @throws ProgramError with the last that it said
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
  { env = {}, cwd, onLine, silence }: ProgramOptions = {},
): Promise<string> {
  signal.throwIfAborted();
  // In a process group, so that all that it starts can be ended with it.
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = (how: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how);
    } catch {
      // It has ended.
    }
  };
  let reason: string | undefined;
  const end = (why: string) => {
    reason ??= why;
    kill('SIGTERM');
    setTimeout(() => kill('SIGKILL'), GRACE).unref();
  };
  const onAbort = () => end('it was ended');
  signal.addEventListener('abort', onAbort, { once: true });
  const quiet = () => end(`it said nothing for ${silence} s`);
  let timer = silence === undefined ? undefined : setTimeout(quiet, silence * 1e3);

  let stdout = '';
  let said = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout += `${line}\n`;
    said = `${said}${line}\n`.slice(-TAIL);
    if (timer !== undefined) {
      clearTimeout(timer);
      timer = setTimeout(quiet, silence! * 1e3);
    }
    onLine?.(line);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-TAIL);
  });
  try {
    const code = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, killed) => resolve(killed ?? code));
    });
    if (code === 0) return stdout;
    throw new ProgramError(
      `${command}: ${reason ?? `it ended with ${code}`}${said === '' ? '' : `; it said:\n${said.trimEnd()}`}`,
      typeof code === 'number' ? code : undefined,
    );
  } catch (error) {
    if (error instanceof ProgramError) throw error;
    throw new ProgramError(`${command}: ${(error as Error).message}`, undefined);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    // What it started and left behind.
    kill('SIGKILL');
  }
}
