import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process of Node.js that runs while a test goes on. */
export class StartedNode {
  readonly child: ChildProcess;
  /** Resolves with its exit code; null where a signal ended it. */
  readonly ended: Promise<number | null>;
  #said = '';
  #hasEnded = false;

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, args, {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text;
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        this.#hasEnded = true;
        resolve(code);
      });
    });
  }

  /** All that it has printed so far. */
  get said(): string {
    return this.#said;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until it has said this; throws where it ends without. */
  async saying(words: RegExp): Promise<void> {
    while (this.#said.search(words) < 0) {
      if (this.#hasEnded) throw new Error(`It ended without ${words}: ${this.#said}`);
      await sleep(10);
    }
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }
}
