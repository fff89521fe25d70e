/**
 * `0.9840`: an accuracy for people. Models' results are float32, as Keras' are; the same share as a float64, such as
 * 3899/4000, may be on the other side of a rounding's tie.
 */
export function accuracyText(accuracy: number): string {
  return Math.fround(accuracy).toFixed(4);
}
