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


def test_titles_are_sorted_without_case_and_diacritics(tmp_path):
    titles = ["Zebra", "Ärger", "apple", "Öl", "Olive", "árbol", "zoo", "Ab", "日本"]
    in_order = ["Ab", "apple", "árbol", "Ärger", "Öl", "Olive", "Zebra", "zoo", "日本"]
    with threads.open(tmp_path / "threads.db") as registry:
        for title in titles:
            registry.create(title=title)
        pages, cursor = [], None
        while True:
            page = registry.list(sort_by="title", sort_order="asc", limit=2, cursor=cursor)
            pages += [each.title for each in page]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert pages == in_order
        assert [each.title for each in registry.list(sort_by="title")] == in_order[::-1]
