import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, resolve } from 'node:path';
import { ConvsweepError } from '../errors.js';
import type { SweepConfig } from '../sweep/config.js';
import type { SweepEvent } from '../sweep/events.js';
import type { SweepProgress } from '../sweep/progress.js';
import type { Trial, TrialRecord } from '../sweep/trial.js';
import type { EpochHistory } from '../training/history.js';
import { trialText } from './page/format.js';
import { pageSections, reportHtml, type TrialCurves, trialCurves } from './page/page.js';
import type { LiveStatus } from './page/status.js';
import { type SweepReport, sweepReport } from './sweep-report.js';

/** Only programs on this machine reach it. */
const HOST = '127.0.0.1';
/** Under which names browsers reach it; another one means a foreign page that had its name resolved to this machine. */
const LOCAL_NAMES = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
/** Milliseconds between two updates: many epochs may end in one. */
const INTERVAL = 250;
/** Milliseconds that browsers get to read the last update. */
const PATIENCE = 2000;

/** A browser that follows the sweep. */
interface Follower {
  response: ServerResponse;
  /** How many of the finished trials it has been told of. */
  told: number;
}

/**
 * Serves the report of a sweep while it runs, on the loopback interface. What a browser gets depends on this object's
 * memory alone, so that it may come late, reload, or lose its connection.
 */
export class LiveView {
  /** `http://127.0.0.1:8081/` */
  readonly url: string;
  readonly #server: Server;
  readonly #name: string;
  readonly #followers = new Set<Follower>();
  /** In the order of finishing, those of earlier runs first. */
  readonly #records: TrialRecord[] = [];
  /** Trials in training, by number. */
  readonly #running = new Map<number, TrialCurves>();
  readonly #messages: string[] = [];
  #config: SweepConfig | undefined;
  #progress: SweepProgress | undefined;
  #state: LiveStatus['state'] = 'running';
  #timer: NodeJS.Timeout | undefined;

  private constructor(server: Server, name: string) {
    this.#server = server;
    this.#name = name;
    this.url = `http://${HOST}:${(server.address() as AddressInfo).port}/`;
    server.on('request', (request, response) => this.#answer(request, response));
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
    this.#progress = event.progress;
    if (event.type === 'notice') this.#messages.push(`${event.message}.`);
    if (event.type === 'start') {
      this.#config = event.config;
      this.#records.push(...event.resumed);
    }
    if (event.type === 'trialStart') this.#running.set(event.trial.number, startedCurves(event.trial));
    if (event.type === 'epoch') {
      const { history } = this.#running.get(event.trial.number)!;
      for (const [name, value] of Object.entries(event.logs) as [keyof EpochHistory, number][]) {
        history[name] = [...(history[name] ?? []), value];
      }
    }
    if (event.type === 'trialEnd') {
      this.#running.delete(event.record.trial);
      this.#records.push(event.record);
    }
    this.#timer ??= setTimeout(() => this.#update(), INTERVAL);
  }

  /** Tells the browsers that the sweep has finished, and ends. */
  async finish(report: SweepReport): Promise<void> {
    this.#state = 'finished';
    await this.#end(report);
  }

  /** Tells the browsers why the sweep did not finish, and ends; nothing if it has ended already. */
  async stop(reason: string): Promise<void> {
    this.#state = 'stopped';
    this.#messages.push(reason);
    await this.#end();
  }

  async #end(report?: SweepReport): Promise<void> {
    if (!this.#server.listening) return;
    clearTimeout(this.#timer);
    this.#running.clear();
    // Closes connections that are idle now; the others once they have been sent what is written to them.
    const closed = new Promise((done) => this.#server.close(done));
    for (const follower of this.#followers) {
      this.#send(follower, 'end', report);
      follower.response.end();
    }
    // A browser that does not read must not keep the process.
    const timer = setTimeout(() => this.#server.closeAllConnections(), PATIENCE);
    await closed;
    clearTimeout(timer);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', this.url);
    response.setHeader('Cache-Control', 'no-store');
    if (!LOCAL_NAMES.test(request.headers.host ?? '')) {
      refuse(response, 403, `This page is for this machine: ${this.url}`);
    } else if (pathname !== '/' && pathname !== '/events') {
      refuse(response, 404, `There is only ${this.url}`);
    } else if (request.method !== 'GET') {
      response.setHeader('Allow', 'GET');
      refuse(response, 405, 'This page can only be read');
    } else if (pathname === '/') {
      this.#sendPage(response);
    } else {
      this.#follow(response);
    }
  }

  #sendPage(response: ServerResponse): void {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    if (this.#config && this.#progress) {
      response.end(
        reportHtml(this.#report(this.#config), this.#status(this.#progress), [...this.#running.values()]),
      );
    } else {
      response.end(
        '<!doctype html><meta http-equiv="refresh" content="1"><title>convsweep</title><p>The sweep begins.',
      );
    }
  }

  #follow(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', Connection: 'close' });
    response.flushHeaders();
    const follower: Follower = { response, told: 0 };
    this.#followers.add(follower);
    response.on('close', () => this.#followers.delete(follower));
    this.#send(follower, 'update');
  }

  #update(): void {
    this.#timer = undefined;
    for (const follower of this.#followers) this.#send(follower, 'update');
  }

  /** Sends what `follower` has not been told yet; one that is slow to read gets it with the next update. */
  #send(follower: Follower, event: 'update' | 'end', report?: SweepReport): void {
    if (!this.#config || !this.#progress) return;
    const { response, told } = follower;
    if (event === 'update' && response.writableNeedDrain) return;
    const current = report ?? this.#report(this.#config);
    const data = {
      sections: pageSections(current, this.#status(this.#progress)),
      trials: [...this.#records.slice(told).map(trialCurves), ...this.#running.values()],
      best: current.best?.trial,
    };
    follower.told = this.#records.length;
    // JSON has no line ends, which would end the message.
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #report(config: SweepConfig): SweepReport {
    return sweepReport(this.#name, config, this.#records);
  }

  #status(progress: SweepProgress): LiveStatus {
    const running = [...this.#running.values()].map(({ trial, label, history }) => {
      const accuracy = history.val_accuracy?.at(-1);
      const epochs = history.loss.length;
      return { trial, label, epochs, ...(accuracy !== undefined && { accuracy }) };
    });
    return { state: this.#state, progress, running, messages: this.#messages };
  }
}

function startedCurves({ number, split, parameters, startFromEpoch }: Trial): TrialCurves {
  return {
    trial: number,
    label: trialText({ split: split.name, parameters }),
    history: { loss: [], accuracy: [] },
    startFromEpoch: startFromEpoch.epoch,
  };
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
