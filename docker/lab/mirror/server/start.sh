#!/bin/bash
# The mirror: signs its archives with the lab's keys and serves until the first of its servers ends.
set -eu
/usr/local/lib/gpuhost-lab/sign.sh /srv/debian
# AMD's part has many suites, and what it holds never changes: signed once.
key=$(sha256sum < /etc/gpuhost-lab/amd-secret.asc)
if [ -d /srv/amd ] && [ "$(cat /etc/gpuhost-lab/amd-signed 2> /dev/null)" != "$key" ]; then
    /usr/local/lib/gpuhost-lab/sign.sh /srv/amd
    echo "$key" > /etc/gpuhost-lab/amd-signed
fi
# The hosts and their containers reach it by IPv4; it may have an address of the other kind too.
address=$(hostname --all-ip-addresses | tr ' ' '\n' | grep --max-count=1 --fixed-strings .)
trap 'kill $(jobs -p)' TERM INT
# Answers for the mirror alone, which is a registry of models as well; every other name does not exist, at once.
dnsmasq --keep-in-foreground --no-resolv --no-hosts --user=root --port=53 \
    --host-record="gpuhost-lab-mirror,$address" --host-record="registry.ollama.ai,$address" '--address=/#/' &
docker-registry serve /etc/gpuhost-lab/registry.yml &
nginx -g 'daemon off;' &
wait -n
