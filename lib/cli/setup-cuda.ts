import { type Command, Option } from 'commander';
import { runScript } from './run-script.js';

export function addSetupCuda(program: Command): void {
  program
    .command('setup-cuda')
    .description("install NVIDIA's cuDNN and cuBLAS for this user (1.7 GB, needs pip)")
    .addOption(
      new Option('--cuda <version>', "of CUDA; default: the toolkit's, else the driver's").choices([
        '12',
        '13',
      ]),
    )
    .action(({ cuda }: { cuda?: string }) => runScript('setup-cuda.mjs', ...(cuda ? [cuda] : [])));
}
