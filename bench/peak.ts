import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../lib/package.js';

/** GFLOP/s of float32 multiply-adds between registers. */
export interface Peak {
  oneThread: number;
  twoThreads: number;
}

const MILLISECONDS = 40;
/** A machine gives its peak when nothing else runs on it: below this part of the run's best, something else does. */
const UNDISTURBED = 0.85;

/** The ceiling that all speeds are compared with, and the means to tell when the machine was not all ours. */
export class PeakProbe {
  readonly #program: string;
  readonly #best: Peak = { oneThread: 0, twoThreads: 0 };

  private constructor(program: string) {
    this.#program = program;
  }

  /** Compiles the probe into `folder` for this machine. */
  static compile(folder: string): PeakProbe {
    const program = join(folder, 'fma-peak');
    const source = join(packageRoot(), 'bench', 'native', 'fma-peak.cc');
    const options = ['-O2', '-std=gnu++17', '-march=native', '-ffp-contract=fast', '-pthread'];
    execFileSync(process.env.CXX ?? 'c++', [...options, source, '-o', program]);
    return new PeakProbe(program);
  }

  /** The highest seen so far. */
  get best(): Readonly<Peak> {
    return this.#best;
  }

  async measure(): Promise<Peak> {
    const { stdout } = await promisify(execFile)(this.#program, [String(MILLISECONDS)]);
    const [oneThread, twoThreads] = stdout.trim().split('\n').map(Number);
    const peak: Peak = { oneThread: oneThread!, twoThreads: twoThreads! };
    this.#best.oneThread = Math.max(this.#best.oneThread, peak.oneThread);
    this.#best.twoThreads = Math.max(this.#best.twoThreads, peak.twoThreads);
    return peak;
  }

  /** Whether `cores` threads had a core each; to be asked when the run is over and the best is known. */
  undisturbed(peak: Peak, cores: 1 | 2): boolean {
    const key = cores === 1 ? 'oneThread' : 'twoThreads';
    return peak[key] >= UNDISTURBED * this.#best[key];
  }
}
