import type { Command } from 'commander';
import { rebuildReport } from '../report/write-report.js';
import { print, printJson } from './terminal.js';

export function addReport(program: Command): void {
  program
    .command('report')
    .description("write a sweep's report.html again")
    .argument('<dir>', "a sweep's folder, finished or not")
    .option('--json', 'print JSON')
    .action(async (folder: string, { json }: { json?: boolean }) => {
      const { file } = await rebuildReport(folder);
      if (json) printJson({ files: [file] });
      else print(file);
    });
}
