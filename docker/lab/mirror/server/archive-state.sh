#!/bin/sh
# archive-state.sh SUITE STATE: the suite of the lab's mirror of Debian is in a state of index-apt.sh, signed:
#   normal, newer_kernel (beside the one that hosts have), headers_rotated_away (only the newer one is there).
# Says the newer kernel's release.
set -eu
here=$(dirname "$0")
states=/srv/debian/dists/$1/.states
if [ ! -s "$states/next-release" ]; then
    echo "the mirror has no newer kernel for $1: either no host here has a kernel of its own, or Debian's security archive has none just now" >&2
    exit 1
fi
folder=/srv/debian/dists/$1/main/binary-amd64
cp "$states/$2" "$folder/Packages"
gzip --keep --force "$folder/Packages"
"$here/release-apt.sh" "$1"
"$here/sign.sh" "/srv/debian/dists/$1"
cat "$states/next-release"
