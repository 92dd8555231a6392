#!/bin/sh
# Install what the tests need (servers from Debian's packages, a virtual environment), then run ruff,
# mypy and pytest. Arguments go to pytest.
#   VENV    the virtual environment to use or create (default: .venv)
#   PYTHON  the Python that creates it (default: python3)
#   LOWEST  if set, use the lowest versions of the run-time dependencies that pyproject.toml allows
set -eu
cd "$(dirname "$0")/.."
# The tests start the program many times; without compiled files each start takes several times as long.
unset PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED
venv=${VENV:-.venv}
python=${PYTHON:-python3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/qmpshell-tests
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo

need() { # PROGRAM PACKAGE: add the package to $missing if the program is not installed
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || missing="$missing $2"
}
missing=
need qemu-system-x86_64 qemu-system-x86
need qemu-storage-daemon qemu-utils
need qemu-img qemu-utils
need qemu-ga qemu-guest-agent
need fusermount3 fuse3
need less less
need jq jq
need ps procps
need socat socat
need groff groff-base
need mandoc mandoc
need zsh zsh
need fish fish
need sudo sudo
"$python" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
    $as_root apt-get update -q
    # shellcheck disable=SC2086 # a list of packages
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing
fi

# Debian 12 has QEMU 7.2. Unpack QEMU 10 from its backports beside it, without installing it. Later
# releases have QEMU 10 or newer, and the tests run on that one alone.
. /etc/os-release
if [ "${VERSION_CODENAME:-}" = bookworm ] && [ ! -x "$cache/qemu-10/usr/bin/qemu-system-x86_64" ]; then
    work=$cache/work
    rm -rf "$work"
    mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/root"
    # The mirror that this machine uses for the release itself.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' \
        "Codename: $VERSION_CODENAME" "Component: main" | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "${mirror:?apt has no source for $VERSION_CODENAME: run apt-get update}" \
        "$VERSION_CODENAME-backports main" >"$work/sources.list"
    echo "Dir::Etc::sourcelist \"$work/sources.list\";
        Dir::Etc::sourceparts \"-\";
        Dir::State::lists \"$work/lists\";
        Dir::Cache \"$work\";
        APT::Sandbox::User \"\";" >"$work/apt.conf"
    (
        cd "$work"
        export APT_CONFIG="$work/apt.conf"
        apt-get update -q
        apt-get download -q qemu-system-x86 qemu-system-common qemu-system-data qemu-utils \
            qemu-guest-agent
        for package in *.deb; do dpkg -x "$package" root; done
    )
    mv "$work/root" "$cache/qemu-10"
    rm -rf "$work"
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check ".[test]"
# The test directories need short names because the path of a socket has at most 107 bytes.
export TMPDIR=/tmp
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
if [ -n "${LOWEST:-}" ]; then
    # shellcheck disable=SC2046 # a list of requirements
    "$venv/bin/pip" install -q --disable-pip-version-check --no-deps --target "$directory/lowest" \
        $("$venv/bin/python" tests/lowest.py)
    export PYTHONPATH="$directory/lowest"
else # one version of each library is enough for these
    "$venv/bin/ruff" check .
    "$venv/bin/ruff" format --check .
    "$venv/bin/mypy"
fi
# Most tests wait for servers, so run more of them at a time than there are processors. The tests of a
# file share servers and parsed files if one process runs them.
"$venv/bin/pytest" -n $(($(getconf _NPROCESSORS_ONLN) * 2)) --dist worksteal --basetemp="$directory/t" "$@"
