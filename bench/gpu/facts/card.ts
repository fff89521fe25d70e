import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The GPUs of this machine. */
export interface Card {
  description: string;
  /** Of all of them, as CMake names architectures: `90-real`. Undefined where nothing tells. */
  architectures: string | undefined;
}

/** What the driver's files are called where it has a card. */
const DEVICES = ['/dev/nvidia0', '/dev/dxg'];

/** The card, or why there is none. */
export async function findCard(): Promise<Card | string> {
  try {
    const description = await query('name');
    const capabilities = await query('compute_cap').catch(() => '');
    const architectures = new Set(
      capabilities.match(/\d+\.\d+/g)?.map((text) => `${text.replace('.', '')}-real`),
    );
    return { description, architectures: [...architectures].join(';') || undefined };
  } catch (error) {
    if (DEVICES.some(existsSync)) return { description: 'unknown', architectures: undefined };
    const { code, stdout, message } = error as Error & { code?: string; stdout?: string };
    if (code === 'ENOENT') return 'there is neither nvidia-smi nor /dev/nvidia0';
    return `nvidia-smi: ${(stdout || message).trim().split('\n')[0]}`;
  }
}

/** A property of all GPUs, between semicolons. @throws Error where there is no driver or no GPU */
async function query(property: string): Promise<string> {
  const args = [`--query-gpu=${property}`, '--format=csv,noheader'];
  const { stdout } = await execute('nvidia-smi', args, { timeout: 20_000 });
  const lines = stdout.trim().split('\n');
  if (lines[0] === '' || /no devices/i.test(stdout)) throw Object.assign(new Error('no devices'), { stdout });
  return lines.join('; ');
}
