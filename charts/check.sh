#!/bin/sh
# Checks the charts and the workflows. Argument: what `scenarios tools chart` prints (where helm and actionlint are).
set -eu
bin=$(printf '%s\n' "$1" | tail -n 1)
cd "$(dirname "$0")/.."

"$bin/helm" lint --quiet --strict charts/podmender charts/podmender-crds
for values in dev prod; do
    "$bin/helm" lint --quiet --strict charts/podmender -f "charts/podmender/values-$values.yaml"
done
if "$bin/helm" template podmender charts/podmender -n podmender --set 'rbac.namespaces={a,b}' | grep -n ClusterRole; then
    echo "the chart must not ask for cluster rights" >&2
    exit 1
fi
go -C charts/tests tool helm-unittest ../podmender ../podmender-crds
go -C charts/tests tool helm-docs --log-level warning --chart-search-root ..
git diff --exit-code -- charts || { echo "the chart's README is not what helm-docs makes of values.yaml: commit it" >&2; exit 1; }
"$bin/actionlint"
