#!/bin/sh
# Delete Jobs of Kubernetes, each given as namespace/name.
for job; do
  kubectl delete job "${job#*/}" --namespace="${job%%/*}" --wait=false &
done
wait
