/** Keras' logs of an epoch; the `val_` ones are there when `fit` was given validation data. */
export interface Logs {
  loss: number;
  accuracy: number;
  val_loss?: number;
  val_accuracy?: number;
}

/** A quantity of {@link Logs} to watch. */
export type Monitor = keyof Logs;

/** What callbacks may do with the model in training. */
export interface TrainingModel {
  /** Set to true by a callback: training ends after this epoch. */
  stopTraining: boolean;
  /** Writes the whole model as Keras HDF5, through a temporary name. */
  save(path: string): Promise<void>;
  /** A copy of weights, moving statistics and optimizer state. */
  snapshot(): ModelSnapshot;
  restore(snapshot: ModelSnapshot): void;
}

/** Opaque state of a model at one moment. */
export type ModelSnapshot = { readonly __snapshot: unique symbol } | object;

/**
 * Hooks into `fit`, called in the order of the `callbacks` array (Keras' order), History after them, the progress
 * display last. Epochs count from 0, as in Keras. A returned promise is awaited.
 */
export interface Callback {
  /** The entry of the logs that this callback cannot do without; `fit` refuses to start where there will be none. */
  readonly monitor?: Monitor;
  onTrainBegin?(model: TrainingModel): void | Promise<void>;
  onEpochBegin?(epoch: number): void | Promise<void>;
  onEpochEnd?(epoch: number, logs: Logs): void | Promise<void>;
  onTrainEnd?(): void | Promise<void>;
}
