import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What BullMQ keeps of the queue itself, whatever sweeps there are. */
const OF_QUEUE = ['events', 'id', 'marker', 'meta', 'stalled-check'].map(
  (name) => `convsweep:trials:${name}`,
);

/** A server of a test's own, with an append-only file. */
export class RedisServer {
  readonly #folder: string;
  readonly #port: number;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  static isInstalled(): boolean {
    return spawnSync('redis-server', ['--version']).status === 0;
  }

  /** Starts one. @param folder for its files */
  static async start(folder: string): Promise<RedisServer> {
    const server = new RedisServer(folder, await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** Starts it, again after {@link kill}: with what its append-only file has. */
  async start(): Promise<void> {
    const files = ['--dir', this.#folder, '--save', '', '--appendonly', 'yes', '--pidfile', this.#pidFile];
    execFileSync('redis-server', ['--port', String(this.#port), ...files, '--daemonize', 'yes']);
    for (let tries = 0; tries < 200; tries++) {
      if (
        spawnSync('redis-cli', ['-p', String(this.#port), 'ping'], { encoding: 'utf8' }).stdout === 'PONG\n'
      )
        return;
      await sleep(50);
    }
    throw new Error('Redis does not answer');
  }

  /** What it answers to a command. */
  command(...args: string[]): string {
    return execFileSync('redis-cli', ['-p', String(this.#port), ...args], { encoding: 'utf8' }).trim();
  }

  keys(pattern: string): string[] {
    return this.command('keys', pattern).split('\n').filter(Boolean);
  }

  /** The keys of sweeps. */
  leftovers(): string[] {
    return this.keys('*').filter((key) => !OF_QUEUE.includes(key));
  }

  /** Ends it without a chance to write anything. */
  kill(): void {
    process.kill(this.pid, 'SIGKILL');
  }

  stop(): void {
    // It answers by closing the connection.
    spawnSync('redis-cli', ['-p', String(this.#port), 'shutdown', 'nosave']);
  }

  /** Of its process. */
  get pid(): number {
    return Number(readFileSync(this.#pidFile, 'utf8'));
  }

  get #pidFile(): string {
    return join(this.#folder, 'redis.pid');
  }
}

export async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
