#!/bin/sh
# release-apt.sh SUITE: the suite of the lab's mirror of Debian has an unsigned Release for the indexes that lie there now.
set -eu
cd "/srv/debian/dists/$1"
apt-ftparchive \
    -o "APT::FTPArchive::Release::Origin=gpuhost-lab" \
    -o "APT::FTPArchive::Release::Label=gpuhost lab mirror of Debian" \
    -o "APT::FTPArchive::Release::Suite=$1" \
    -o "APT::FTPArchive::Release::Codename=$1" \
    -o "APT::FTPArchive::Release::Architectures=amd64" \
    -o "APT::FTPArchive::Release::Components=main non-free-firmware" \
    release . > ../Release.new
mv ../Release.new Release
