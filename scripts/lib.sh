# Shared by the scripts: where caches lie, and how what is missing gets installed.
# shellcheck shell=bash
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CACHE="${EGGMONEY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/eggmoney}"
# Build output and packages live outside the clone, so that a second clone starts warm.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CACHE/target}"
export npm_config_cache="${npm_config_cache:-$CACHE/npm}"
mkdir -p "$CACHE"

step() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

need() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_install PACKAGE...: installs what dpkg does not know yet.
apt_install() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  need apt-get || fail "please install: ${missing[*]}"
  [ "$(id -u)" = 0 ] || need sudo || fail "missing: ${missing[*]}. Run 'apt-get install ${missing[*]}' as root, then start this again"
  step "Installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

require_tools() {
  need cargo || fail "Rust is missing: install rustup and the toolchain named in Cargo.toml (rust-version)"
  need node || fail "Node.js 20 or newer is missing"
  [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || fail "Node.js $(node --version) is too old: install 20 or newer"
  need npm || fail "npm is missing"
  need git || apt_install git
  need cc || apt_install gcc libc6-dev
  need cc || fail "no C compiler is in the PATH: the package gcc is installed, but there is no 'cc'"
}

# The UI's packages, installed once per lock file into the cache and linked from there.
ui_packages() {
  local key folder
  key="$(sha256sum "$ROOT/ui/package-lock.json" | cut -c1-16)"
  folder="$CACHE/ui-$key"
  if [ ! -f "$folder/.complete" ]; then
    step "Installing the UI's packages"
    rm -rf "$folder" && mkdir -p "$folder"
    cp "$ROOT/ui/package.json" "$ROOT/ui/package-lock.json" "$folder/"
    [ -f "$ROOT/ui/.npmrc" ] && cp "$ROOT/ui/.npmrc" "$folder/"
    # Not `npm ci`: it refuses a lock file without the optional packages of other platforms.
    (cd "$folder" && npm install --no-audit --no-fund --loglevel=error >&2)
    touch "$folder/.complete"
  fi
  rm -rf "$ROOT/ui/node_modules"
  if ! cp -al "$folder/node_modules" "$ROOT/ui/node_modules" 2>/dev/null; then
    # No hard links between file systems. The failed attempt leaves folders, into which a copy would go.
    rm -rf "$ROOT/ui/node_modules"
    cp -a "$folder/node_modules" "$ROOT/ui/node_modules"
  fi
}

# Builds ui/dist unless it was built from these very sources.
ui_build() {
  local key
  key="$(cd "$ROOT/ui" && git ls-files -co --exclude-standard . | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -c1-16)"
  if [ -d "$CACHE/dist-$key" ]; then
    rm -rf "$ROOT/ui/dist" && cp -a "$CACHE/dist-$key" "$ROOT/ui/dist"
    return 0
  fi
  ui_packages
  step "Building the UI"
  (cd "$ROOT/ui" && npm run --silent build >&2)
  # Copied beside and renamed: a copy that was interrupted must not pass for a whole one.
  local beside="$CACHE/dist-$key.partial.$$"
  rm -rf "$beside"
  cp -a "$ROOT/ui/dist" "$beside"
  # Another clone may have been first with the same content.
  mv -T "$beside" "$CACHE/dist-$key" 2>/dev/null || rm -rf "$beside"
}
