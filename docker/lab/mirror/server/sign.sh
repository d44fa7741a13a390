#!/bin/sh
# sign.sh FOLDER [KEY]: every suite below the folder is signed with the secret key in the file KEY (default: the lab's own
# for Debian, or the one that stands in for AMD's).
set -eu
case $1 in
    /srv/amd*) key=/etc/gpuhost-lab/amd-secret.asc ;;
    *) key=/etc/gpuhost-lab/apt-secret.asc ;;
esac
key=${2:-$key}
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill gpg-agent; rm -rf "$GNUPGHOME"' EXIT
gpg --batch --quiet --import "$key"
# Several at once: AMD's part has a suite for each release, system and trouble.
# shellcheck disable=SC2016 # the inner shell expands it
find "$1" -path '*/dists/*' -name Release -print0 \
    | xargs --null --no-run-if-empty --max-args=4 --max-procs="$(nproc)" sh -euc '
        for release; do
            folder=${release%/Release}
            gpg --batch --yes --quiet --clearsign --output "$folder/InRelease.new" "$release"
            gpg --batch --yes --quiet --armor --detach-sign --output "$folder/Release.gpg" "$release"
            # A client that asks "changed since?" must see each signature as another file, also within one second.
            before=$(stat -c %Y "$folder/InRelease" 2> /dev/null || echo 0)
            [ "$(date +%s)" -gt "$before" ] || touch -d "@$((before + 1))" "$folder/InRelease.new"
            mv "$folder/InRelease.new" "$folder/InRelease"
        done' sign
