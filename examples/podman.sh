#!/bin/sh
# The classic recipe with rootless Podman: nobody is root.
#
#   examples/podman.sh rootfs.ext4 [CONTAINER-IMAGE]
#
# `podman unshare` enters the namespaces that Podman's containers are made in. A mount that is made there shows the
# containers' own ids: what their root creates belongs to root in the image, what they give to 1000 belongs to 1000.
# PODMAN may hold options, as `podman --runtime runc`.

set -eu

image=$1 base=${2:-debian:bookworm}
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p mnt
# shellcheck disable=SC2016 # what is in quotes is for the shell inside
${PODMAN:-podman} unshare sh -euc '
    liveroot create "$1" --size 1G
    liveroot mount "$1" mnt --allow-other
    trap "liveroot umount mnt" EXIT
    ${PODMAN:-podman} run --rm -i --network=none ${PODMAN_RUN:-} \
        -v "$PWD/mnt:/my-rootfs" -v "$PWD/packages:/packages:ro" "$2" sh <"$3"
    trap - EXIT
    liveroot umount mnt
' sh "$image" "$base" "$here/setup.sh"
