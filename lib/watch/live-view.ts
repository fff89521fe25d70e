import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, resolve } from 'node:path';
import { ConvsweepError } from '../errors.js';
import type { SweepReport } from '../report/sweep-report.js';
import type { SweepEvent } from '../sweep/events.js';
import type { LiveSnapshot } from './live-snapshot.js';
import { LiveSweep } from './live-sweep.js';

/** Only programs on this machine reach it. */
const HOST = '127.0.0.1';
/** Under which names browsers reach it; another one means a foreign page that had its name resolved to this machine. */
const LOCAL_NAMES = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
/** Milliseconds between two updates: many epochs may end in one. */
const INTERVAL = 250;
/** Milliseconds that browsers get to read the last update. */
const PATIENCE = 2000;
/** Updates that a browser may miss, because it has not read the one before, until it is let go. */
const MOST_MISSED = PATIENCE / INTERVAL;
/** Browsers that may follow at once. */
const MOST_FOLLOWERS = 64;
/** Connections that are taken at once, so that the sweep can still open its files. */
const MOST_CONNECTIONS = 2 * MOST_FOLLOWERS;

/** The page before the sweep has begun. */
const WAITING =
  '<!doctype html><meta http-equiv="refresh" content="1"><title>convsweep</title><p>The sweep begins.';

/** A browser that follows the sweep. */
interface Follower {
  response: ServerResponse;
  /** How many of the trials that have ended it has been told of. */
  told: number;
  /** Updates in a row that it was too slow for. */
  missed: number;
}

/**
 * Serves the report of a sweep while it runs, on the loopback interface. What a browser gets depends on this object's
 * memory alone, so that it may come late, reload, or lose its connection. Nothing that a browser does, and no failure to
 * show something, can end the sweep.
 */
export class LiveView {
  /** `http://127.0.0.1:8081/` */
  readonly url: string;
  readonly #server: Server;
  readonly #sweep: LiveSweep;
  readonly #followers = new Set<Follower>();
  /** What is shown until the next update. */
  #snapshot: LiveSnapshot | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(server: Server, name: string) {
    this.#server = server;
    this.#sweep = new LiveSweep(name);
    this.url = `http://${HOST}:${(server.address() as AddressInfo).port}/`;
    server.maxConnections = MOST_CONNECTIONS;
    server.on('request', (request, response) => this.#answer(request, response));
    // Such as a connection that could not be taken, for want of file descriptors.
    server.on('error', () => {});
  }

  /**
   * Begins to serve; call it before the sweep.
   * @param folder of the sweep
   * @param port 0 for any that is free
   * @throws ConvsweepError `INVALID_ARGUMENT` when the port is in use or needs more rights
   */
  static async open(folder: string, port: number): Promise<LiveView> {
    const server = createServer();
    await new Promise<void>((listening, failed) => {
      server.once('error', (cause: NodeJS.ErrnoException) => failed(cannotListen(port, cause)));
      server.listen(port, HOST, listening);
    });
    return new LiveView(server, basename(resolve(folder)));
  }

  /** Takes note of what happened. */
  show(event: SweepEvent): void {
    this.#sweep.show(event);
    this.#timer ??= setTimeout(() => this.#update(), INTERVAL);
  }

  /** Tells the browsers that the sweep has finished, and ends. */
  async finish(report: SweepReport): Promise<void> {
    this.#sweep.finish(report);
    await this.#end();
  }

  /** Tells the browsers why the sweep did not finish, and ends; nothing if it has ended already. */
  async stop(reason: string): Promise<void> {
    this.#sweep.stop(reason);
    await this.#end();
  }

  async #end(): Promise<void> {
    if (!this.#server.listening) return;
    clearTimeout(this.#timer);
    // Closes connections that are idle now; the others once they have been sent what is written to them.
    const closed = new Promise((done) => this.#server.close(done));
    this.#snapshot = undefined;
    for (const follower of this.#followers) {
      this.#send(follower, 'end');
      follower.response.end();
    }
    // A browser that does not read must not keep the process.
    const timer = setTimeout(() => this.#server.closeAllConnections(), PATIENCE);
    await closed;
    clearTimeout(timer);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {});
    try {
      this.#route(request, response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, `The report cannot be shown: ${(error as Error).message}`);
    }
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('Cache-Control', 'no-store');
    const path = request.url?.split('?', 1)[0];
    if (!LOCAL_NAMES.test(request.headers.host ?? '')) {
      refuse(response, 403, `This page is for this machine: ${this.url}`);
    } else if (path !== '/' && path !== '/events') {
      refuse(response, 404, `There is only ${this.url}`);
    } else if (request.method !== 'GET') {
      response.setHeader('Allow', 'GET');
      refuse(response, 405, 'This page can only be read');
    } else if (path === '/') {
      this.#sendPage(response);
    } else if (this.#followers.size >= MOST_FOLLOWERS) {
      refuse(response, 503, `${MOST_FOLLOWERS} browsers follow this sweep already; close one of them`);
    } else {
      this.#follow(response);
    }
  }

  #sendPage(response: ServerResponse): void {
    const page = this.#current()?.page() ?? WAITING;
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(page);
  }

  #follow(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', Connection: 'close' });
    response.flushHeaders();
    const follower: Follower = { response, told: 0, missed: 0 };
    this.#followers.add(follower);
    response.on('close', () => this.#followers.delete(follower));
    this.#send(follower, 'update');
  }

  #update(): void {
    this.#timer = undefined;
    this.#snapshot = undefined;
    for (const follower of this.#followers) {
      if (!follower.response.writableNeedDrain) this.#send(follower, 'update');
      // It may come again, and then gets everything at once.
      else if (++follower.missed > MOST_MISSED) follower.response.destroy();
    }
  }

  /** Sends what `follower` has not been told yet; lets it go where that cannot be shown. */
  #send(follower: Follower, event: 'update' | 'end'): void {
    try {
      const snapshot = this.#current();
      if (!snapshot) return;
      follower.response.write(snapshot.message(event, follower.told));
      follower.told = snapshot.told;
      follower.missed = 0;
    } catch {
      follower.response.destroy();
    }
  }

  #current(): LiveSnapshot | undefined {
    this.#snapshot ??= this.#sweep.snapshot();
    return this.#snapshot;
  }
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(`${reason}\n`);
}

function cannotListen(port: number, cause: NodeJS.ErrnoException): ConvsweepError {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'it is in use',
    EACCES: 'it needs more rights',
  };
  return new ConvsweepError(
    'INVALID_ARGUMENT',
    `Cannot serve on port ${port} of ${HOST}: ${reasons[cause.code ?? ''] ?? cause.message}; choose another with --watch PORT, or --watch 0 for any that is free`,
    { cause },
  );
}
