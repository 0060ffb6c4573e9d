#!/bin/sh
# Prepare a machine for hgesim; the Makefile calls this.
#   setup.sh system   install what the system lacks (ngspice, ld, ensurepip) by apt, as root or by sudo
#   setup.sh local    unpack the same packages into .venv/ngspice, without root
#   setup.sh venv     make .venv and install hgesim with its Python packages into it
# Each step looks first and does nothing where nothing is missing.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
sudo= private= download=
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say() { echo "setup: $*"; }
die() { say "$*" >&2; exit 1; }

# --- looking -----------------------------------------------------------------------------------------------------

# "none", "plain" or "osdi" (loads compiled Verilog-A), by trial because version numbers do not tell
engine() {
    deck=$(mktemp)
    printf '%s\n' '* probe' 'v1 n 0 1' 'r1 n 0 1k' '.control' 'osdi none.osdi' 'op' 'print v(n)' 'quit' '.endc' '.end' >"$deck"
    answer=$("${HGESIM_NGSPICE:-ngspice}" -n -b "$deck" 2>&1 </dev/null) || true
    rm -f "$deck"
    case $answer in
        *'osdi: no such command'*'v(n) = 1'*) echo plain ;;
        *'v(n) = 1'*) echo osdi ;;
        *) echo none ;;
    esac
}

has_library() { [ -n "${NGSPICE_LIBRARY_PATH:-}" ] || /sbin/ldconfig -p | grep -q libngspice; }

has_pip() { [ -x .venv/bin/python ] && [ -x .venv/bin/pip ]; }

is_bookworm() { [ "$(. /etc/os-release && echo "${ID:-} ${VERSION_CODENAME:-}")" = 'debian bookworm' ]; }

check_python() {
    command -v "$PYTHON" >/dev/null || die "there is no $PYTHON: install Python 3.11 or newer or name one: make PYTHON=/path/to/python3"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "hgesim needs Python 3.11 or newer, $PYTHON is $("$PYTHON" -V 2>&1): install a newer one beside it, then make PYTHON=python3.11"
}

# names of the Debian packages that are missing; the 39 of Debian 12 has its successor in backports
missing_packages() {
    from=
    ! is_bookworm || from=/bookworm-backports
    found=$(engine)
    if [ "$found" = plain ]; then
        if is_bookworm && [ -z "${HGESIM_NGSPICE:-}" ] && [ "$(command -v ngspice)" = /usr/bin/ngspice ]; then
            found=none
        else
            say 'this ngspice has no OSDI: dopant bonds will run 3 to 5 times slower' >&2
        fi
    fi
    [ "$found" != none ] || echo "ngspice$from"
    [ "$found" != none ] && has_library || echo "libngspice0$from"
    command -v ld >/dev/null || echo binutils
    has_pip || "$PYTHON" -c 'import ensurepip' 2>/dev/null ||
        "$PYTHON" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])'
}

# --- apt ---------------------------------------------------------------------------------------------------------

apt() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 $private "$@" </dev/null >>"$log" 2>&1; }

backports_file=/etc/apt/sources.list.d/hgesim-backports.sources

write_backports() {
    printf '%s\n' 'Types: deb' "URIs: $1" 'Suites: bookworm-backports' 'Components: main' \
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' | $sudo tee "$backports_file" >/dev/null
}

# has_backports: apt knows only what it has the lists of
has_backports() { apt-get $private indextargets --format '$(RELEASE)' | grep -qx bookworm-backports; }

# apt_install PACKAGE...: with the lists as they are, else with fresh ones
apt_install() {
    mirror=
    case $* in
        */bookworm-backports*)
            has_backports || apt update || true
            if ! has_backports; then
                mirror=$(apt-get $private indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' |
                    sed -n 's,^bookworm main \(http.*/debian/*\)$,\1,p' | head -n 1)
                write_backports "${mirror:=http://deb.debian.org/debian/}"
            fi ;;
    esac
    install="install -y --no-install-recommends $download"
    apt $install "$@" && return
    : >"$log"
    apt update || true # a broken source of somebody else's must not stop it
    apt $install "$@" && return
    if [ -n "$mirror" ] && grep -q 'bookworm-backports Release' "$log"; then # that mirror carries no backports
        write_backports http://deb.debian.org/debian/
        : >"$log"
        apt update || true
        apt $install "$@" && return
    fi
    [ -z "$mirror" ] || $sudo rm -f "$backports_file"
    ! grep -qE 'Could not (resolve|connect)|Temporary failure|Network is unreachable|timed out' "$log" ||
        die "apt cannot reach its mirrors for $*: check the network, then run make again"
    die "apt could not install $*: $(sed -n 's/^E: //p' "$log" | head -n 1)"
}

# --- the three steps ---------------------------------------------------------------------------------------------

