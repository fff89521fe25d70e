/**
 * Makes each system call of a sweep on its folder fail, in turn: the process is killed in it, it fails with EIO, ENOSPC
 * or EACCES, a read or write moves half, or the disk is full from there on.
 * `node calls.js PRELOAD.so [STEP] [OFFSET]`: only every STEP-th call
 */
import { existsSync, readFileSync } from 'node:fs';
import { type Case, runCases } from './report.js';
import { type Reference, SWEEP_NAMES, Victim } from './victim.js';

const KINDS = ['kill', 'EIO', 'ENOSPC', 'EACCES', 'short', 'full'] as const;

const [preload, step = 1, offset = 0] = [process.argv[2]!, ...process.argv.slice(3).map(Number)];

/** The calls of a sweep that nothing happens to, one a line. */
async function listCalls(reference: Reference): Promise<string[]> {
  const victim = new Victim(reference);
  const log = victim.beside('calls');
  await victim.run({ env: { LD_PRELOAD: preload, FAULT_ROOT: victim.out, FAULT_LOG: log } });
  const calls = readFileSync(log, 'utf8').trimEnd().split('\n');
  victim.remove();
  return calls;
}

async function failAt(reference: Reference, number: number, kind: (typeof KINDS)[number]): Promise<string[]> {
  const victim = new Victim(reference);
  const struck = victim.beside('struck');
  const fault = { FAULT_ROOT: victim.out, FAULT_KIND: kind, FAULT_AT: String(number), FAULT_STRUCK: struck };
  try {
    const ended = await victim.run({ env: { LD_PRELOAD: preload, ...fault } });
    const faults = victim.faultsOfFiles();
    if (!existsSync(struck)) faults.push('the call was not made');
    if (kind === 'kill' && ended.signal !== 'SIGKILL') faults.push('it was not killed');
    if (kind === 'short' && ended.code !== 0) faults.push(`it ended with ${ended.code}: ${ended.stderr}`);
    if (kind !== 'kill') faults.push(...victim.faultsOfError(ended));
    return [...faults, ...(await victim.faultsAfterResume())];
  } finally {
    victim.remove();
  }
}

const cases: Case[] = [];
for (const name of SWEEP_NAMES) {
  const reference = await Victim.reference(name);
  const calls = await listCalls(reference);
  for (const [k, kind] of KINDS.entries()) {
    const concerned = calls.filter((call) => kind !== 'short' || / p?(read|write)/.test(call));
    for (const call of concerned.filter((_, i) => i % step === (offset + k) % step)) {
      const number = Number(call.split(' ')[0]);
      cases.push({
        name: `${name}, ${kind} in call ${call.trim()}`,
        run: () => failAt(reference, number, kind),
      });
    }
  }
}
await runCases('failing system calls', cases);
