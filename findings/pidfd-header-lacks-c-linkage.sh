#!/usr/bin/env bash
# glibc 2.36 (Debian 12): <sys/pidfd.h> declares pidfd_open and its sisters without C linkage. A C program that includes it links; the same
# program as C++ compiles and does not link, since the compiler looks for a C++ name that the library does not have.
# Seen 2026-11-28: "undefined reference to `pidfd_open(int, unsigned int)'". Calls by syscall(2) work in both.
#
# Ends with 0 as long as that is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
version=$(dpkg-query -W -f='${Version}' libc6-dev)
case $version in 2.36-*) ;; *) echo "this is about glibc 2.36, here is $version" >&2; exit 2 ;; esac
cat >"$directory/try.c" <<'C'
#include <sys/pidfd.h>
#include <unistd.h>

int main(void) { return pidfd_open(getpid(), 0) < 0; }
C
cp "$directory/try.c" "$directory/try.cc"
cc -o "$directory/c" "$directory/try.c"
"$directory/c"
echo "glibc $version: as C it links and runs"
if g++ -o "$directory/cc" "$directory/try.cc" 2>"$directory/said"; then
  echo "as C++ it links, too"
  exit 1
fi
grep -m1 "pidfd_open(int, unsigned int)" "$directory/said" | sed 's/^.*try/try/'
