/** A run as Markdown. */
import { counted, fastest, type Measured, type Results, shareOfPeak, speedOf, trialsOf } from './results.js';
import { type Summary, summarise } from './statistics.js';

type Cell = string | number;

export function report(results: Results): string {
  return [
    machineText(results),
    '### Speed',
    speedTable(results),
    ...ratioSection(results),
    '### A whole trial',
    trialTable(results),
    '### Memory',
    memoryTable(results),
    '### Around the kernels',
    aroundText(results),
  ].join('\n\n');
}

function machineText({ machine, peak, date, job, settings, missing }: Results): string {
  const lines = [
    `${date}: ${machine.processor}, ${machine.cores} cores, ${gigabytes(machine.memoryBytes)} of memory; ${machine.system}, Node ${machine.node}, ${machine.compiler}.`,
    `FMA peak: ${digits(peak.best.oneThread)} GFLOP/s on one thread; on two ${digits(peak.twoThreads.median)} (median; ${range(peak.twoThreads)}).`,
    `Job: ${integer(job.train)} training and ${integer(job.validation)} validation images, batches of ${job.batchSize}, dense widths ${job.widths.join(', ')}; early stopping looks from epoch ${job.startFromEpoch + 1} on.`,
    ...lossText(settings),
    ...missing.map(({ setting, reason }) => `Not measured: ${setting} (${reason}).`),
  ];
  return lines.map((line) => `- ${line}`).join('\n');
}

/** Equal losses show that all did the same work; rounding alone moves them by a percent. */
function lossText(settings: Measured[]): string[] {
  const first = settings.flatMap(({ slices: [slice] }) => (slice?.loss === undefined ? [] : [slice]));
  const over = (key: 'loss' | 'valLoss') => range(summarise(first.map((slice) => slice[key]!)));
  return [
    `Losses after the first epoch, over all settings that train whole epochs: training ${over('loss')}, validation ${over('valLoss')}.`,
  ];
}

function speedTable({ settings, flopsPerImage }: Results): string {
  const notes: string[] = [];
  const rows = settings.map((measured) => {
    const percent = (quantity: 'training' | 'inference') =>
      `${digits(100 * shareOfPeak(measured, quantity, flopsPerImage[quantity]))} %`;
    const used = counted(measured.slices);
    const disturbed = used.every((slice) => !slice.undisturbed);
    if (measured.note) notes.push(`${measured.product}, ${measured.name}: ${measured.note}`);
    return [
      measured.version,
      measured.name,
      spread(speedOf(measured, 'training'), integer),
      spread(speedOf(measured, 'inference'), integer),
      spread(speedOf(measured, 'modelEpoch'), digits),
      percent('training'),
      percent('inference'),
      `${disturbed ? 0 : used.length} of ${measured.slices.length}`,
    ];
  });
  const header = [
    '',
    'setting',
    'training images/s',
    'inference images/s',
    's per model-epoch',
    'training, of the peak',
    'inference, of the peak',
    'slices',
  ];
  return [
    table(header, rows),
    'Medians with the lowest and highest. Counted are the slices in which the machine gave its peak before and after ("5 of 7"; where it never did, "0 of 7", all). Part of the peak: the dense arithmetic of the images, had it been done, over the FMA peak of as many threads in the same slices.',
    ...notes,
  ].join('\n\n');
}

