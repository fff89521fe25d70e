import { Blueprint } from '../architecture/blueprint.js';
import type { NamedWeight } from '../architecture/weights.js';
import type { ExportableModel } from './exportable-model.js';
import { readKerasFile, writeKerasFile } from './keras-file.js';
import { freshOptimizer, type KerasModel } from './keras-model.js';

/** A model in a file, for whoever prints or converts it: it takes no engine. */
export class StoredModel extends Blueprint implements ExportableModel {
  readonly #content: KerasModel;

  private constructor(content: KerasModel) {
    const [height, width, channels] = content.inputShape as [number, number, number];
    super(content.layers, {
      name: content.name,
      inputShape: [height, width, channels],
      ...(content.optimizer && { optimizer: content.optimizer.adam }),
    });
    this.#content = content;
  }

  /** @throws ConvsweepError `FILE`, `INVALID_MODEL` naming what is unsupported */
  static async read(path: string): Promise<StoredModel> {
    return new StoredModel(await readKerasFile(path));
  }

  getWeights(): NamedWeight[] {
    return this.#content.weights;
  }

  /** As `Model.save`: a model that was saved without its optimizer gets a fresh one. */
  async save(path: string): Promise<void> {
    const { optimizer = freshOptimizer(this.architecture, this.optimizer), ...content } = this.#content;
    await writeKerasFile(path, { ...content, layers: this.layers, optimizer });
  }
}
