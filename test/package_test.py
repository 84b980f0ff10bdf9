#!/usr/bin/python3
"""The Debian package: what is in it, and that its binary runs where there is nothing but libc."""

import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from cell_process import free_ports

POLIS = os.environ["POLIS"]
SOURCES = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 30
LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
GLIBC_MAX = (2, 35)  # of Ubuntu 22.04
STRIPPED_BYTES_MAX = 40 << 20


def output_of(*command, code=0):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(directory):
    return pathlib.Path(output_of(SOURCES / "packaging/build.py", "--polis", POLIS, "--out", directory).strip())


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.directory = pathlib.Path(cls.temporary.name)
        cls.package = build(cls.directory)
        cls.root, cls.control = cls.directory / "root", cls.directory / "control"
        output_of("dpkg-deb", "-x", cls.package, cls.root)
        output_of("dpkg-deb", "-e", cls.package, cls.control)
        cls.polis = cls.root / "usr/bin/polis"

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def field(self, name):
        return output_of("dpkg-deb", "-f", self.package, name).strip()

    def commands(self):
        return output_of(self.polis, "__complete", "").split()

    def manual(self, page):
        return gzip.decompress((self.root / f"usr/share/man/man1/{page}.1.gz").read_bytes()).decode()

    # --- the binary

    def test_it_needs_libc_alone(self):
        needed = set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", output_of("readelf", "-d", self.polis)))
        self.assertIn("libc.so.6", needed)
        self.assertLessEqual(needed, LIBC)
        self.assertEqual(self.field("Depends"), "libc6 (>= %d.%d)" % GLIBC_MAX)

    def test_no_symbol_is_younger_than_the_oldest_libc_that_is_promised(self):
        symbols = output_of("objdump", "-T", self.polis)
        versions = {tuple(map(int, v.split("."))) for v in re.findall(r"\(?GLIBC_([0-9.]+)\)?", symbols)}
        self.assertTrue(versions)
        too_young = [line for line in symbols.splitlines()
                     for v in re.findall(r"GLIBC_([0-9.]+)", line) if tuple(map(int, v.split("."))) > GLIBC_MAX]
        self.assertEqual(too_young, [])
        self.assertNotIn("GLIBCXX", symbols)

    def test_it_is_small_and_stripped(self):
        self.assertLess(self.polis.stat().st_size, STRIPPED_BYTES_MAX)
        sections = output_of("readelf", "-SW", self.polis)
        self.assertNotIn(".symtab", sections)
        self.assertNotIn(".debug_", sections)

    def chroot(self, root):
        """How to begin a command line that runs below `root`."""
        command = ["chroot", str(root)]
        return command if os.geteuid() == 0 else ["unshare", "--map-root-user", *command]

    def bare_root(self):
        """The binary, libc, and what a resolver reads: nothing else."""
        root = self.directory / "bare"
        for path in re.findall(r"(/\S+) \(0x", output_of("ldd", self.polis)):
            self.assertIn(os.path.basename(path), LIBC)
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        (root / "etc").mkdir()
        (root / "etc/hosts").write_text("127.0.0.1 replica.example\n")
        (root / "etc/nsswitch.conf").write_text("hosts: files\n")
        shutil.copy(self.polis, root / "polis")
        return root

    def test_it_serves_where_there_is_nothing_but_libc(self):
        root = self.bare_root()
        inside = self.chroot(root)
        client, peer = free_ports(2)
        self.assertEqual(output_of(*inside, "/polis", "--version").split()[0], "polis")
        with open(self.directory / "bare.log", "wb") as log:
            replica = subprocess.Popen([*inside, "/polis", "cell", "run", "--client", f"127.0.0.1:{client}", "--peer", f"127.0.0.1:{peer}",
                                        "--data-dir", "/data"], stdout=log, stderr=log)
        try:
            there = ["-e", f"replica.example:{client}"]  # by name: the resolver is libc's
            output_of(*inside, "/polis", "cell", "wait", "--timeout", PATIENCE, *there)
            output_of(*inside, "/polis", "kv", "put", "greeting", "hello", *there)
            self.assertIn("hello", output_of(*inside, "/polis", "kv", "get", "greeting", *there))
            replica.terminate()
            self.assertEqual(replica.wait(PATIENCE), 0)
        finally:
            replica.kill()
            replica.wait()

    # --- what lies beside it

    def test_files_belong_to_root_and_nobody_else_may_write_them(self):
        for line in output_of("dpkg-deb", "-c", self.package).splitlines():
            mode, owner = line.split()[:2]
            self.assertEqual(owner, "root/root", line)
            self.assertRegex(mode, "^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--)$", line)

    def test_everything_that_was_promised_is_there(self):
        files = {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()}
        self.assertEqual(files, {
            "usr/bin/polis", "etc/polis/polis.yaml", "usr/lib/systemd/system/polis.service", "usr/lib/sysusers.d/polis.conf",
            "usr/share/doc/polis/copyright", "usr/share/doc/polis/changelog.gz", "usr/share/bash-completion/completions/polis",
            "usr/share/zsh/vendor-completions/_polis", "usr/share/fish/vendor_completions.d/polis.fish", "usr/share/man/man1/polis.1.gz",
            *(f"usr/share/man/man1/polis-{command}.1.gz" for command in self.commands())})

    def test_sums_are_right_and_of_every_file(self):
        sums = (self.control / "md5sums").read_text()
        subprocess.run(["md5sum", "--check", "--strict", "--quiet"], input=sums, text=True, cwd=self.root, check=True)
        self.assertEqual(len(sums.splitlines()), sum(p.is_file() for p in self.root.rglob("*")))

    def test_the_settings_file_is_kept_on_upgrades_and_sets_the_directory_alone(self):
        self.assertEqual((self.control / "conffiles").read_text(), "/etc/polis/polis.yaml\n")
        dumped = output_of(self.polis, "config", "dump", "--config", self.root / "etc/polis/polis.yaml")
        set_there = [line.split("#")[0].strip() for line in dumped.splitlines() if "# from default" not in line]
        self.assertEqual(set_there, ["data-dir: /var/lib/polis"])
        text = (self.root / "etc/polis/polis.yaml").read_text()
        for line in dumped.splitlines():
            self.assertRegex(text, r"(?m)^#?" + re.escape(line.split(":")[0]) + ": ")

    def test_every_setting_of_the_file_can_be_uncommented(self):
        text = (self.root / "etc/polis/polis.yaml").read_text()
        path = self.directory / "uncommented.yaml"
        path.write_text(re.sub(r"(?m)^#(?=[a-z-]+: )", "", text))
        dumped = output_of(self.polis, "config", "dump", "--config", path)
        self.assertNotIn("# from default", dumped)

    def test_the_service_has_what_the_product_answers(self):
        unit = (self.root / "usr/lib/systemd/system/polis.service").read_text()
        for line in ("Type=notify", "WatchdogSec=1min", "Restart=on-failure", "User=polis", "StateDirectory=polis",
                     "ExecStart=/usr/bin/polis cell run --config /etc/polis/polis.yaml"):
            self.assertIn(f"\n{line}\n", unit)
        limit = int(re.search(r"(?m)^LimitNOFILE=(\d+)$", unit).group(1))
        self.assertGreaterEqual(limit, 10_000 + 256)
        self.assertIn("\nu polis ", (self.root / "usr/lib/sysusers.d/polis.conf").read_text())

    def test_installing_enables_and_starts_nothing(self):
        scripts = [self.control / name for name in ("postinst", "prerm", "postrm")]
        for script in scripts:
            output_of("sh", "-n", script)
            self.assertTrue(os.access(script, os.X_OK))
        postinst = scripts[0].read_text()
        self.assertNotRegex(postinst, r"systemctl.* (enable|start|restart|preset)\b")
        for script in scripts:
            self.assertNotIn("rm ", script.read_text())  # a purge keeps the data

    def test_manuals_say_what_help_says(self):
        self.assertEqual([c for c in self.commands() if f"polis\\-{c}\\fR(1)" not in self.manual("polis")], [])

        def check(page, words):
            help_text = output_of(self.polis, *words, "--help")
            for flag in set(re.findall(r"(?m)^  (?:-\w,)?(--[a-z-]+)", help_text)) - {"--help", "--help-all"}:
                self.assertIn(r"\fB" + flag.replace("-", r"\-") + r"\fR", page, words)
            self.assertIn(help_text.splitlines()[0].replace("-", r"\-"), page)
            for command in re.findall(r"(?m)^  ([a-z]+) {3,}", help_text.partition("Subcommands:")[2]):
                check(page, [*words, command])

        for command in self.commands():
            check(self.manual(f"polis-{command}"), [command])

    def test_manuals_have_no_line_that_the_formatter_does_not_understand(self):
        for page in ["polis"] + [f"polis-{command}" for command in self.commands()]:
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=self.manual(page), capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def test_completions_are_those_that_the_command_prints_and_shells_accept(self):
        for shell, path in (("bash", "usr/share/bash-completion/completions/polis"), ("zsh", "usr/share/zsh/vendor-completions/_polis"),
                            ("fish", "usr/share/fish/vendor_completions.d/polis.fish")):
            self.assertEqual((self.root / path).read_text(), output_of(self.polis, "completion", shell))
            output_of(shell, "-n", self.root / path)

    def test_the_version_is_the_binary_s_and_the_changelog_s(self):
        version = output_of(self.polis, "--version").split()[1]
        self.assertEqual(self.field("Version"), version)
        changelog = gzip.decompress((self.root / "usr/share/doc/polis/changelog.gz").read_bytes()).decode()
        self.assertTrue(changelog.startswith(f"polis ({version}) "), changelog.splitlines()[0])

    def test_licences_of_everything_inside_are_there(self):
        text = (self.root / "usr/share/doc/polis/copyright").read_text()
        for name in ("Apache License", "nghttp2", "protobuf", "OpenLDAP", "yaml-cpp", "jemalloc", "spdlog", "OpenSSL"):
            self.assertIn(name, text)

    def test_the_same_content_gives_the_same_package(self):
        other = self.directory / "again"
        other.mkdir()
        self.assertEqual(build(other).read_bytes(), self.package.read_bytes())


if __name__ == "__main__":
    unittest.main(verbosity=2)
