import type { ResolvedDevice } from '../native/devices.js';

/** What a trial's result depends on besides its configuration: another engine gives other last digits. */
export interface Engine {
  /** Of the addon. */
  version: string;
  backend: string;
  compiler: string;
  /** CPU: the one in use. */
  instructionSet?: string;
  /** GPU: its kind. */
  gpu?: string;
  /** GPU: versions of cuDNN and the like. */
  libraries?: Readonly<Record<string, string>>;
}

/** An engine and how it rounds: all that two trials must share to be comparable bit for bit. */
export interface TrialEngine extends Engine {
  precision: 'fp32' | 'tf32';
}

/** The engine that trains on `device`. */
export function engineOf({ addon, description }: ResolvedDevice): Engine {
  const { backend, version, compiler, instructionSet, libraries } = addon.buildInfo();
  if (backend === 'cuda') return { version, backend, compiler, gpu: description, libraries: libraries ?? {} };
  return { version, backend, compiler, ...(instructionSet !== undefined && { instructionSet }) };
}

/** Whether both give the same bits. */
export function isSameEngine(a: TrialEngine, b: TrialEngine): boolean {
  return engineText(a) === engineText(b);
}

/** `cpu avx512, GNU 12.2.0, fp32, convsweep 0.1.0` */
export function engineText(engine: TrialEngine): string {
  const { version, backend, compiler, instructionSet, gpu, libraries = {}, precision } = engine;
  const kind = instructionSet ?? gpu;
  const versions = Object.entries(libraries).map(([name, text]) => `${name} ${text}`);
  const parts = [
    kind === undefined ? backend : `${backend} ${kind}`,
    compiler,
    ...versions,
    precision,
    `convsweep ${version}`,
  ];
  return parts.join(', ');
}

/** How to make other machines train with the engine `wanted`. */
export function engineRemedy({ instructionSet }: Engine): string {
  return instructionSet === undefined
    ? 'train on machines of one kind'
    : `CONVSWEEP_ISA=${instructionSet} makes every machine that can train as the others do`;
}