setup_system() {
    has_pip || check_python
    case $(uname) in
        Darwin)
            [ "$(engine)" != none ] || die 'ngspice is missing: brew install ngspice libngspice'
            return ;;
    esac
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || die "missing, by the names of Debian: ${missing}- install them with this system's package manager"
    if [ "$(id -u)" != 0 ]; then
        sudo=sudo
        command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; } ||
            die "missing: ${missing}- no root and no sudo here: run make engine-local, which unpacks them into .venv, or have root install them"
    fi
    say "installing by apt: $missing"
    apt_install $missing
    [ "$(engine)" != none ] || die "$(command -v ngspice || echo ngspice) does not work: see what ngspice -b says"
}

setup_local() {
    check_python
    command -v apt-get >/dev/null || die 'this needs apt-get: on other systems set HGESIM_NGSPICE to an ngspice of your own'
    home=$PWD/.venv/ngspice
    case $home in *[[:space:]]*) die "apt cannot work in a folder with a space in its name: $PWD" ;; esac
    missing=$(missing_packages | sed 's/^python3.*-venv$/python3-pip-whl/' | tr '\n' ' ')
    [ -n "$missing" ] || { say 'nothing is missing'; return; }
    say "unpacking into .venv/ngspice: $missing"
    [ -x .venv/bin/python ] || "$PYTHON" -m venv --without-pip .venv

    # apt with the machine's sources and keys, but with state and cache of its own
    mkdir -p "$home/apt/lists/partial" "$home/apt/archives/partial"
    cp -r /etc/apt/sources.list /etc/apt/sources.list.d "$home/apt" 2>/dev/null || true
    mkdir -p "$home/apt/sources.list.d"
    backports_file=$home/apt/sources.list.d/hgesim-backports.sources
    private="-o Dir::State=$home/apt -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache=$home/apt
        -o Dir::Etc::sourcelist=$home/apt/sources.list -o Dir::Etc::sourceparts=$home/apt/sources.list.d
        -o Debug::NoLocking=true -o APT::Sandbox::User=$(id -un)"
    download=--download-only
    apt_install $missing
    for package in "$home"/apt/archives/*.deb; do dpkg -x "$package" "$home"; done
    rm -rf "$home/apt"

    libraries=$(echo "$home"/usr/lib/*-linux-gnu*)
    for tool in ngspice ld; do
        [ -e "$home/usr/bin/$tool" ] || continue
        cat >".venv/bin/$tool" <<WRAPPER
#!/bin/sh
export SPICE_SCRIPTS=$home/usr/share/ngspice/scripts
export LD_LIBRARY_PATH=$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
exec $home/usr/bin/$tool "\$@"
WRAPPER
        chmod +x ".venv/bin/$tool"
    done
    spinit=$home/usr/share/ngspice/scripts/spinit
    if [ -e "$spinit" ]; then
        sed "s,/usr/lib/,$home/usr/lib/,; s,num_threads=8,num_threads=1," "$spinit" >"$spinit.new" && mv "$spinit.new" "$spinit"
    fi

    # read by the Makefile and by .venv/bin/activate
    {
        [ ! -e .venv/bin/ngspice ] || echo "export HGESIM_NGSPICE=$PWD/.venv/bin/ngspice"
        [ ! -e "$spinit" ] || echo "export SPICE_SCRIPTS=$(dirname "$spinit")"
        [ ! -e "$libraries/libngspice.so.0" ] || echo "export NGSPICE_LIBRARY_PATH=$libraries/libngspice.so.0"
        # libngspice in process needs it; without it on the machine nothing else can mind
        [ ! -e "$libraries/libgomp.so.1" ] || echo "export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    } >"$home/env"
    grep -q ngspice/env .venv/bin/activate || echo ". $home/env" >>.venv/bin/activate
    has_pip || for wheel in "$home"/usr/share/python-wheels/pip-*.whl; do
        .venv/bin/python "$wheel/pip" --disable-pip-version-check -q install --no-index "$wheel"
    done
    say 'done; now make demo, or . .venv/bin/activate for work by hand'
}

setup_venv() {
    has_pip || { check_python; say "making .venv with $("$PYTHON" -V)"; "$PYTHON" -m venv .venv; }
    say 'installing hgesim and its Python packages into .venv (some minutes the first time)'
    .venv/bin/python -m pip --disable-pip-version-check -q install -e '.[gf180,osdi,study,dev]' >.venv/pip.log 2>&1 && return
    ! grep -qE 'connection broken|Max retries|timed out' .venv/pip.log ||
        die 'pip cannot reach its package index: check the network, then run make again (details: .venv/pip.log)'
    die "pip failed: $(grep -E '^(ERROR| *[A-Za-z]+Error): ' .venv/pip.log | tail -n 1) (details: .venv/pip.log)"
}

case ${1:-} in
    system) setup_system ;;
    local) setup_local ;;
    venv) setup_venv ;;
    *) die 'one of: system, local, venv' ;;
esac
