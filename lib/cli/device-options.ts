import type { Command } from 'commander';
import type { DeviceName, Precision } from '../native/devices.js';
import { choice, deviceName, integer, sweepDeviceName } from './option-parsers.js';

/**
 * Adds the options that choose what runs a model, and how exactly.
 * @param options `all`: whether it may be all GPUs
 */
export function withDevice(command: Command, { all = false } = {}): Command {
  const described = all ? 'auto, cpu, cuda, cuda:<index> or cuda:all' : 'auto, cpu, cuda or cuda:<index>';
  return command
    .option('--device <name>', described, all ? sweepDeviceName : deviceName, 'auto')
    .option(
      '--precision <name>',
      'auto, fp32 or tf32: of convolutions and matrix products (auto: tf32 on a GPU, as in Keras)',
      choice('--precision', ['auto', 'fp32', 'tf32']),
      'auto',
    )
    .option(
      '--threads <n>',
      'on the CPU: the most threads that work on one model (default: all cores)',
      integer('--threads'),
    );
}

/** What `withDevice` read, as a model takes it. */
export interface DeviceOptions {
  device: DeviceName;
  precision: Precision;
  threads?: number;
}

/** Those of `options` that a model takes. */
export function modelOptions({ device, precision, threads }: DeviceOptions): DeviceOptions {
  return { device, precision, ...(threads !== undefined && { threads }) };
}
