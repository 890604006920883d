"""How threads wait is settled before torch is loaded, and as the user wants it where he says so."""

import os
import subprocess
import sys

import pytest

from langue.entry import SPINS, settle_waiting

TELL = """
import atexit, os, sys
from langue.entry import main
atexit.register(lambda: print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules))
sys.argv = ["langue", "--version"]
main()
"""


def test_threads_soon_sleep():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    done = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{SPINS} False"


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_what_the_user_has_settled_stays(name):
    environment = {name: "1", "HOME": "/"}
    settle_waiting(environment)
    assert environment == {name: "1", "HOME": "/"}
