import os
import sys

import torch

from langue import machine


def test_the_processor_has_a_name_and_this_process_some_cores():
    assert machine.processor()
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)
    assert isinstance(machine.features(), list)


def test_free_memory_is_a_part_of_all_memory():
    total, free = machine.memory()
    assert 2**28 < free <= total <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_containers_limit_counts_and_files_that_it_read_do_not(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("200000000\n")
    (tmp_path / "memory.current").write_text("150000000\n")
    (tmp_path / "memory.stat").write_text("anon 40000000\nfile 110000000\ninactive_file 90000000\n")
    monkeypatch.setattr(machine, "CONTAINER", tmp_path)
    assert machine.memory() == (200_000_000, 140_000_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.memory()[0] > 200_000_000


def test_memory_that_is_taken_is_no_longer_free():
    before = machine.memory()[1]
    taken = torch.ones(2 * 2**30 // 4)
    after = machine.memory()[1]
    assert before - after > 2**30  # whatever others give back meanwhile
    del taken


def test_the_peak_is_at_least_what_a_small_product_reaches():
    peak = machine.matmul_peak(seconds=0.05)
    assert 1e8 < peak < 1e15


def test_measuring_takes_no_random_numbers_from_a_training():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    machine.matmul_speed(torch.device("cpu"), 0.01, torch.bfloat16)
    assert torch.equal(torch.rand(4), expected)


def test_a_compiler_needs_the_headers_of_python(monkeypatch, tmp_path):
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    assert machine.compiler() is None
    (tmp_path / "Python.h").touch()
    monkeypatch.setenv("CXX", sys.executable)
    assert machine.compiler() == sys.executable
