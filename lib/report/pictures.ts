import { dirname } from 'node:path';
import { makeFolder, writeWhole } from '../files.js';
import { PICTURES, type Picture, type PictureFormat } from '../sweep/folder.js';
import { architectureDiagram, type Layered } from './diagram.js';
import { plotTraining, type TrainingRun } from './plots.js';
import { svgToPng } from './svg-to-png.js';

/**
 * Writes the three pictures of a model: accuracy and loss by epoch, and its layers. All are made before the first is
 * written, and each appears whole or not at all.
 * @param pathOf where each goes
 * @returns the paths
 * @throws ConvsweepError `FILE`
 */
export async function writePictures(
  run: TrainingRun,
  model: Layered,
  format: PictureFormat,
  pathOf: (picture: Picture) => string,
): Promise<string[]> {
  const svgs = {
    accuracy: await plotTraining('accuracy', run),
    loss: await plotTraining('loss', run),
    cnn_architecture: await architectureDiagram(model),
  };
  const contents = await Promise.all(
    PICTURES.map((picture) => (format === 'svg' ? svgs[picture] : svgToPng(svgs[picture]))),
  );
  const paths = PICTURES.map(pathOf);
  for (const [i, path] of paths.entries()) {
    await makeFolder(dirname(path));
    await writeWhole(path, contents[i]!);
  }
  return paths;
}
