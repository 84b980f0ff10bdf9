"""Python clients from PyPI, each with a virtual environment of its own in a temporary directory."""

import os
import subprocess
import sys
import tempfile
import venv


class ClientVenv:
    """An environment with these packages in it, readable by every user, until it is removed."""

    def __init__(self, *packages):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-venv-")
        self.directory = self.temporary.name
        os.chmod(self.directory, 0o755)
        venv.create(self.directory, with_pip=True)
        subprocess.run([self.program("pip"), "install", "--quiet", "--disable-pip-version-check", *packages], check=True)

    def program(self, name):
        return os.path.join(self.directory, "bin", name)

    def packages(self):
        """Where Python finds them."""
        return os.path.join(self.directory, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")

    def remove(self):
        self.temporary.cleanup()
