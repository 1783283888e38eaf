#!/bin/sh
# Say what has become of a Slurm job: running, success or failed. While Slurm does not answer, a job is running.
told=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1)
if [ $? -ne 0 ]; then
  case $told in
    *"Invalid job id"*) told= ;; # forgotten, as it ended long ago
    *) echo running; exit ;;
  esac
fi
if [ -z "$told" ]; then
  told=$(sacct --noheader --allocations --parsable2 --format=State --jobs="$1" 2>/dev/null | head -n 1)
fi
case $told in
  COMPLETED) echo success ;;
  PENDING | CONFIGURING | RUNNING | COMPLETING | STAGE_OUT | SUSPENDED | STOPPED | REQUEUED | RESIZING | PREEMPTED) echo running ;;
  *) echo failed ;;
esac
