#!/bin/sh
# sign.sh [KEY]: every suite is signed with the secret key in the file KEY (default: the lab's own).
set -eu
key=${1:-/etc/gpuhost-lab/apt-secret.asc}
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill gpg-agent; rm -rf "$GNUPGHOME"' EXIT
gpg --batch --quiet --import "$key"
for release in /srv/debian/dists/*/Release; do
    folder=${release%/Release}
    gpg --batch --yes --quiet --clearsign --output "$folder/InRelease.new" "$release"
    gpg --batch --yes --quiet --armor --detach-sign --output "$folder/Release.gpg" "$release"
    mv "$folder/InRelease.new" "$folder/InRelease"
done
