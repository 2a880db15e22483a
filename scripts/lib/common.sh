# Shared by the scripts: finding the project, installing what is missing, saying what happens. Source it.

set -eu

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/liveroot
mkdir -p "$CACHE"

if [ -t 1 ]; then
    BOLD=$(printf '\033[1m') DIM=$(printf '\033[2m') PLAIN=$(printf '\033[0m')
else
    BOLD='' DIM='' PLAIN=''
fi

say() { printf '%s== %s%s\n' "$BOLD" "$*" "$PLAIN"; }
note() { printf '%s   %s%s\n' "$DIM" "$*" "$PLAIN"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

# as_root COMMAND...: runs it as root, directly or through sudo; fails where neither works.
as_root() {
    if is_root; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

# want PROGRAM PACKAGE [PROGRAM PACKAGE]...: installs the packages of the programs that are missing.
# What cannot be installed is named; whoever needs it will say so, or be skipped.
want() {
    missing=
    while [ $# -gt 1 ]; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
        shift 2
    done
    [ -n "$missing" ] || return 0
    missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
    note "installing $missing"
    command -v apt-get >/dev/null 2>&1 || { note "no apt-get: please install $missing"; return 0; }
    # A package at a time on failure: one that this release lacks must not keep out the others.
    export DEBIAN_FRONTEND=noninteractive
    {
        as_root apt-get update -qq || true
        as_root apt-get install -qq -y --no-install-recommends $missing ||
            for package in $missing; do
                as_root apt-get install -qq -y --no-install-recommends "$package" || true
            done
    } >"$CACHE/apt.log" 2>&1
    for package in $missing; do
        dpkg -s "$package" >/dev/null 2>&1 || note "could not install $package (see $CACHE/apt.log)"
    done
}

# open_fuse: lets users open /dev/fuse, as distributions ship it; bare machines and containers may not.
open_fuse() {
    [ ! -c /dev/fuse ] || [ "$(stat -c %a /dev/fuse)" = 666 ] || {
        note "letting users open /dev/fuse (chmod 666)"
        as_root chmod 666 /dev/fuse || note "could not change /dev/fuse"
    }
}

# want_build: what it takes to compile.
want_build() {
    # e2fsprogs and mount live in sbin, which is not in every user's path.
    PATH=$PATH:/usr/sbin:/sbin
    export PATH
    want cc gcc
    command -v cargo >/dev/null 2>&1 || PATH=$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
    command -v cargo >/dev/null 2>&1 || die "Rust is missing: install it with rustup or your distribution's packages"
}

# from_crates PROGRAM VERSION: installs a program that Rust is the way to get, into $CACHE/tools/bin; says so where
# that fails. Not optimised, which takes half the time: such programs have little to do.
from_crates() {
    [ ! -x "$CACHE/tools/bin/$1" ] || return 0
    note "installing $1"
    (cd "$CACHE" && CARGO_TARGET_DIR=$CACHE/tools/build cargo install --quiet --locked --debug --root "$CACHE/tools" "$1" \
        --version "$2") >"$CACHE/$1.log" 2>&1 || note "could not install $1 (see $CACHE/$1.log)"
    rm -rf "$CACHE/tools/build"
}

# target_dir: where cargo puts what it builds.
target_dir() {
    printf '%s\n' "${CARGO_TARGET_DIR:-$ROOT/target}"
}

# tmp_dir: a temporary directory that goes with the script; sets TMP.
tmp_dir() {
    TMP=$(mktemp -d "${TMPDIR:-/tmp}/liveroot-$(basename "$0").XXXXXX")
    trap 'clean_up' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# clean_up: unmounts what is still mounted below TMP, and deletes it.
clean_up() {
    [ -n "${TMP:-}" ] || return 0
    while read -r _ point _; do
        case $point in
            "$TMP"/*) umount "$point" 2>/dev/null || fusermount3 -u "$point" 2>/dev/null || umount -l "$point" || true ;;
        esac
    done </proc/mounts
    rm -rf --one-file-system "$TMP"
}
