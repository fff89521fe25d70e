import type { Command } from 'commander';
import { runScript } from './run-script.js';

export function addBuild(program: Command): void {
  program
    .command('build')
    .description(
      'build the native addons from source, CUDA too where its toolkit is; needs CMake and a C++ compiler',
    )
    .action(() => runScript('build-native.mjs'));
}