/** Each peer in its best setting against this package on as many cores. */
function ratioSection({ settings }: Results): string[] {
  const ours = settings.filter(({ product }) => product === 'convsweep');
  const peers = [...new Set(settings.map(({ product }) => product))].filter(
    (product) => product !== 'convsweep',
  );
  if (peers.length === 0 || ours.length === 0) return [];
  const sets = [...new Set(ours.map(({ instructionSet }) => instructionSet))];
  const rows = peers.map((product): Cell[] => {
    const peer = fastest(settings.filter((measured) => measured.product === product))!;
    const rivals = sets.map(
      (set) => ours.find((measured) => measured.instructionSet === set && measured.cores === peer.cores)!,
    );
    const [best] = rivals as [Measured];
    const quicker = (rival: Measured) =>
      times(speedOf(peer, 'modelEpoch').median / speedOf(rival, 'modelEpoch').median);
    const more = (quantity: 'training' | 'inference') =>
      times(speedOf(best, quantity).median / speedOf(peer, quantity).median);
    const peerTrial = fastestTrial(settings.filter((measured) => measured.product === product));
    const ourTrial = fastestTrial(
      ours.filter(({ instructionSet }) => instructionSet === best.instructionSet),
    );
    const trial =
      peerTrial && ourTrial ? times(trialsOf(peerTrial).perTrial / trialsOf(ourTrial).perTrial) : '';
    return [product, peer.name, ...rivals.map(quicker), more('training'), more('inference'), trial];
  });
  const header = [
    'peer',
    'its best setting',
    ...sets.map((set) => `model-epoch, ${set}`),
    'training',
    'inference',
    'whole trial',
  ];
  return [
    '### How many times faster than its peers',
    table(header, rows),
    `Ratios of the medians above, on as many cores; the last three columns with ${sets[0]}. Whole trials: each side in the setting that finishes most.`,
  ];
}

function fastestTrial(candidates: readonly Measured[]): Measured | undefined {
  const timed = candidates.filter(({ trials }) => trials.length > 0);
  return timed.toSorted((a, b) => trialsOf(a).perTrial - trialsOf(b).perTrial)[0];
}

function trialTable({ settings }: Results): string {
  const rows = settings
    .filter(({ trials }) => trials.length > 0)
    .map((measured): Cell[] => {
      const { each, perTrial, epochs, accuracy } = trialsOf(measured);
      return [
        measured.version,
        measured.name,
        spread(each, digits),
        digits(perTrial),
        Number(epochs.toFixed(1)),
        accuracy.toFixed(4),
      ];
    });
  return table(['', 'setting', 's', 's per finished trial', 'epochs', 'accuracy'], rows);
}

function memoryTable({ settings }: Results): string {
  const rows = settings.map(({ version, name, memory }): Cell[] => [
    version,
    name,
    memory.perTrial === undefined ? '' : megabytes(memory.perTrial),
    megabytes(memory.process),
  ]);
  return table(['', 'setting', 'each further trial in flight', 'process'], rows);
}

function aroundText({ firstStep, aroundKernels }: Results): string {
  const lines = [
    `From import to the end of the first training step: ${spread(firstStep.sinceImport, digits)} s; from the start of the process ${spread(firstStep.sinceStart, digits)} s (the digits are read in between).`,
  ];
  if (aroundKernels) {
    const { engine, javaScript, otherThreads, waiting, idle, trials, jobs, epochs, seconds } = aroundKernels;
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    lines.push(
      `Where the cores' time goes in a sweep (${trials} trials, ${jobs} at a time, ${epochs} epochs in ${digits(seconds)} s, while both cores have work): the engine's threads ${percent(engine)}, JavaScript ${percent(javaScript)}, other threads ${percent(otherThreads)}, waiting for a core ${percent(waiting)}, idle ${percent(idle)}.`,
    );
  }
  return lines.map((line) => `- ${line}`).join('\n');
}

function table(header: Cell[], rows: Cell[][]): string {
  const line = (cells: Cell[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function spread(summary: Summary, format: (value: number) => string): string {
  return summary.count === 1
    ? format(summary.median)
    : `${format(summary.median)} (${range(summary, format)})`;
}

function range({ min, max }: Summary, format = digits): string {
  return `${format(min)} to ${format(max)}`;
}

/** Three significant digits. */
function digits(value: number): string {
  return value >= 100 ? integer(value) : value.toPrecision(3);
}

function integer(value: number): string {
  return Math.round(Number(value.toPrecision(4))).toLocaleString('en-US');
}

function times(ratio: number): string {
  return `${digits(ratio)} x`;
}

function megabytes(bytes: number): string {
  return `${digits(bytes / 1e6)} MB`;
}

function gigabytes(bytes: number): string {
  return `${digits(bytes / 2 ** 30)} GiB`;
}
