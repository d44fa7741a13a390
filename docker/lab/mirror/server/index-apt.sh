#!/bin/sh
# index-apt.sh SUITE...: every suite below /srv/debian/dists has Packages and an unsigned Release.
set -eu
cd /srv/debian
for suite in "$@"; do
    for component in main non-free-firmware; do
        folder=dists/$suite/$component/binary-amd64
        mkdir -p "$folder" "dists/$suite/pool/$component"
        apt-ftparchive packages "dists/$suite/pool/$component" > "$folder/Packages"
        gzip --keep --force "$folder/Packages"
    done
    (
        cd "dists/$suite"
        apt-ftparchive \
            -o "APT::FTPArchive::Release::Origin=gpuhost-lab" \
            -o "APT::FTPArchive::Release::Label=gpuhost lab mirror of Debian" \
            -o "APT::FTPArchive::Release::Suite=$suite" \
            -o "APT::FTPArchive::Release::Codename=$suite" \
            -o "APT::FTPArchive::Release::Architectures=amd64" \
            -o "APT::FTPArchive::Release::Components=main non-free-firmware" \
            release . > ../Release.new
        mv ../Release.new Release
    )
done
