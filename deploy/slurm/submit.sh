#!/bin/sh
# Submits a sweep to Slurm as three jobs: the plan, an array of its trials, and their merger once all have ended well.
#
#   ./submit.sh OUT TRIALS [options of convsweep sweep]
#
#   OUT     the sweep's folder, on a file system that all nodes see
#   TRIALS  how many trials the options make: 81 without any
#
# In the environment, all optional:
#   DATA       folder of IDX files, instead of the embedded digits
#   PER_TASK   trials that a task of the array trains, side by side where it has the cores (default 1). On GPUs one trial
#              leaves most of the card idle: SBATCH_GRES=gpu:1 PER_TASK=27 DEVICE=cuda ./submit.sh ...
#   DEVICE     cpu or cuda (default: auto)
#   CONVSWEEP  how to call convsweep where it is not on the PATH
#   SBATCH_*   what sbatch takes: SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT, SBATCH_GRES, ...
#
# The plan is a job too, so that it names the engine of the nodes that train. Where nodes differ, give them one
# partition, or CONVSWEEP_ISA=avx2 for all.
set -eu
[ $# -ge 2 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$1 trials=$2
shift 2
step=$(dirname "$0")/sweep.sbatch
per_task=${PER_TASK:-1}
tasks=$(((trials + per_task - 1) / per_task))
device=${DEVICE:-auto}
set -- sweep --plan --out "$out" --device "$device" "$@"
plan=$(sbatch --parsable "$step" "$@" ${DATA:+--data "$DATA"})
array=$(sbatch --parsable --dependency="afterok:$plan" --array="1-$tasks" --cpus-per-task="$per_task" \
  "$step" trial --array "$per_task" --out "$out" --device "$device" ${DATA:+--data "$DATA"})
merge=$(sbatch --parsable --dependency="afterok:$array" "$step" merge "$out" ${DATA:+--data "$DATA"})
echo "plan $plan, trials $array ($tasks tasks), merge $merge"
