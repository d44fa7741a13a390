#!/bin/bash
# The mirror: signs its archive with the lab's key and serves until the first of its servers ends.
set -eu
/usr/local/lib/gpuhost-lab/sign.sh
address=$(hostname --ip-address | cut -d' ' -f1)
trap 'kill $(jobs -p)' TERM INT
# Answers for the mirror alone; every other name does not exist, at once.
dnsmasq --keep-in-foreground --no-resolv --no-hosts --user=root --port=53 \
    --host-record="gpuhost-lab-mirror,$address" '--address=/#/' &
docker-registry serve /etc/gpuhost-lab/registry.yml &
nginx -g 'daemon off;' &
wait -n
