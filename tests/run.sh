#!/bin/sh
# Everything that the tests need, and then the tests: servers from Debian's packages, a virtual
# environment, the package with its test extra, ruff, mypy, pytest.
# Arguments go to pytest. VENV names the environment (default: .venv here).
set -eu
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/qmpshell-tests
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo

need() { # PROGRAM PACKAGE: note the package if the program is not there
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || missing="$missing $2"
}
missing=
need qemu-system-x86_64 qemu-system-x86
need qemu-storage-daemon qemu-utils
need qemu-img qemu-utils
need qemu-ga qemu-guest-agent
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
    $as_root apt-get update -q
    # shellcheck disable=SC2086 # a list of packages
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing
fi

# QEMU 10 beside the system's, unpacked and not installed. apt gets lists of its own for that.
if [ ! -x "$cache/qemu-10/usr/bin/qemu-system-x86_64" ]; then
    rm -rf "$cache/work"
    mkdir -p "$cache/work/lists/partial" "$cache/work/archives/partial" "$cache/work/root"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "http://deb.debian.org/debian bookworm-backports main" >"$cache/work/sources.list"
    echo "Dir::Etc::sourcelist \"$cache/work/sources.list\";
        Dir::Etc::sourceparts \"-\";
        Dir::State::lists \"$cache/work/lists\";
        Dir::Cache \"$cache/work\";
        APT::Sandbox::User \"\";" >"$cache/work/apt.conf"
    (
        cd "$cache/work"
        export APT_CONFIG="$cache/work/apt.conf"
        apt-get update -q
        apt-get download -q qemu-system-x86 qemu-system-common qemu-system-data qemu-utils \
            qemu-guest-agent
        for package in *.deb; do dpkg -x "$package" root; done
    )
    mv "$cache/work/root" "$cache/qemu-10"
    rm -rf "$cache/work"
fi

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check ".[test]"
"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check .
"$venv/bin/mypy"
# Most tests wait for servers: one more at a time than there are processors. Their folders have short
# names, as the path of a socket has at most 107 bytes.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$venv/bin/pytest" -n $(($(getconf _NPROCESSORS_ONLN) + 1)) --basetemp="$folder/t" "$@"
