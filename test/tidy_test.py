#!/usr/bin/python3
"""The rules of the house are enforced: what tools/tidy and tools/purity must find, and what they must leave alone."""

import importlib.machinery
import importlib.util
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load(path):
    loader = importlib.machinery.SourceFileLoader(os.path.basename(path), path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


tidy = load(os.path.join(ROOT, "tools", "tidy"))


class TidyTest(unittest.TestCase):
    def wrong(self, name, line):
        return tidy.check(name, "#pragma once\n" + line + "\n")

    def test_every_folder_is_known(self):
        folders = {"src/" + f for f in os.listdir(os.path.join(ROOT, "src")) if os.path.isdir(os.path.join(ROOT, "src", f))}
        for folder in folders | {"src/consensus/raft", "src/consensus/paxos", "api", "sim", "fuzz", "bench", "test"}:
            self.assertEqual(tidy.layer_of(folder.removeprefix("src/") + "/x.cc"), folder.removeprefix("src/"))
        self.assertTrue(self.wrong("src/new/x.cc", ""))

    def test_banned_calls_are_found_outside_their_folder(self):
        for line in ("auto t = std::chrono::steady_clock::now();", "::clock_gettime(CLOCK_REALTIME, &t);", "auto t = std::time(nullptr);", "auto t = time(0);",
                     "if (fork() == 0) return;", "auto pid = ::fork();", "execvp(a, b);", "::system(x);", "posix_spawn(a);",
                     "int fd = ::open(path, 0);", "int fd = openat(d, path, 0);", "auto* f = std::fopen(p, m);", "auto* f = fopen(p, m);",
                     "int s = ::socket(1, 2, 3);", "std::thread t;", "pthread_create(a);", "std::random_device d;", "::usleep(5);", "#include <fstream>",
                     "#include <fcntl.h>", "#include <sys/un.h>", "#include <ctime>", "#include <lmdb.h>", "#include <nghttp2/nghttp2.h>", "#include <openssl/ssl.h>"):
            for name in ("src/base/x.cc", "src/consensus/paxos/x.cc", "src/store/x.cc", "src/replica/x.cc", "sim/x.cc", "src/cli/x.cc"):
                self.assertEqual(len(self.wrong(name, line)), 1, f"{name}: {line}")
        for line in ("auto t = std::chrono::steady_clock::now();", "::clock_gettime(CLOCK_BOOTTIME, &t);", "int fd = ::open(path, 0);", "std::thread t;", "int s = ::socket(1, 2, 3);"):
            self.assertEqual(self.wrong("src/io/x.cc", line), [])

    def test_what_only_looks_like_it_is_left_alone(self):
        for line in ("auto wal = Wal::open(disk);", "stream->open();", "if (!open()) return;", "void time(Instant at);", "out.time(at);", "Random fork() { return random; }",
                     "auto child = random.fork();", "// fork() is what the system has", "listener.bind(x);", "bool operator()(time_t);"):
            self.assertEqual(self.wrong("src/replica/x.cc", line), [], line)

    def test_a_folder_includes_only_what_it_may_know(self):
        for name, included in (("src/consensus/paxos/x.cc", "consensus/raft/raft.hh"), ("src/consensus/raft/x.cc", "io/loop.hh"), ("src/base/x.cc", "io/loop.hh"),
                               ("src/store/x.cc", "io/reactor.hh"), ("src/replica/x.cc", "http/server.hh"), ("src/io/x.cc", "host/log.hh"), ("sim/x.cc", "cell/cell.hh"),
                               ("sim/x.cc", "json/gateway.hh"), ("src/http/x.cc", "tls/network.hh"), ("src/etcd/x.cc", "cell/cell.hh"), ("src/store/x.cc", "sim/world.hh"), ("fuzz/x.cc", "cli/cli.hh"),
                               ("src/peers/x.cc", "nowhere/x.hh")):
            self.assertEqual(len(self.wrong(name, f'#include "{included}"')), 1, f"{name}: {included}")
        for name, included in (("src/replica/x.cc", "consensus/paxos/paxos.hh"), ("src/store/x_test.cc", "sim/world.hh"), ("sim/x.cc", "replica/replica.hh"),
                               ("fuzz/x.cc", "peers/frame.hh"), ("src/cli/x.cc", "cell/cell.hh"), ("src/store/x.cc", "api/etcd/rpc.pb.h")):
            self.assertEqual(self.wrong(name, f'#include "{included}"'), [], f"{name}: {included}")

    def test_object_code_that_is_not_pure_is_named(self):
        with tempfile.TemporaryDirectory() as directory:
            def archive(name, code):
                source, made = os.path.join(directory, name + ".cc"), os.path.join(directory, name)
                with open(source, "w", encoding="utf-8") as file:
                    file.write(code)
                subprocess.run(["c++", "-c", source, "-o", made + ".o"], check=True)
                subprocess.run(["ar", "rc", made + ".a", made + ".o"], check=True)
                return subprocess.run([os.path.join(ROOT, "tools", "purity"), made + ".a"], capture_output=True, text=True)
            for name, code, what in (("clock", "#include <chrono>\nauto f() { return std::chrono::steady_clock::now(); }", "a clock"),
                                     ("system_clock", "#include <ctime>\nauto f() { return std::time(nullptr); }", "a clock"),
                                     ("file", "#include <fcntl.h>\nint f() { return ::open(\"x\", 0); }", "a file"),
                                     ("stream", "#include <fstream>\nvoid f() { std::ofstream(\"x\") << 1; }", "a file"),
                                     ("socket", "#include <sys/socket.h>\nint f() { return ::socket(1, 2, 3); }", "a socket"),
                                     ("thread", "#include <thread>\nvoid f() { std::thread([] {}).join(); }", "a thread"),
                                     ("random", "#include <random>\nauto f() { return std::random_device()(); }", "randomness")):
                done = archive(name, code)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(what, done.stdout)
            done = archive("pure", "#include <string>\nstd::string f(int n) { return std::string(n, 'x'); }")
            self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=1)
