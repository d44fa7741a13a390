#!/bin/bash
# The mirror: signs its archives with the lab's keys and serves until the first of its servers ends.
set -eu
for tree in /srv/debian /srv/amd; do
    [ ! -d "$tree" ] || /usr/local/lib/gpuhost-lab/sign.sh "$tree"
done
address=$(hostname --ip-address | cut -d' ' -f1)
trap 'kill $(jobs -p)' TERM INT
# Answers for the mirror alone; every other name does not exist, at once.
dnsmasq --keep-in-foreground --no-resolv --no-hosts --user=root --port=53 \
    --host-record="gpuhost-lab-mirror,$address" '--address=/#/' &
docker-registry serve /etc/gpuhost-lab/registry.yml &
nginx -g 'daemon off;' &
wait -n
