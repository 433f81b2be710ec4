# Building for a NAS: an old C library, and another processor. Sourced after lib.sh.
# shellcheck shell=bash

ZIG=0.17.0 ZIGBUILD=0.24.0
# The oldest C library of a supported DSM (7.0).
GLIBC=2.26

# The linker and the old C library's interface come from PyPI, into a folder of their own.
cross_tools() {
  local venv="$CACHE/zig-$ZIG-$ZIGBUILD"
  if [ ! -f "$venv/.complete" ]; then
    step "Installing the cross linker"
    rm -rf "$venv" && python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "ziglang==$ZIG" "cargo-zigbuild==$ZIGBUILD"
    touch "$venv/.complete"
  fi
  export PATH="$venv/bin:$PATH"
}

# The standard library for the target: rustup's, or where rustup cannot fetch it Debian's compiler with
# the libraries for both architectures, unpacked side by side.
rust_for() {
  local target="$1"
  [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] && return 0
  need rustup && rustup target add "$target" >/dev/null 2>&1 && return 0
  [ "$target" = aarch64-unknown-linux-gnu ] || fail "rustup has no library for $target"
  debian_rust
}

debian_rust() {
  local root="$CACHE/debian-rust" folder="$CACHE/debian-rust-packages"
  if [ ! -f "$root/.complete" ]; then
    need apt-get && need dpkg || fail "rustup cannot fetch the library for aarch64, and this is no Debian that has one"
    step "Unpacking Debian's compiler for aarch64"
    dpkg --print-foreign-architectures | grep -qx arm64 || { as_root dpkg --add-architecture arm64; as_root apt-get update -qq; }
    rm -rf "$root" "$folder" && mkdir -p "$root" "$folder"
    local version
    version="$(apt-cache madison rustc-web | awk 'NR == 1 { print $3 }')"
    [ -n "$version" ] || fail "Debian's packages rustc-web are not to be had here"
    # The compiler itself lies in a library whose package bears the version in its name.
    local library llvm
    library="$(apt-cache depends "libstd-rust-web-dev=$version" | awk '$2 ~ /^libstd-rust-web-[0-9]/ { print $2; exit }')"
    llvm="$(apt-cache depends "$library=$version" | awk '$2 ~ /^libllvm/ { print $2; exit }')"
    (cd "$folder" && apt-get download -qq "rustc-web=$version" "$library=$version" "$llvm" "libstd-rust-web-dev=$version" "libstd-rust-web-dev:arm64=$version")
    for package in "$folder"/*.deb; do dpkg -x "$package" "$root"; done
  fi
  RUSTC="$(find "$root/usr" -path '*bin/rustc*' -type f | sort | head -n 1)"
  export RUSTC LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  "$RUSTC" --version >&2 || fail "Debian's compiler does not run"
  touch "$root/.complete"
}

# Nothing in the program tells where it was built, so that two clones give the same bytes.
remap() {
  local home="${CARGO_HOME:-$HOME/.cargo}"
  printf '%s' "--remap-path-prefix=$ROOT=/eggmoney --remap-path-prefix=$home=/cargo --remap-path-prefix=$CARGO_TARGET_DIR=/target --remap-path-prefix=$HOME=/home"
}

# cross_build ARCH release|dev: leaves the path of the program in BUILT.
cross_build() {
  local target="$1-unknown-linux-gnu" folder=release
  local flags=(--locked --bin eggmoney --target "$target.$GLIBC")
  [ "$2" = dev ] && folder=debug || flags+=(--release)
  step "Building for $1 ($2)"
  # With symbols: what is checked is exactly what is then stripped.
  (
    rust_for "$target"
    SOURCE_DATE_EPOCH=1577836800 CARGO_PROFILE_RELEASE_STRIP=none CARGO_INCREMENTAL=0 \
      CFLAGS="-ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=/cargo" RUSTFLAGS="${RUSTFLAGS:-} $(remap)" \
      cargo zigbuild "${flags[@]}"
  )
  BUILT="$CARGO_TARGET_DIR/$target/$folder/eggmoney"
}
