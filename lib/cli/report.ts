import type { Command } from 'commander';
import { rebuildReport } from '../report/write-report.js';
import { print } from './terminal.js';

export function addReport(program: Command): void {
  program
    .command('report')
    .description("write a sweep's report.html again")
    .argument('<dir>', "a sweep's folder, finished or not")
    .action(async (folder: string) => print((await rebuildReport(folder)).file));
}
