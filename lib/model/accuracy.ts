/**
 * The most probable class of each image, the first one of equals.
 * @param probabilities `n x classes`, row-major
 */
export function predictedClasses(probabilities: Float32Array, classes: number): Uint8Array {
  return Uint8Array.from({ length: probabilities.length / classes }, (_, row) => {
    let best = 0;
    for (let i = 1; i < classes; i++) {
      if (probabilities[row * classes + i]! > probabilities[row * classes + best]!) best = i;
    }
    return best;
  });
}

/** Keras' Accuracy metric: hits / images, both as float32. */
export function accuracyOf(labels: Uint8Array, predictions: Uint8Array): number {
  const hits = labels.reduce((count, label, i) => count + (label === predictions[i] ? 1 : 0), 0);
  return Math.fround(Math.fround(hits) / Math.fround(labels.length));
}
