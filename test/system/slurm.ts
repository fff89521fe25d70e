import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, totalmem } from 'node:os';
import { join } from 'node:path';

const PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue'];

/** Why a cluster cannot be started here; undefined where it can. */
export function withoutSlurm(): string | undefined {
  const missing = PROGRAMS.find((program) => spawnSync('which', [program]).status !== 0);
  if (missing) return `${missing} is missing: apt-get install slurm-wlm`;
  return process.getuid?.() === 0 ? undefined : 'it must be started by root';
}

/** A cluster of this machine alone. */
export class SlurmCluster {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  /** Starts it. @param folder for its files, empty */
  constructor(folder: string, ports: [controller: number, node: number]) {
    this.#folder = folder;
    for (const name of ['run', 'state', 'spool', 'log']) mkdirSync(join(folder, name));
    const host = hostname().split('.')[0];
    const at = (name: string) => join(folder, name);
    writeFileSync(at('munge.key'), randomBytes(32), { mode: 0o400 });
    writeFileSync(
      at('slurm.conf'),
      `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${at('run/munge.sock')}
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('run/slurmctld.pid')}
SlurmdPidFile=${at('run/slurmd.pid')}
SlurmctldLogFile=${at('log/slurmctld.log')}
SlurmdLogFile=${at('log/slurmd.log')}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
ReturnToService=2
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
NodeName=${host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=${Math.min(3000, Math.floor(totalmem() / 2 ** 21))} State=UNKNOWN
PartitionName=all Nodes=${host} Default=YES MaxTime=INFINITE State=UP
`,
    );
    this.#env = { ...process.env, SLURM_CONF: at('slurm.conf') };
    execFileSync('munged', [
      '--force',
      `--key-file=${at('munge.key')}`,
      `--socket=${at('run/munge.sock')}`,
      `--pid-file=${at('run/munged.pid')}`,
      `--log-file=${at('log/munged.log')}`,
      `--seed-file=${at('run/seed')}`,
    ]);
    execFileSync('slurmctld', { env: this.#env });
    execFileSync('slurmd', { env: this.#env });
  }

  /** What a command of the cluster prints. */
  run(command: string, args: readonly string[], env: Record<string, string> = {}): string {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: this.#folder,
      env: { ...this.#env, ...env },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Resolves when no job is left. */
  async idle(): Promise<void> {
    while (this.run('squeue', ['--noheader']) !== '')
      await new Promise((resolve) => setTimeout(resolve, 200));
  }

  stop(): void {
    for (const daemon of ['slurmd', 'slurmctld', 'munged']) {
      process.kill(Number(readFileSync(join(this.#folder, 'run', `${daemon}.pid`), 'utf8')), 'SIGTERM');
    }
  }
}
