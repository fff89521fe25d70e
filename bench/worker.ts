import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Answers, Ready, Request } from './protocol.js';

export interface WorkerCommand {
  command: string;
  args: string[];
  env?: Record<string, string>;
}

/** Lines of a failed worker's standard error that a report shows. */
const SHOWN_LINES = 3;

/** A process that speaks protocol.ts. One request at a time. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #errors = '';
  #version = '';

  private constructor({ command, args, env }: WorkerCommand) {
    this.#child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.on('error', (error) => {
      this.#errors += `${error.message}\n`;
    });
    this.#child.stdin!.on('error', () => {});
    this.#child.stderr!.on('data', (data) => {
      this.#errors = (this.#errors + data).slice(-10_000);
    });
    this.#reader = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** @throws Error when it does not get ready within `limitSeconds` */
  static async start(command: WorkerCommand, limitSeconds = 180): Promise<Worker> {
    const worker = new Worker(command);
    const { version } = (await worker.#answer(limitSeconds)) as Ready;
    worker.#version = version;
    return worker;
  }

  get version(): string {
    return this.#version;
  }

  /** @throws Error when it ends, fails, or takes longer than `limitSeconds`; it is gone then */
  async request<R extends Request>(request: R, limitSeconds = 600): Promise<Answers[R['run']]> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return (await this.#answer(limitSeconds)) as Answers[R['run']];
  }

  stop(): void {
    this.#reader.close();
    this.#child.kill();
  }

  async #answer(limitSeconds: number): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${limitSeconds} s`)), limitSeconds * 1e3);
    });
    try {
      while (true) {
        const line = await Promise.race([this.#lines.next(), late]);
        if (line.done) throw new Error(`the worker ended: ${this.#lastErrors()}`);
        if (line.value.startsWith('{')) return JSON.parse(line.value);
      }
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #lastErrors(): string {
    return this.#errors.trim().split('\n').slice(-SHOWN_LINES).join(' | ');
  }
}
