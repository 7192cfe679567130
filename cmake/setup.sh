# Sourced by ./run and ./check: installs what is missing, builds quietly, and does next to nothing when there is
# nothing to do. Expects `root`, the project's folder; `name`, for messages.

build_packages=(
    build-essential g++ cmake ninja-build pkg-config
    libseccomp-dev protobuf-c-compiler libprotobuf-c-dev libspng-dev libdw-dev
    libmupdf-dev libmujs-dev libgumbo-dev libopenjp2-7-dev libjbig2dec0-dev libjpeg-dev
    libharfbuzz-dev libfreetype-dev zlib1g-dev
    liblitehtml-dev libmd4c-dev libmd4c-html0-dev
    libwebp-dev
    fonts-liberation
)

# Beyond those, for the static checks: 44 MB to fetch.
check_packages=(clang-tidy cppcheck python3)

say()
{
    echo "$name: $*" >&2
}

# Runs a command with its output in a log, shown only when the command fails.
quietly()
{
    local log=$1
    shift
    "$@" >"$log" 2>&1 && return
    local status=$?
    cat "$log" >&2
    say "failed: $* (this log: $log)"
    return "$status"
}

# missing_packages PACKAGE…: those that are not installed, a line each.
missing_packages()
{
    comm -13 \
        <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u) \
        <(printf '%s\n' "$@" | sort -u)
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -- "$@"
    fi
}

# A machine may never have run `apt-get update`, or long ago: it is run only when an installation fails without it.
apt_install()
{
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends
               -o DPkg::Lock::Timeout=300 install "$@")
    as_root "${apt[@]}" || { as_root apt-get update && as_root "${apt[@]}"; }
}

install_packages()
{
    local missing log
    if ! command -v dpkg-query >/dev/null; then
        say "no Debian packages here; what has to be there by other means: $*"
        return 0
    fi
    mapfile -t missing < <(missing_packages "$@")
    if [ ${#missing[@]} -eq 0 ]; then
        return 0
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        say "missing packages, and neither root nor sudo to install them: apt-get install ${missing[*]}"
        return 3
    fi
    say "installing ${missing[*]}"
    log=$(mktemp "${TMPDIR:-/tmp}/$name-install.XXXXXX")
    quietly "$log" apt_install "${missing[@]}" || return 3
    rm -f "$log"
    reconfigure=yes # CMake left out what it had not found
}

reconfigure=no

# is_up_to_date FOLDER TARGET…
is_up_to_date()
{
    [ "$reconfigure" = no ] && [ -e "$1/build.ninja" ] &&
        [ "$(ninja -C "$1" -n "${@:2}" 2>/dev/null | tail -n +2)" = 'ninja: no work to do.' ]
}

# build_preset PRESET FOLDER TARGET…: configures where that was never done, and builds what has changed.
build_preset()
{
    local preset=$1 folder=$2 lock
    shift 2
    is_up_to_date "$folder" "$@" && return
    mkdir -p "$folder" || return 3
    # Two at once would trip over each other; the second finds nothing left to do.
    exec {lock}>"$folder/.lock" || return 3
    flock "$lock"
    say "building ($preset)"
    umask 022 # renderers run as nobody when root runs the broker
    if [ "$reconfigure" = yes ] || [ ! -e "$folder/build.ninja" ]; then
        (cd "$root" && quietly "$folder/configure.log" cmake --preset "$preset") || return 3
    fi
    quietly "$folder/build.log" ninja -C "$folder" "$@" || return 3
    exec {lock}>&-
}
