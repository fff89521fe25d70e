/*
 * Trains the notebook's model for three steps on the device and in TensorFlow.js, each on its own, and reports how far
 * apart they are. A script of its own: in Jest's realm TensorFlow.js' loops run twenty times slower.
 */
import { notebookLayers } from '../../lib/model/notebook.js';
import { distance, norm } from './compare.js';
import { dataOf, decidedImages, pair, type Setting } from './tfjs-pair.js';
import { report } from './worker.js';

export interface TrajectoryStep {
  /** Before the step. */
  losses: { ours: number; theirs: number };
  /** By the weight's name: how far apart both sides' movements from the start are, relative to their length. */
  movement: Record<string, number>;
}

const setting: Setting = { inputShape: [28, 28, 1], n: 6, seed: 0 };
const [model, peer] = await pair(notebookLayers([5, 4, 3]), setting);
const images = decidedImages(model, setting);
const labels = Uint8Array.of(0, 3, 6, 9, 2, 5);
const names = model.getWeights().map(({ name }) => name);
const start = dataOf(model);
const moved = (weights: readonly Float32Array[]) =>
  weights.map((values, i) => values.map((value, j) => value - start[i]![j]!));

const steps: TrajectoryStep[] = [];
for (let step = 0; step < 3; step++) {
  const { loss } = await model.trainOnBatch(images, labels);
  const losses = { ours: loss, theirs: peer.trainStep(images, labels) };
  const [ours, theirs] = [moved(dataOf(model)), moved(peer.weights)];
  const movement = names.map((name, i) => [name, distance(ours[i]!, theirs[i]!) / norm(theirs[i]!)]);
  steps.push({ losses, movement: Object.fromEntries(movement) });
}
report(steps);
