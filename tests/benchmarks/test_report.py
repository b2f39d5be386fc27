"""A table says what machine it is of, and when others used it."""

from __future__ import annotations

from benchmarks.report import machine

CPUINFO = "processor\t: 0\nmodel name\t: Some Processor @ 2.00GHz\n"


def test_a_machine_is_named_by_its_processor() -> None:
    text = machine(CPUINFO, processors=2, load=0.1)
    assert text.startswith("2 processors, Some Processor @ 2.00GHz (")
    assert text.endswith("load 0.1 before")


def test_a_machine_that_others_use_is_said_to_be_so() -> None:
    assert machine(CPUINFO, processors=2, load=9.0).endswith("times are not to be trusted")


def test_a_processor_without_a_name_is_no_mistake() -> None:
    assert machine("", processors=4, load=0).startswith("4 processors, ")
