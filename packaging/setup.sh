# Shell functions shared by run-demo, run-tests and run-bench: packages and builds. Sourced, with
# ROOT set to the top of the tree.

packages() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$ROOT/packaging/debian-packages.txt"; }

missing_packages() {
  local name
  for name in $(packages); do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
  done
}

# Installs what is missing; without root says how and ends with 2.
need_packages() {
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  [ -z "$missing" ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "These Debian packages are missing. Install them, then run this again:" >&2
    echo "  sudo apt-get install -y --no-install-recommends $missing" >&2
    exit 2
  fi
  echo "installing: $missing"
  if ! { apt-get update -qq &&
         DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
           -o Dpkg::Use-Pty=0 $missing; } >/tmp/bipvault-apt.$$ 2>&1; then
    tail -20 /tmp/bipvault-apt.$$ >&2
    rm -f /tmp/bipvault-apt.$$
    echo "apt-get could not install: $missing" >&2
    exit 2
  fi
  rm -f /tmp/bipvault-apt.$$
}

# build DIR [cmake options...]: configures once and builds; prints the log only when it fails.
build() {
  local dir=$1 log
  shift
  log=$dir/build.log
  mkdir -p "$dir"
  local launcher=()
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  if ! { cmake -S "$ROOT" -B "$dir" -G Ninja "${launcher[@]}" "$@" && cmake --build "$dir"; } \
      >"$log" 2>&1; then
    grep -E 'error|Error|FAILED' "$log" | head -40 >&2
    echo "the build failed: $log" >&2
    exit 1
  fi
}
