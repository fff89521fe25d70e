import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../lib/package.js';

/** How a child process ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Called with everything printed to either stream so far, whenever there is more. */
  onOutput?: (text: string, child: ChildProcess) => void;
  /** Called before it can have printed anything. */
  onStart?: (child: ChildProcess) => void;
  /** Milliseconds after which it is killed; default: {@link TIME_LIMIT}. */
  limit?: number;
}

/** Far more than any test needs, also on a machine with other work. */
const TIME_LIMIT = 300_000;

/** Runs `node ...args` to its end. */
export function runNode(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return runProgram(process.execPath, args, options);
}

/**
 * Runs a program to its end.
 * @throws Error when it does not end in time, so that a hang is not taken for an end by a signal
 */
export function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.onStart?.(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    options.onOutput?.(stdout + stderr, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    options.onOutput?.(stdout + stderr, child);
  });
  return new Promise((resolve, reject) => {
    const { limit = TIME_LIMIT } = options;
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      // What the program started may hold them open.
      child.stdout.destroy();
      child.stderr.destroy();
      reject(
        new Error(`${[program, ...args].join(' ')} did not end in ${limit} ms; it said:\n${stdout}${stderr}`),
      );
    }, limit);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/**
 * Runs the command line in a shell.
 * @param shell the shell's command, in which `convsweep` is the command line
 */
export function runInShell(shell: string, options: RunOptions = {}): Promise<Ended> {
  const definition = `convsweep() { "${process.execPath}" "${commandLine()}" "$@"; }`;
  return runProgram('bash', ['-c', `${definition}\n${shell}`], options);
}

/** Runs the command line as a user's shell would. */
export function runCli(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return runNode([commandLine(), ...args], options);
}

/** The script of the command line. */
export function commandLine(): string {
  return join(packageRoot(), 'dist', 'lib', 'cli', 'main.js');
}

/** A module of lib/ as an import's quoted specifier. */
export function libraryUrl(module: string): string {
  return JSON.stringify(pathToFileURL(join(packageRoot(), 'dist', 'lib', `${module}.js`)).href);
}

/** Runs a module's source text, in which `convsweep` is the package's index. */
export function runScript(source: string, options: RunOptions = {}): Promise<Ended> {
  return runNode(
    ['--input-type=module', '-e', `import * as convsweep from ${libraryUrl('index')};\n${source}`],
    options,
  );
}
