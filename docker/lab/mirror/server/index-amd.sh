#!/bin/sh
# index-amd.sh: every suite of AMD's stand-ins below /srv/amd (a release.conf in dists/SUITE) has Packages and an unsigned
# Release; its packages lie in pool/SUITE.
set -eu
[ -d /srv/amd ] || exit 0
find /srv/amd -path '*/dists/*/release.conf' | while read -r conf; do
    folder=${conf%/release.conf}
    suite=${folder##*/}
    root=${folder%/dists/*}
    architectures=$(sed -n 's/^APT::FTPArchive::Release::Architectures "\(.*\)";$/\1/p' "$conf")
    cd "$root"
    for architecture in $architectures; do
        index=dists/$suite/main/binary-$architecture
        mkdir -p "$index"
        apt-ftparchive --arch "$architecture" packages "pool/$suite" > "$index/Packages"
        gzip --keep --force "$index/Packages"
    done
    apt-ftparchive --config-file "$conf" release "dists/$suite" > Release.new
    mv Release.new "dists/$suite/Release"
done
