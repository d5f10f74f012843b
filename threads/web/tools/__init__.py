"""Tools for who works on the page; not in the wheel."""
