// npm run gpu:facts, or ./gpu facts in the offline archive: see HELP.
import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findCard } from './card.js';
import { OPTIONS_HELP, readOptions } from './options.js';
import { type Outcome, runStage, type Stage, type StageRecord } from './stage.js';
import { stages } from './stages.js';
import { factsTable } from './table.js';

/** Of all stages together. */
const SECONDS = 600;

const HELP = `Finds out what only a GPU can tell, in stages of at most ten minutes together, each in processes of its own. A stage
that fails or takes too long stops no other. Appends a JSON line a stage to a file, and prints a table.

  npm run gpu:facts -- [STAGE ...] [OPTIONS]      in the offline archive: ./gpu facts [STAGE ...] [OPTIONS]

${stages.map(({ name, limit, stretches, title }) => `  ${name.padEnd(14)} ${String(limit).padStart(3)} s${stretches ? '+' : ' '} ${title}`).join('\n')}

  +: or longer, as long as the stages before it have left of the ten minutes

${OPTIONS_HELP}

Ends with 1 if a stage failed, ran out of time or found no card.`;

const FINE: readonly Outcome[] = ['done', 'left out'];

function usage(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  process.exit(2);
}

function chosen(names: readonly string[]): readonly Stage[] {
  for (const name of names) {
    if (!stages.some((stage) => stage.name === name)) usage(`There is no stage ${name}.`);
  }
  return names.length === 0 ? stages : stages.filter(({ name }) => names.includes(name));
}

function readCommandLine() {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    return usage((error as Error).message);
  }
}

/** Whole seconds that are left beyond the limits of stage `i` and those behind it. */
function spare(i: number): number {
  const reserved = wanted.slice(i).reduce((sum, { limit }) => sum + limit, 0);
  return Math.max(0, Math.floor(SECONDS - performance.now() / 1e3 - reserved));
}

const { help, options, names } = readCommandLine();
if (help) {
  console.log(HELP);
  process.exit(0);
}
const wanted = chosen(names);
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());

await mkdir(dirname(options.out), { recursive: true });
const card = await findCard();
console.error(typeof card === 'string' ? `No card: ${card}.` : card.description);
const records: StageRecord[] = [];
for (const [i, stage] of wanted.entries()) {
  if (interrupt.signal.aborted) break;
  const limit = Math.min(stage.limit + (stage.stretches ? spare(i) : 0), options.limit);
  console.error(`${stage.name}: ${stage.title} (at most ${limit} s)`);
  const record = await runStage(stage, limit, options, card, interrupt.signal);
  records.push(record);
  const { rows, ...kept } = record;
  await appendFile(options.out, `${JSON.stringify({ at: new Date().toISOString(), ...kept })}\n`);
  for (const row of rows) console.error(`  ${row}`);
  console.error(`${stage.name}: ${record.outcome} after ${record.seconds.toFixed(1)} s`);
}
console.log(`\n${factsTable(records)}\n\n${options.out}`);
process.exit(records.every(({ outcome }) => FINE.includes(outcome)) ? 0 : 1);
