#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { ConvsweepError } from '../errors.js';
import { packageVersion } from '../package.js';
import { addBuild } from './build.js';
import { addData } from './data.js';
import { addEvaluate } from './evaluate.js';
import { exitCode } from './exit-code.js';
import { addExport } from './export.js';
import { addInspect } from './inspect.js';
import { addMerge } from './merge.js';
import { addPlot } from './plot.js';
import { addPredict } from './predict.js';
import { addReport } from './report.js';
import { addSetupCuda } from './setup-cuda.js';
import { addSummary } from './summary.js';
import { addSweep } from './sweep.js';
import { note, outliveOutput, print } from './terminal.js';
import { addTrain } from './train.js';
import { addTrial } from './trial.js';
import { addWorker } from './worker.js';

function createProgram(): Command {
  const program = new Command('convsweep')
    .description('Train and sweep small convolutional networks: 81 models on MNIST in one command.')
    .version(packageVersion())
    .configureOutput({ writeOut: print })
    .showSuggestionAfterError()
    .showHelpAfterError('(--help lists the options)')
    // Subcommands inherit this when they are added: usage errors are thrown, so that they exit with 2.
    .exitOverride();
  addSweep(program);
  addTrial(program);
  addMerge(program);
  addWorker(program);
  addTrain(program);
  addEvaluate(program);
  addPredict(program);
  addPlot(program);
  addExport(program);
  addReport(program);
  addSummary(program);
  addData(program);
  addInspect(program);
  addBuild(program);
  addSetupCuda(program);
  return program;
}

async function main(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has printed its message; help and version come this way too, with exit code 0.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    const expected = error instanceof ConvsweepError;
    note(expected ? `convsweep: ${error.message}` : `convsweep: ${(error as Error)?.stack ?? error}`);
    process.exitCode = exitCode(error);
  }
}

outliveOutput();
await main();
