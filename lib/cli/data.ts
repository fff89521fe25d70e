import { dirname } from 'node:path';
import type { Command } from 'commander';
import { datasetInfo } from '../data/dataset-info.js';
import { downloadMnist, MNIST_MIRROR } from '../data/download.js';
import { renderDigit } from '../data/render-digit.js';
import { allImages, partsOf } from '../data/train-test.js';
import { invalidArgument } from '../errors.js';
import { makeFolder, writeWhole } from '../files.js';
import { digitPng } from '../report/digit-png.js';
import { dataOption } from './data-option.js';
import { loadSource } from './data-source.js';
import { integer } from './option-parsers.js';
import { interruption, note, print, printJson } from './terminal.js';

interface ShowOptions {
  data?: string;
  ascii?: boolean;
  png?: string;
}

export function addData(program: Command): void {
  const data = program.command('data').description('look at the images, or download MNIST');

  data
    .command('info')
    .description('print what the data set holds')
    .addOption(dataOption())
    .option('--json', 'print JSON')
    .action(async ({ data: directory, json }: { data?: string; json?: boolean }) => {
      const source = await loadSource(directory);
      const parts = partsOf(source);
      if (!json) return print(datasetInfo(allImages(source).name, parts));
      printJson(
        Object.fromEntries(
          Object.entries(parts).map(([part, images]) => [
            part,
            {
              images: images.size,
              shape: images.imageShape,
              classes: images.classes,
              perClass: images.classCounts(),
            },
          ]),
        ),
      );
    });

  data
    .command('show')
    .description('draw one image in the terminal, or as PNG too')
    .argument('<position>', 'which image, from 0', integer('<position>', 0))
    .addOption(dataOption())
    .option('--ascii', 'plain characters only')
    .option('--png <file>', 'write it as PNG, too, ten times its size')
    .action(async (position: number, { data: directory, ascii, png }: ShowOptions) => {
      if (png !== undefined && !/\.png$/i.test(png)) {
        throw invalidArgument('--png', 'a file name ending in .png', png);
      }
      const images = allImages(await loadSource(directory));
      if (position >= images.size) {
        throw invalidArgument('<position>', `an integer from 0 to ${images.size - 1}`, position);
      }
      print(renderDigit(images, position, { ascii: ascii ?? false }));
      if (png !== undefined) {
        await makeFolder(dirname(png));
        await writeWhole(png, digitPng(images, position));
        note(`Written: ${png}`);
      }
    });

  data
    .command('download')
    .description('download the four MNIST files, checked and resumable')
    .argument('<dir>', 'where to put them')
    .option('--mirror <url>', `folder to download from (default: $CONVSWEEP_MNIST_MIRROR or ${MNIST_MIRROR})`)
    .option('--json', 'print JSON')
    .action(async (directory: string, { mirror, json }: { mirror?: string; json?: boolean }) => {
      const { signal, release } = interruption(() => note('\nInterrupted; the same command continues.'));
      let shown = '';
      try {
        const files = await downloadMnist(directory, {
          ...(mirror !== undefined && { mirror }),
          signal,
          onProgress: ({ file, received, total }) => {
            const text = `${file}: ${Math.floor((100 * received) / total)} %`;
            if (process.stderr.isTTY && text !== shown)
              process.stderr.write(`\r${text.padEnd(shown.length)}`);
            shown = text;
          },
        });
        if (process.stderr.isTTY && shown) process.stderr.write('\n');
        if (json) return printJson({ files });
        for (const { path, downloaded } of files)
          print(`${path}  ${downloaded ? 'downloaded' : 'already there'}`);
      } finally {
        release();
      }
    });
}
