import type { StageRecord } from './stage.js';

/** What the stages found out, as a table in Markdown. */
export function factsTable(records: readonly StageRecord[]): string {
  const lines = records.flatMap(({ stage, outcome, seconds, rows, error }) => {
    const found = [...(error === undefined ? [] : [firstLines(error)]), ...rows];
    const [first = '', ...rest] = found;
    return [[stage, outcome, seconds.toFixed(1), first], ...rest.map((row) => ['', '', '', row])];
  });
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    row(['stage', 'outcome', 'seconds', 'found']),
    row(['---', '---', '---', '---']),
    ...lines.map(row),
  ].join('\n');
}

/** An error's beginning on one line; the file has all of it. */
function firstLines(error: string): string {
  const text = error.split('\n').slice(0, 3).join(' ');
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
