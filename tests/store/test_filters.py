"""Filters of a list whose values no index holds."""

import pytest

import threads


@pytest.mark.parametrize("length", [199, 200, 201, 5000])
def test_metadata_values_of_any_length_are_found(tmp_path, length):
    value = "x" * (length - 1)
    with threads.open(tmp_path / "threads.db") as registry:
        for number, last in enumerate("ab"):
            registry.create(id=f"t{number}", metadata={"key": value + last})
        assert [thread.id for thread in registry.list(metadata={"key": f"{value}b"})] == ["t1"]
        assert registry.list(metadata={"key": value}).total == 0
