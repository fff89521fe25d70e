import type { Dataset } from '../../data/dataset.js';
import { predictedClasses } from '../../model/accuracy.js';
import type { InferenceOptions, Model } from '../../model/model.js';
import { type ClassificationReport, classificationReport } from './classification-report.js';
import { confusionMatrix } from './confusion-matrix.js';

/** An image whose most probable class is not its own. */
export interface Misclassified {
  /** In the images that were looked at, from 0. */
  position: number;
  /** In the whole data set, from 0: what `convsweep data show` takes. */
  index: number;
  /** The true class. */
  label: number;
  predicted: number;
  /** Of the predicted class. */
  probability: number;
  /** Of the true class. */
  labelProbability: number;
}

/** How good a model is on images; plain data, as evaluation.json holds it. */
export interface ModelEvaluation {
  /** How the model is called. */
  model: string;
  /** The name of the images. */
  data: string;
  /** How many they are. */
  images: number;
  loss: number;
  accuracy: number;
  /** By true class (row) and predicted class (column). */
  confusionMatrix: number[][];
  report: ClassificationReport;
  /** The most confident first, of equals the first image. */
  misclassified: Misclassified[];
}

/**
 * Runs a model over labelled images, in inference mode.
 * @param name how the evaluation calls the model
 * @param images the class of each is compared with the most probable one
 * @throws ConvsweepError `SHAPE_MISMATCH` when the images or their classes are not the model's, `ABORTED`
 */
export async function evaluateModel(
  name: string,
  model: Model,
  images: Dataset,
  options: InferenceOptions = {},
): Promise<ModelEvaluation> {
  const { loss, accuracy } = await model.evaluate(images, options);
  const probabilities = await model.predict(images, options);
  const labels = images.labels();
  const predictions = predictedClasses(probabilities, model.classes);
  const matrix = confusionMatrix(labels, predictions, model.classes);
  const probability = (position: number, label: number) => probabilities[position * model.classes + label]!;
  const misclassified = [...labels.keys()]
    .filter((position) => predictions[position] !== labels[position])
    .map((position) => ({
      position,
      index: images.rows[position]!,
      label: labels[position]!,
      predicted: predictions[position]!,
      probability: probability(position, predictions[position]!),
      labelProbability: probability(position, labels[position]!),
    }))
    .sort((a, b) => b.probability - a.probability || a.position - b.position);
  return {
    model: name,
    data: images.name,
    images: images.size,
    loss,
    accuracy,
    confusionMatrix: matrix,
    report: classificationReport(matrix),
    misclassified,
  };
}
