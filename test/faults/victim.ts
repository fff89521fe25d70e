/** A small sweep that is killed or made to fail, and what must be true of it afterwards. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, type RunOptions, runCli } from '../system/run-node.js';

const SWEEP = [
  ...['sweep', '--device', 'cpu', '--neurons', '4', '--splits', '60,70', '--epochs', '2', '--seed', '5'],
  ...['--start-from-epoch', '0', '--jobs', '1'],
];

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
  readonly #reference: ReadonlyMap<string, Buffer>;

  /**
   * @param reference files of a sweep without any fault, made once for all victims
   * @param within the folder to make its own in
   */
  constructor(reference: ReadonlyMap<string, Buffer>, within = tmpdir()) {
    this.#folder = mkdtempSync(join(within, 'convsweep-faults-'));
    this.#reference = reference;
  }

  /** Runs the sweep without a fault and returns its files by name. */
  static async reference(): Promise<Map<string, Buffer>> {
    const victim = new Victim(new Map());
    const { code, stderr } = await victim.run();
    if (code !== 0) throw new Error(`The sweep fails without any fault: ${stderr}`);
    const files = new Map(victim.#files());
    victim.remove();
    return files;
  }

  /** Where the sweep writes. */
  get out(): string {
    return join(this.#folder, 'out');
  }

  run(options: RunOptions = {}, ...more: string[]): Promise<Ended> {
    return runCli([...SWEEP, '--out', this.out, ...more], options);
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
    return this.#files().flatMap(([name, bytes]) => {
      const expected = isResult(name) ? this.#reference.get(name) : undefined;
      if (expected) return expected.equals(bytes) ? [] : [`${name} is not that of an undisturbed sweep`];
      const end = ENDS.find(([pattern]) => pattern.test(name))?.[1];
      return end && !end.test(bytes.toString('utf8')) ? [`${name} is cut off`] : [];
    });
  }

  /** Continues the sweep, and tells what then differs from one that nothing happened to. */
  async faultsAfterResume(): Promise<string[]> {
    const finished = this.#journal();
    let ended = await this.run({}, '--resume');
    // Stopped before it had begun.
    if (ended.code !== 0 && ended.stderr.includes('holds no sweep to resume')) ended = await this.run();
    if (ended.code !== 0) return [`it cannot be resumed: ${ended.stderr.slice(-800)}`];
    const files = new Map(this.#files());
    const faults = this.faultsOfFiles();
    if (!this.#journal().startsWith(finished)) faults.push('a finished trial was trained again');
    for (const name of this.#reference.keys()) if (!files.has(name)) faults.push(`${name} is missing`);
    for (const name of files.keys()) {
      if (/draft|lock|state/.test(name)) faults.push(`${name} is left`);
    }
    return faults;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Its whole lines: the trials that are finished. */
  #journal(): string {
    const text = new Map(this.#files()).get('journal.jsonl')?.toString('utf8') ?? '';
    return text.slice(0, text.lastIndexOf('\n') + 1);
  }

  #files(): [name: string, bytes: Buffer][] {
    if (!existsSync(this.out)) return [];
    return readdirSync(this.out, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(this.out.length + 1), readFileSync(path)]);
  }
}
