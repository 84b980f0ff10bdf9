#!/usr/bin/env bash
# glibc 2.36 (Debian 12): a program that posix_spawn starts finds signals 32 and 33 ignored, and hands that on to all that it starts. The
# caller ignores none of them and asks for every signal's default action (POSIX_SPAWN_SETSIGDEF with a filled set). A program that is
# started by fork and exec finds none ignored. 32 and 33 belong to glibc's threads; who compares SigIgn with 0 sees a difference.
# Seen 2026-11-28: fork "SigIgn 0000000000000000", posix_spawn "SigIgn 0000000180000000".
#
# Ends with 0 as long as that is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
version=$(dpkg-query -W -f='${Version}' libc6)
case $version in 2.36-*) ;; *) echo "this is about glibc 2.36, here is $version" >&2; exit 2 ;; esac
cat >"$directory/try.c" <<'C'
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  char* words[] = {"grep", "SigIgn", "/proc/self/status", NULL};
  for (int number = 1; number < 65; ++number) signal(number, SIG_DFL);
  fputs("fork         ", stdout);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execvp(words[0], words);
    _exit(1);
  }
  waitpid(child, NULL, 0);
  fputs("posix_spawn  ", stdout);
  fflush(stdout);
  posix_spawnattr_t attributes;
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  char* environment[] = {"PATH=/usr/bin:/bin", NULL};
  if (posix_spawnp(&child, words[0], NULL, &attributes, words, environment) != 0) return 1;
  waitpid(child, NULL, 0);
  return 0;
}
C
cc -o "$directory/try" "$directory/try.c"
said=$("$directory/try")
echo "glibc $version"
echo "$said"
grep -qE '^fork .*0000000000000000$' <<<"$said"
grep -qE '^posix_spawn .*0000000180000000$' <<<"$said"
