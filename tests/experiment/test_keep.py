"""The best model of a run: whole at any moment, or not there at all."""

import errno
import os
from contextlib import suppress

import pytest
import torch

from langue.errors import LangueError
from langue.experiment import RunFolder
from langue.experiment import watch as watching
from langue.models import ModelConfig, build, load_model

CONFIG = ModelConfig(vocab_size=7, width=8, layers=1, heads=2, context=4)


def test_a_full_disk_promises_no_earlier_weights(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(
        LangueError, match="the disk is full; make room and go on by --resume of langue train; what was"
    ):
        watching.keep(build(CONFIG), RunFolder(tmp_path))


def weight(folder: RunFolder) -> float:
    return float(load_model(folder.model).embedding.table.weight.detach()[0, 0])


@pytest.mark.parametrize("place", range(1, 16))
@pytest.mark.parametrize("first", [True, False])
def test_a_crash_at_any_moment_leaves_a_whole_model(tmp_path, monkeypatch, place, first):
    folder, model = RunFolder(tmp_path), build(CONFIG)
    with torch.no_grad():
        if not first:
            model.embedding.table.weight.fill_(1.0)
            watching.keep(model, folder)
        model.embedding.table.weight.fill_(2.0)
    calls = []

    def until(function):
        def counted(*arguments, **options):
            calls.append(function)
            if len(calls) >= place:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return counted

    for module, name in ((os, "replace"), (os, "fsync"), (watching, "write_model")):
        monkeypatch.setattr(module, name, until(getattr(module, name)))
    with suppress(KeyboardInterrupt):
        watching.keep(model, folder)
    monkeypatch.undo()
    if first:
        assert not folder.model.exists() or weight(folder) == 2.0
    else:
        assert weight(folder) in (1.0, 2.0)
    watching.keep(model, folder)
    assert weight(folder) == 2.0
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
