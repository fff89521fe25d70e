/** A small sweep that is killed or made to fail, and what must be true of it afterwards. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../lib/package.js';
import { commandLine, type Ended, type RunOptions, runNode } from '../system/run-node.js';

/** The sweeps to attack, of three trials each, without their folder. */
const SWEEPS = {
  /** As a user runs it, with its reports. Its epochs are too short for their states to be kept. */
  'command line': [
    ...[commandLine(), 'sweep', '--device', 'cpu', '--neurons', '4,8', '--splits', '60', '--epochs', '2'],
    ...['--seed', '5', '--start-from-epoch', '0', '--limit', '3', '--jobs', '1'],
  ],
  /** Keeps the state of its trial after every epoch. */
  states: [join(packageRoot(), 'dist', 'test', 'faults', 'keeping-sweep.js')],
};

export type SweepName = keyof typeof SWEEPS;

export const SWEEP_NAMES = Object.keys(SWEEPS) as SweepName[];

/** What a sweep leaves that nothing happened to. */
export interface Reference {
  sweep: SweepName;
  /** By name. */
  files: ReadonlyMap<string, Buffer>;
}

const JOURNAL = 'journal.jsonl';

/** How each kind of file ends that a sweep writes and that is not the same in every run. */
const ENDS: readonly [name: RegExp, end: RegExp][] = [
  [/\.html$/, /<\/html>\s*$/],
  [/\.svg$/, /<\/svg>\s*$/],
  [/\.json$/, /[}\]]\s*$/],
];

/** Files that are a sweep's results: the same, byte for byte, whatever happened on the way. */
const isResult = (name: string) => /\.(h5|csv)$|^summary\.txt$|^config\.json$/.test(name);

/** The folder of the sweep that is to suffer, beside a reference that nothing happened to. */
export class Victim {
  readonly #folder: string;
  readonly #reference: Reference;
  /** The journal's whole lines when it was last looked at. */
  #journalled = '';
  /** How many epochs of each trial have ended, if the sweep tells. */
  readonly #epochs = new Map<number, number>();
  readonly #lost: string[] = [];

  /**
   * @param reference made once for all victims
   * @param within the folder to make its own in
   */
  constructor(reference: Reference, within = tmpdir()) {
    this.#folder = mkdtempSync(join(within, 'convsweep-faults-'));
    this.#reference = reference;
  }

  /** Runs a sweep without a fault. */
  static async reference(sweep: SweepName): Promise<Reference> {
    const victim = new Victim({ sweep, files: new Map() });
    try {
      const { code, stderr } = await victim.run();
      if (code !== 0) throw new Error(`The sweep fails without any fault: ${stderr}`);
      return { sweep, files: victim.#files() };
    } finally {
      victim.remove();
    }
  }

  /** Where the sweep writes. */
  get out(): string {
    return join(this.#folder, 'out');
  }

  /** A path beside the sweep's folder. */
  beside(name: string): string {
    return join(this.#folder, name);
  }

  async run(options: RunOptions = {}, ...more: string[]): Promise<Ended> {
    const ended = await runNode([...SWEEPS[this.#reference.sweep], '--out', this.out, ...more], options);
    this.#follow(ended.stdout);
    return ended;
  }

  /** What is wrong with how a run ended that had an error injected: it must go well, or say what failed where. */
  faultsOfError({ code, signal, stderr }: Ended): string[] {
    if (signal !== null) return [`it ended by ${signal}: ${stderr.slice(-500)}`];
    if (code === 0) return [];
    const faults: string[] = [];
    if (code !== 1) faults.push(`it ended with ${code}: ${stderr.slice(-500)}`);
    const message = stderr.split('\n').find((line) => line.startsWith('convsweep: '));
    if (!message?.includes(this.out)) faults.push(`its message names no file: ${stderr.slice(-500)}`);
    if (/^ {4}at /m.test(stderr)) faults.push(`it shows a stack: ${stderr.slice(-800)}`);
    return faults;
  }

  /** What is wrong with the files as they are now, of a sweep that may have been stopped anywhere. */
  faultsOfFiles(): string[] {
    const files = this.#files();
    const faults = this.#lost.splice(0);
    const journal = files.get(JOURNAL)?.toString('utf8') ?? '';
    const lines = journal.slice(0, journal.lastIndexOf('\n') + 1);
    if (!lines.startsWith(this.#journalled)) faults.push(`${JOURNAL} has lost what it had`);
    this.#journalled = lines;
    for (const [name, bytes] of files) {
      const expected = isResult(name) ? this.#reference.files.get(name) : undefined;
      if (expected) {
        if (!expected.equals(bytes)) faults.push(`${name} is not that of an undisturbed sweep`);
        continue;
      }
      const end = ENDS.find(([pattern]) => pattern.test(name))?.[1];
      if (end && !end.test(bytes.toString('utf8'))) faults.push(`${name} is cut off`);
    }
    return faults;
  }

  /** Continues the sweep, and tells what then differs from one that nothing happened to. */
  async faultsAfterResume(): Promise<string[]> {
    const faults = this.faultsOfFiles();
    let ended = await this.run({}, '--resume');
    // Stopped before it had begun.
    if (ended.code !== 0 && ended.stderr.includes('holds no sweep to resume')) ended = await this.run();
    if (ended.code !== 0) return [...faults, `it cannot be resumed: ${ended.stderr.slice(-800)}`];
    faults.push(...this.faultsOfFiles());
    const [files, expected] = [this.#files(), this.#reference.files];
    for (const name of expected.keys()) if (!files.has(name)) faults.push(`${name} is missing`);
    for (const name of files.keys()) if (!expected.has(name)) faults.push(`${name} is left`);
    const [trials, all] = [files, expected].map((map) => countLines(map.get(JOURNAL)));
    if (trials !== all) faults.push(`${JOURNAL} has ${trials} trials, of ${all}`);
    return faults;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Where a sweep says what it trains: of a stopped trial, at most the last epoch may be trained again. */
  #follow(output: string): void {
    for (const [, trial, did, epochs] of output.matchAll(/^trial (\d+) (begins after|has) (\d+) epochs$/gm)) {
      const [number, count] = [Number(trial), Number(epochs)];
      const before = this.#epochs.get(number) ?? 0;
      if (did === 'has') this.#epochs.set(number, count);
      else if (count < before - 1)
        this.#lost.push(`trial ${trial} goes on after ${count} epochs of ${before}`);
    }
  }

  #files(): Map<string, Buffer> {
    if (!existsSync(this.out)) return new Map();
    return new Map(
      readdirSync(this.out, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [path.slice(this.out.length + 1), readFileSync(path)]),
    );
  }
}

function countLines(bytes: Buffer | undefined): number {
  return bytes?.filter((byte) => byte === 0x0a).length ?? 0;
}
