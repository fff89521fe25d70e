/**
 * Train and sweep small convolutional networks. See README.md for a tour; every export is documented where it is
 * defined.
 * @packageDocumentation
 */

export type { Adam } from './architecture/adam.js';
export {
  type Activation,
  type ActivationSpec,
  type BatchNormalizationSpec,
  type Conv2DSpec,
  type DenseSpec,
  type DropoutSpec,
  type FlattenSpec,
  type LayerSpec,
  layers,
  type MaxPooling2DSpec,
  type Padding,
  type RescalingSpec,
  type Size2D,
} from './architecture/layers.js';
export type { NamedLayerSpec, ParameterCounts } from './architecture/resolve-layers.js';
export type { NamedWeight } from './architecture/weights.js';
export { Dataset, type DatasetSource, type ImageStore } from './data/dataset.js';
export { datasetInfo } from './data/dataset-info.js';
export { loadDigits } from './data/digits.js';
export {
  type DownloadedFile,
  type DownloadOptions,
  type DownloadProgress,
  downloadMnist,
} from './data/download.js';
export type { Shuffle } from './data/epoch-plan.js';
export { type FittedImage, fitImage } from './data/fit-image.js';
export { type IdxOptions, loadIdx } from './data/idx-folder.js';
export type { Division, Origin } from './data/origin.js';
export { type RgbaImage, readPng } from './data/png-image.js';
export { renderDigit } from './data/render-digit.js';
export { holdout, type NotebookSplit, notebookSplit, type Split, type SplitOptions } from './data/splits.js';
export { divideSixToOne, type TrainTest } from './data/train-test.js';
export { ConvsweepError, type ErrorCode } from './errors.js';
export { type ExportFormat, exportModel } from './formats/export.js';
export type { ExportableModel } from './formats/exportable-model.js';
export { type InferenceOptions, Model, type ModelOptions, sequential } from './model/model.js';
export { type NotebookModelOptions, notebookModel } from './model/notebook.js';
export type { NativeBuildInfo, NativeDevice, NativePrecision } from './native/contract.js';
export { type DeviceName, devices, type Precision, type SweepDeviceName } from './native/devices.js';
export { type BackendStatus, backends, memory } from './native/loading.js';
export { type BestModelReports, writeBestModelReports } from './report/best-model-reports.js';
export { architectureDiagram, type Layered, modelDot } from './report/diagram.js';
export { digitPng } from './report/digit-png.js';
export {
  type ClassificationReport,
  type ClassMetrics,
  classificationReport,
  formatClassificationReport,
} from './report/evaluation/classification-report.js';
export { confusionMatrix, formatConfusionMatrix } from './report/evaluation/confusion-matrix.js';
export { writeEvaluation } from './report/evaluation/evaluation-folder.js';
export { evaluationText } from './report/evaluation/evaluation-text.js';
export {
  evaluateModel,
  type Misclassified,
  type ModelEvaluation,
} from './report/evaluation/model-evaluation.js';
export { plotTraining, type Quantity, type TrainingRun } from './report/plots.js';
export { svgToPng } from './report/svg-to-png.js';
export type { ReportEvaluation, ReportExtras, ReportMistake, SweepReport } from './report/sweep-report.js';
export { bestTrialRun, type SweepExtent, trialRun } from './report/trial-run.js';
export { rebuildReport, type WrittenReport, writeReport } from './report/write-report.js';
export type { BuildContext, Builder, BuiltModel } from './sweep/builder.js';
export type { SplitConfig, SweepConfig } from './sweep/config.js';
export type { Engine, TrialEngine } from './sweep/engine.js';
export type { SweepEvent } from './sweep/events.js';
export type { SweepResult } from './sweep/finish-sweep.js';
export { type Grid, type GridPoint, type GridValue, type NotebookGrid, notebookGrid } from './sweep/grid.js';
export { type MergeOptions, mergeSweep } from './sweep/merge-sweep.js';
export type { SweepOptions } from './sweep/options.js';
export { planSweep } from './sweep/plan-sweep.js';
export type { SweepProgress } from './sweep/progress.js';
export { type Protocol, protocolSplits } from './sweep/protocol.js';
export { type WorkerOptions, worker } from './sweep/queue/worker.js';
export type { Run } from './sweep/run.js';
export { type SweepRun, sweep } from './sweep/sweep.js';
export { trainPlanned } from './sweep/train-planned.js';
export type { DivergedTrial, FinishedTrial, SweepSplit, Trial, TrialRecord } from './sweep/trial.js';
export { unseenImages } from './sweep/unseen.js';
export type { Callback, Logs, ModelSnapshot, Monitor, TrainingModel } from './training/callback.js';
export { type EarlyStopping, type EarlyStoppingOptions, earlyStopping } from './training/early-stopping.js';
export type { FitOptions } from './training/fit-options.js';
export type { EpochHistory, History } from './training/history.js';
export {
  type ModelCheckpoint,
  type ModelCheckpointOptions,
  modelCheckpoint,
} from './training/model-checkpoint.js';
export type { MonitorMode } from './training/monitor.js';
export type { Verbosity } from './training/progress-bar.js';
export type { StartEpoch } from './training/start-epoch.js';
export type { Metrics } from './training/trainer.js';
