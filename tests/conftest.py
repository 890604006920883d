"""What all tests share: one thread, so that parallel workers do not fight over the cores, and a cache of their own."""

import os
import tempfile

import torch

torch.set_num_threads(1)

# Digests of large files are remembered in the user's cache, which tests have no business with.
_CACHE = tempfile.TemporaryDirectory(prefix="langue-tests-")
os.environ["XDG_CACHE_HOME"] = os.environ["LOCALAPPDATA"] = _CACHE.name
