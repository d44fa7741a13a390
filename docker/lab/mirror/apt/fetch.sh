#!/bin/sh
# fetch.sh ARCHIVE SUITE "COMPONENTS" PACKAGE...: the packages, and what they depend on beyond this image, lie in
# /srv/debian/dists/SUITE/pool/COMPONENT/.
set -eu
archive=$1 suite=$2 components=$3
shift 3
pool=/srv/debian/dists/$suite/pool
echo "deb $archive $suite $components" > /etc/apt/sources.list
apt-get update -qq

# Each for itself: packages that exclude one another are all fetched, and each finds all it needs.
for package in "$@"; do
    apt-get install --yes -qq --no-install-recommends --print-uris "$package" >> /uris
    apt-get install --yes -qq --no-install-recommends --download-only "$package"
done

for component in $components; do mkdir -p "$pool/$component"; done
# Lines are: 'http://…/pool/COMPONENT/…/file' file size digest
sort -u /uris | while read -r uri file _rest; do
    component=${uri#*/pool/}
    mv "/var/cache/apt/archives/$file" "$pool/${component%%/*}/$file"
done
