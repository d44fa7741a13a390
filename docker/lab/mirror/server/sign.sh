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
    # A client that asks "changed since?" must see each signature as another file, also within one second.
    before=$(stat -c %Y "$folder/InRelease" 2> /dev/null || echo 0)
    [ "$(date +%s)" -gt "$before" ] || touch -d "@$((before + 1))" "$folder/InRelease.new"
    mv "$folder/InRelease.new" "$folder/InRelease"
done
