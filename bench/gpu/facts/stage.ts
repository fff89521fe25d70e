import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Card } from './card.js';
import type { FactsOptions } from './options.js';
import { type ProgramOptions, runProgram } from './program.js';

/** A step towards the facts, which may fail or hang without harm to the others. */
export interface Stage {
  /** As the command line takes it. */
  name: string;
  /** What it finds out. */
  title: string;
  /** Seconds. */
  limit: number;
  /** Whether it may go on for as long as the stages before it have left of the ten minutes. Default false. */
  stretches?: boolean;
  /** Whether there is nothing to find out without a card. Default true. */
  needsCard?: boolean;
  /** @throws LeftOut where it cannot be done here, any other error where it failed */
  run(run: StageRun): Promise<void>;
}

/** What a stage needs is not on this machine, which is nobody's failure. */
export class LeftOut extends Error {}

/** What a stage works with, and where it leaves what it finds out. */
export class StageRun {
  readonly options: FactsOptions;
  /** Undefined in a stage that needs none. */
  readonly card: Card | undefined;
  /** Seconds. */
  readonly limit: number;
  /** For the file. */
  readonly facts: object[] = [];
  /** For the table. */
  readonly rows: string[] = [];
  readonly #signal: AbortSignal;

  constructor(options: FactsOptions, card: Card | undefined, limit: number, signal: AbortSignal) {
    this.options = options;
    this.card = card;
    this.limit = limit;
    this.#signal = signal;
  }

  /** Keeps a fact, and its row of the table, if it has one of its own. */
  fact(fact: object, row?: string): void {
    this.facts.push(fact);
    if (row !== undefined) this.rows.push(row);
  }

  /** @throws Error when the stage's time is over: between the parts of a stage that goes on after failures */
  continue(): void {
    this.#signal.throwIfAborted();
  }

  /** As {@link runProgram}, for as long as the stage may take. */
  program(command: string, args: readonly string[], options?: ProgramOptions): Promise<string> {
    return runProgram(command, args, this.#signal, options);
  }

  /** Keeps each JSON object that a program prints on a line; `row` makes the table's of it. */
  async collect<Fact extends object>(
    command: string,
    args: readonly string[],
    row: (fact: Fact) => string | undefined,
    options?: ProgramOptions,
  ): Promise<void> {
    const onLine = (line: string) => {
      if (!line.startsWith('{')) return;
      const fact = JSON.parse(line) as Fact;
      this.fact(fact, row(fact));
    };
    await this.program(command, args, { ...options, onLine });
  }

  /** The file of a program, by name in the path or in further folders. @throws LeftOut where it is missing */
  find(name: string, ...folders: string[]): string {
    const path = (process.env.PATH ?? '').split(delimiter);
    const files = name.includes('/') ? [name] : [...path, ...folders].map((folder) => join(folder, name));
    const found = files.find((file) => existsSync(file));
    if (found === undefined) throw new LeftOut(`${name} is missing`);
    return found;
  }
}

/** How a stage ended. */
export type Outcome = 'done' | 'failed' | 'timed out' | 'left out' | 'no card' | 'interrupted';

export interface StageRecord {
  stage: string;
  outcome: Outcome;
  seconds: number;
  facts: readonly object[];
  rows: readonly string[];
  error?: string;
}

/** Runs a stage for at most `limit` seconds. Never throws. `card`: or why there is none. */
export async function runStage(
  stage: Stage,
  limit: number,
  options: FactsOptions,
  card: Card | string,
  interrupt: AbortSignal,
): Promise<StageRecord> {
  const needsCard = stage.needsCard ?? true;
  if (needsCard && typeof card === 'string') {
    return { stage: stage.name, outcome: 'no card', seconds: 0, facts: [], rows: [], error: card };
  }
  const time = AbortSignal.timeout(Math.round(limit * 1e3));
  const run = new StageRun(
    options,
    typeof card === 'string' ? undefined : card,
    limit,
    AbortSignal.any([time, interrupt]),
  );
  const begin = performance.now();
  const ended = (outcome: Outcome, error?: string): StageRecord => ({
    stage: stage.name,
    outcome,
    seconds: (performance.now() - begin) / 1e3,
    facts: run.facts,
    rows: run.rows,
    ...(error === undefined ? {} : { error }),
  });
  try {
    await stage.run(run);
    return ended('done');
  } catch (error) {
    if (interrupt.aborted) return ended('interrupted');
    if (time.aborted) return ended('timed out', `not done within ${limit} s`);
    return ended(error instanceof LeftOut ? 'left out' : 'failed', (error as Error).message);
  }
}
