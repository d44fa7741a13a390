#!/bin/sh
# index-apt.sh SUITE...: every suite below /srv/debian/dists has Packages and an unsigned Release; where the mirror has
# kernels, also the index of each of its other states (archive-state.sh).
set -eu
here=$(dirname "$0")
cd /srv/debian
for suite in "$@"; do
    for component in main non-free-firmware; do
        folder=dists/$suite/$component/binary-amd64
        mkdir -p "$folder" "dists/$suite/pool/$component"
        apt-ftparchive packages "dists/$suite/pool/$component" > "$folder/Packages"
        gzip --keep --force "$folder/Packages"
    done
    now=dists/$suite/main/binary-amd64/Packages
    states=dists/$suite/.states
    if [ -d "dists/$suite/pool-next" ]; then
        mkdir -p "$states"
        apt-ftparchive packages "dists/$suite/pool-next/main" > "$states/next"
        sed -n 's/^Package: linux-image-\([0-9].*\)$/\1/p' "$states/next" > "$states/next-release"
        cp "$now" "$states/normal"
        cat "$now" "$states/next" > "$states/newer_kernel"
        # What Debian does some weeks after a kernel has been replaced: it and its headers are gone.
        awk 'BEGIN { RS = ""; ORS = "\n\n" } !/^Package: linux-(image|headers|kbuild|compiler)-/' "$now" \
            | cat - "$states/next" > "$states/headers_rotated_away"
    fi
    "$here/release-apt.sh" "$suite"
done
