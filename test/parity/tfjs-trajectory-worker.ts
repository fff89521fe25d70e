/*
 * Trains the notebook's model for three steps on the device and in TensorFlow.js, each on its own, and reports how far
 * apart they are. A script of its own: in Jest's realm TensorFlow.js' loops run twenty times slower.
 */
import { notebookLayers } from '../../lib/architecture/notebook-layers.js';
import { distance, norm } from './compare.js';
import { dataOf, decidedImages, pair, type Setting } from './tfjs-pair.js';
import { report } from './worker.js';

/** What this script reports. */
export interface TrajectoryReport {
  steps: TrajectoryStep[];
  /** The part of the weights that are compared. */
  compared: number;
}

export interface TrajectoryStep {
  /** Before the step. */
  losses: { ours: number; theirs: number };
  /** By the weight's name: how far apart both sides' movements from the start are, relative to their length. */
  movement: Record<string, number>;
}

/**
 * A gradient that is zero in exact arithmetic, as that of a bias that the next batch norm takes out again, is whatever
 * rounding leaves of it, and Adam makes whole steps of that. Weights whose first gradient is below this part of the
 * largest are left out.
 */
const NOISE = 1e-4;

const setting: Setting = { inputShape: [28, 28, 1], n: 6, seed: 0 };
const [model, peer] = await pair(notebookLayers([5, 4, 3]), setting);
const images = decidedImages(model, setting);
const labels = Uint8Array.of(0, 3, 6, 9, 2, 5);
const names = model.getWeights().map(({ name }) => name);
const start = dataOf(model);

const { gradients } = peer.gradients(images, labels);
peer.weights = start;
const largest = Math.max(...gradients.map((gradient) => Math.max(...gradient.map(Math.abs))));
const compared = names.map((name, i) => {
  const gradient = name.includes('/moving_') ? undefined : gradients.shift()!;
  return start[i]!.map((_, j) => (gradient && Math.abs(gradient[j]!) < NOISE * largest ? 0 : 1));
});
const movement = (weights: readonly Float32Array[]) =>
  weights.map((values, i) => values.map((value, j) => compared[i]![j]! * (value - start[i]![j]!)));

const steps: TrajectoryStep[] = [];
for (let step = 0; step < 3; step++) {
  const { loss } = await model.trainOnBatch(images, labels);
  const losses = { ours: loss, theirs: peer.trainStep(images, labels) };
  const [ours, theirs] = [movement(dataOf(model)), movement(peer.weights)];
  const errors = names.map((name, i) => [name, distance(ours[i]!, theirs[i]!) / norm(theirs[i]!)]);
  steps.push({ losses, movement: Object.fromEntries(errors) });
}
const flat = compared.flatMap((flags) => [...flags]);
report({ steps, compared: flat.filter(Boolean).length / flat.length } satisfies TrajectoryReport);
