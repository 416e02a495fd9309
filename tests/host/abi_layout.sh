#!/bin/sh
# Proves that the border's headers are C11 and C++20 without a warning, each by itself, and that
# their layout is the written-down one. Arguments: C compiler, C++ compiler, include folder.
set -u
cc=$1 cxx=$2 include=$3
here=$(cd "$(dirname "$0")" && pwd)
flags="-pedantic -Wall -Wextra -Werror -fsyntax-only -I$include -I$here"
failed=0 done=0

check() {
  done=$((done + 1))
  "$@" || { failed=$((failed + 1)); echo "failed: $*" >&2; }
}

for header in $(cd "$include" && find . -name '*.h' | sort); do
  check "$cc" -std=c11 $flags -x c "$include/$header"
  check "$cxx" -std=c++20 $flags -x c++ "$include/$header"
done
[ $done -gt 0 ] || { echo "no header in $include" >&2; exit 1; }
check "$cc" -std=c11 $flags "$here/abi_layout_c.c"
check "$cxx" -std=c++20 $flags "$here/abi_layout_cxx.cpp"
echo "$done compilations, $failed failed"
[ $failed -eq 0 ]
