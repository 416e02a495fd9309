# Shell functions shared by run-demo, run-tests and run-bench: packages and builds. Sourced, with
# ROOT set to the top of the tree.

packages() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$ROOT/packaging/debian-packages.txt"; }

# A name that another package provides is not missing: nodejs of its makers has npm in it.
missing_packages() {
  packages | sort | comm -23 - <(
    dpkg-query -W -f='${db:Status-Status}\t${Package}, ${Provides}\n' |
      sed -n 's/^installed\t//p' | tr ',' '\n' | sed -e 's/(.*//' -e 's/ //g' | sort -u)
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
  if ! { cmake -S "$ROOT" -B "$dir" -G Ninja "${launcher[@]}" "$@" &&
         cmake --build "$dir"; } >"$log" 2>&1; then
    grep -E 'error|Error|FAILED' "$log" | head -40 >&2
    echo "the build failed: $log" >&2
    exit 1
  fi
}

# The JavaScript packages of the end-to-end tests. Without them those tests fail, and say why.
need_node_modules() {
  "$ROOT/packaging/node-modules" "$1" || echo "the tests that need node-smpp will fail" >&2
}
