#!/usr/bin/env python3
"""Makes a Debian package of a binary that was built: needs dpkg-deb and strip, and no network.

  packaging/build.py --polis build/polis --out build
"""

import argparse
import email.utils
import gzip
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# Whose code is in the binary: the packages with the licences that hold for it. They say it in /usr/share/doc/PACKAGE/copyright.
# Not Boost: its licence asks for no notice in a binary, and the package's file of 2 MB speaks of much that is not used.
LINKED = """libnghttp2-dev libssl-dev zlib1g-dev libprotobuf-dev liblmdb-dev libabsl-dev libjemalloc-dev libyaml-cpp-dev
libcli11-dev libfmt-dev libspdlog-dev libstdc++-12-dev""".split()
# As docs/ and packaging/polis.service have it.
DATA_DIRECTORY = "/var/lib/polis"


def output_of(*command):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


class Root:
    """The files of the package, below a directory."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def put(self, name, content, mode=0o644):
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        target.chmod(mode)

    def files(self):
        return sorted(p for p in self.path.rglob("*") if p.is_file() and "DEBIAN" not in p.relative_to(self.path).parts)


def compressed(text):
    return gzip.compress(text.encode(), 9, mtime=0)


def settings_file(polis):
    """All settings in comments, but for the one that the service cannot do without."""
    example = output_of(polis, "config", "example")
    text, replaced = re.subn(r"(?m)^#data-dir: .*$", f"data-dir: {DATA_DIRECTORY}", example)
    assert replaced == 1, "`polis config example` has no data-dir"
    return text


def copyright_text():
    parts = [f"Polis\n\n{(HERE.parent / 'LICENSE').read_text()}",
             "The binary also contains code of Boost, under the Boost Software License 1.0, and of the libraries below, under their licences."]
    for package in LINKED:
        path = pathlib.Path("/usr/share/doc", package, "copyright")
        if not path.exists():
            sys.exit(f"packaging/build.py: {path} is missing; the licence of {package} has to go into the package")
        parts.append(f"--- {package}\n\n{path.read_text(errors='replace')}")
    return "\n\n".join(parts)


def add_manuals(root, polis):
    pages = {"polis": output_of(polis, "__manual")}
    for command in output_of(polis, "__complete", "").split():
        pages[f"polis-{command}"] = output_of(polis, "__manual", command)
    for name, text in pages.items():
        root.put(f"usr/share/man/man1/{name}.1.gz", compressed(text))


def add_completions(root, polis):
    for shell, path in (("bash", "usr/share/bash-completion/completions/polis"), ("zsh", "usr/share/zsh/vendor-completions/_polis"),
                        ("fish", "usr/share/fish/vendor_completions.d/polis.fish")):
        root.put(path, output_of(polis, "completion", shell))


def add_files(root, polis):
    stripped = root.path / "usr/bin/polis"
    stripped.parent.mkdir(parents=True)
    subprocess.run(["strip", "--strip-all", "--remove-section=.comment", "-o", stripped, polis], check=True)
    stripped.chmod(0o755)
    root.put("etc/polis/polis.yaml", settings_file(polis))
    root.put("usr/lib/systemd/system/polis.service", (HERE / "polis.service").read_text())
    root.put("usr/lib/sysusers.d/polis.conf", (HERE / "polis.sysusers").read_text())
    root.put("usr/share/doc/polis/copyright", copyright_text())
    root.put("usr/share/doc/polis/changelog.gz", compressed((HERE / "changelog").read_text()))
    add_manuals(root, polis)
    add_completions(root, polis)


def add_control(root, version, architecture):
    kilobytes = sum((p.stat().st_size + 1023) // 1024 for p in root.files())
    root.put("DEBIAN/control", f"""Package: polis
Version: {version}
Architecture: {architecture}
Maintainer: Polis <polis@localhost>
Installed-Size: {kilobytes}
Depends: libc6 (>= 2.35)
Section: database
Priority: optional
Description: highly available platform of a few machines
 A cell of replicas that keeps keys, leases and watches consistent while machines fail, by
 Raft or Paxos. It speaks etcd's API. One binary, which is server, client and simulator.
""")
    root.put("DEBIAN/conffiles", "/etc/polis/polis.yaml\n")
    root.put("DEBIAN/md5sums", "".join(
        f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(root.path)}\n" for p in root.files()))
    for script in ("postinst", "prerm", "postrm"):
        root.put(f"DEBIAN/{script}", (HERE / "scripts" / script).read_text(), 0o755)


def seconds_of_changelog():
    """The time that all files of the package have, so that the same content gives the same package."""
    date = re.search(r"(?m)^ -- .*>  (.*)$", (HERE / "changelog").read_text()).group(1)
    return str(int(email.utils.parsedate_to_datetime(date).timestamp()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polis", required=True, help="the binary; it is run, too")
    parser.add_argument("--out", required=True, help="directory for the package")
    flags = parser.parse_args()
    polis = pathlib.Path(flags.polis).resolve()
    version = output_of(polis, "--version").split()[1]
    architecture = output_of("dpkg", "--print-architecture").strip()
    package = pathlib.Path(flags.out).resolve() / f"polis_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="polis-package-") as directory:
        os.umask(0o022)
        root = Root(pathlib.Path(directory) / "root")
        root.path.mkdir()
        add_files(root, polis)
        add_control(root, version, architecture)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zzstd", "-z9", "--build", root.path, package], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, SOURCE_DATE_EPOCH=seconds_of_changelog()))
    print(package)
    return 0


if __name__ == "__main__":
    sys.exit(main())
