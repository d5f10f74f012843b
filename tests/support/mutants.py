"""Mutants of the exercises' solutions: the same programs with one small change each, made by rules."""

from __future__ import annotations

import ast
import copy
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from exercise_pack import EXERCISES, NAMES, program

UNJUDGED = {"main", "fill", "said"}
"""Functions that only show a solution at work: the checker calls them never."""
COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Lt: (ast.LtE, ast.Gt), ast.Gt: (ast.GtE, ast.Lt),
}  # fmt: skip
RIVALS = (
    ("alice_session", "bob_session"), ("Alice", "Bob"), ("Alice", "Mallory"), ("carol", "dave"), ("carol_session", "bob_session"),
    ("customer", "name"), (":memory:", "shop.db"), ("messages", "values"), ("created_at", "last_active"),
)  # fmt: skip
"""Words that could be mistaken for one another."""
VARIABLES = (("alice", "bob"), ("bob", "carol"), ("good", "bad"), ("before", "after"))
ATTRIBUTES = (
    ("created_at", "updated_at"), ("trashed_at", "created_at"), ("trash", "delete"), ("id", "title"),
    ("get", "create"), ("type", "text"), ("trash", "restore"), ("customer", "thread_id"),
)  # fmt: skip


LONGEST = 70
"""Characters of a change that a name shows."""


class Mutant(NamedTuple):
    """A program with one change."""

    exercise: str
    rule: str
    where: str
    """The function, and the code that was changed, before and after."""
    source: str
    task: int | None
    """The task that the changed function belongs to; None for one that several tasks use."""

    @property
    def name(self) -> str:
        return f"{self.exercise} {self.rule}: {self.where}"


def mutants(exercise: str) -> list[Mutant]:
    """All mutants of a solution, in the order of its lines; no two are the same program."""
    tree = ast.parse(program(exercise, "solution").read_text("utf-8"))
    given = {
        _essence(each) for _, each in _functions(ast.parse(program(exercise, "starter").read_text("utf-8")))
    }
    program_of = _Program(exercise, tree)
    found: dict[str, Mutant] = {}
    for top, function in _functions(tree):
        if function.name not in UNJUDGED and _essence(function) not in given:
            for node in _places(function):
                for rule, change in _changes(node):
                    mutant = program_of.changed(top, function, node, rule, change)
                    if mutant is not None:
                        found.setdefault(mutant.source, mutant)
    return list(found.values())


def _functions(tree: ast.Module) -> Iterator[tuple[ast.stmt, ast.FunctionDef]]:
    """The functions and methods, each with the statement of the module that it is or is in."""
    for top in tree.body:
        for each in top.body if isinstance(top, ast.ClassDef) else [top]:
            if isinstance(each, ast.FunctionDef):
                yield top, each


def _essence(function: ast.FunctionDef) -> str:
    """The code without its docstring."""
    lines = function.body[1:] if _is_docstring(function.body[0]) else function.body
    return "\n".join([function.name, *map(ast.unparse, lines)])


def chosen(count: int, seed: int = 1) -> list[Mutant]:
    """So many mutants of all exercises, as many of each as there are, always the same ones."""
    every = [mutant for exercise in NAMES for mutant in mutants(exercise)]
    picked = set(random.Random(seed).sample(range(len(every)), min(count, len(every))))
    return [mutant for number, mutant in enumerate(every) if number in picked]


def unchanged() -> list[Mutant]:
    """The solutions as they are."""
    return [
        Mutant(exercise, "nothing changed", "", program(exercise, "solution").read_text("utf-8"), None)
        for exercise in NAMES
    ]


def _places(top: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may be changed: no docstring, no annotation, nothing that is only shown or said of a failure."""
    if isinstance(top, ast.Raise) or _is_print(top) or _is_docstring(top):
        if not _is_docstring(top):
            yield top
        return
    yield top
    for name, value in ast.iter_fields(top):
        if name in ("annotation", "returns", "args", "decorator_list", "bases"):
            if name == "args" and isinstance(value, list):
                yield from (place for each in value for place in _places(each))
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _places(child)


def _is_print(node: ast.AST) -> bool:
    call = node.value if isinstance(node, ast.Expr) else node
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


Change = Callable[[Any], ast.AST | None]
"""Changes a copy of the node in place, or gives the one that takes its place."""


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """What can be made of a node."""
    for rules in (_of_conditions, _of_values, _of_calls, _of_statements, _of_bodies):
        yield from rules(node)


def _of_conditions(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "condition negated", lambda it: _set(it, test=ast.UnaryOp(ast.Not(), it.test))
        yield "condition always true", lambda it: _set(it, test=ast.Constant(True))
        yield "condition never true", lambda it: _set(it, test=ast.Constant(False))
    if isinstance(node, ast.comprehension) and node.ifs:
        yield "filter negated", lambda it: _set(it, ifs=[ast.UnaryOp(ast.Not(), each) for each in it.ifs])
        yield "filter dropped", lambda it: _set(it, ifs=[])
    if isinstance(node, ast.Compare):
        for other in COMPARED.get(type(node.ops[0]), ()):
            yield "other comparison", lambda it, other=other: _set(it, ops=[other()])
    if isinstance(node, ast.BoolOp):
        other_way = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield "and for or", lambda it: _set(it, op=other_way())
        for number in range(len(node.values)):
            yield "operand dropped", lambda it, n=number: it.values[1 - n] if len(it.values) == 2 else None


def _of_values(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            yield "flag turned round", lambda it: ast.Constant(not value)
        elif isinstance(value, int):
            for other in (value + 1, value - 1, value // 10):
                yield "other number", lambda it, other=other: ast.Constant(other)
        elif isinstance(value, str) and value:
            yield "text emptied", lambda it: ast.Constant("")
            for here, there in _both_ways(RIVALS):
                if here in value:
                    text = value.replace(here, there)
                    yield "other text", lambda it, text=text: ast.Constant(text)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign dropped", lambda it: it.operand
        yield "first for last", lambda it: ast.Constant(0)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for here, there in _both_ways(VARIABLES):
            if node.id == here:
                yield "other variable", lambda it, there=there: _set(it, id=there)
    if isinstance(node, ast.Attribute):
        for here, there in _both_ways(ATTRIBUTES):
            if node.attr == here:
                yield "other attribute", lambda it, there=there: _set(it, attr=there)
    if isinstance(node, ast.JoinedStr) and len(node.values) > 1:
        for number, part in enumerate(node.values):
            if isinstance(part, ast.FormattedValue):
                yield "part of text dropped", lambda it, n=number: _without(it, "values", n)
    if isinstance(node, ast.Dict | ast.List | ast.Tuple | ast.Set):
        for number in range(len(node.values if isinstance(node, ast.Dict) else node.elts)):
            yield "element dropped", lambda it, n=number: _less(it, n)


def _of_calls(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if not isinstance(node, ast.Call):
        return
    for number in range(len(node.keywords)):
        yield "keyword dropped", lambda it, n=number: _without(it, "keywords", n)
    for number in range(len(node.args)):
        if len(node.args) > number + 1:
            yield "arguments swapped", lambda it, n=number: _swapped(it, "args", n)
        yield "argument dropped", lambda it, n=number: _without(it, "args", n)
    if len(node.args) == 1 and not node.keywords:
        yield "argument for call", lambda it: it.args[0]


def _of_statements(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.Expr | ast.Raise | ast.AugAssign) and not _is_print(node):
        yield "statement dropped", lambda it: ast.Pass()
    if isinstance(node, ast.Return) and node.value is not None:
        yield "nothing returned", lambda it: ast.Return(None)
        yield "return dropped", lambda it: ast.Expr(it.value)
        yield (
            "list turned round",
            lambda it: _set(it, value=ast.Subscript(it.value, _slice(step=-1), ast.Load())),
        )
        yield (
            "one element less",
            lambda it: _set(it, value=ast.Subscript(it.value, _slice(upper=-1), ast.Load())),
        )
    if isinstance(node, ast.For):
        yield "one round only", lambda it: _set(it, body=[*it.body, ast.Break()])
        yield "one round less", lambda it: _set(it, iter=_listed(it.iter, _slice(lower=1)))
    if isinstance(node, ast.comprehension):
        yield "one element less", lambda it: _set(it, iter=_listed(it.iter, _slice(lower=1)))
    if isinstance(node, ast.With):
        yield "not closed", _unclosed
    if isinstance(node, ast.Try):
        yield "errors ignored", lambda it: _set(it, handlers=[ast.ExceptHandler(None, None, [ast.Pass()])])


def _of_bodies(node: ast.AST) -> Iterator[tuple[str, Change]]:
    body = [each for each in getattr(node, "body", ()) if isinstance(each, ast.stmt)] if isinstance(
        node, ast.FunctionDef | ast.For | ast.With | ast.If
    ) else []  # fmt: skip
    first = 1 if body and _is_docstring(body[0]) else 0
    if isinstance(node, ast.FunctionDef):
        for number in range(first, len(body)):
            yield "early return", lambda it, n=number: _set(it, body=[*it.body[:n], ast.Return(None)])
    for number in range(first, len(body) - 1):
        yield "lines swapped", lambda it, n=number: _swapped(it, "body", n)
        if isinstance(body[number], ast.Expr):
            yield "line twice", lambda it, n=number: _set(it, body=[*it.body[: n + 1], *it.body[n:]])


def _unclosed(it: ast.With) -> ast.AST:
    """The block without its `with`: what was opened is never closed."""
    opened = [
        ast.Assign([each.optional_vars or ast.Name("_", ast.Store())], each.context_expr) for each in it.items
    ]
    return ast.If(ast.Constant(True), [*opened, *it.body], [])


def _set(node: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(node, name, value)


def _without(node: Any, name: str, number: int) -> None:
    setattr(node, name, [each for at, each in enumerate(getattr(node, name)) if at != number])


def _less(node: Any, number: int) -> None:
    for name in ("keys", "values", "elts"):
        if hasattr(node, name):
            _without(node, name, number)


def _swapped(node: Any, name: str, number: int) -> None:
    items = list(getattr(node, name))
    items[number], items[number + 1] = items[number + 1], items[number]
    setattr(node, name, items)


def _listed(value: ast.expr, part: ast.Slice) -> ast.expr:
    return ast.Subscript(ast.Call(ast.Name("list", ast.Load()), [value], []), part, ast.Load())


def _slice(**bounds: int) -> ast.Slice:
    return ast.Slice(**{name: ast.Constant(value) for name, value in bounds.items()})


def _both_ways(pairs: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for here, there in pairs:
        yield here, there
        yield there, here


class _Program:
    """A solution, of which one statement at a time is changed and written anew."""

    def __init__(self, exercise: str, tree: ast.Module) -> None:
        self.exercise, self.tree = exercise, tree
        self.texts = [ast.unparse(top) for top in tree.body]
        self.tasks = _tasks_of(exercise)

    def changed(
        self, top: ast.stmt, function: ast.FunctionDef, node: ast.AST, rule: str, change: Change
    ) -> Mutant | None:
        """The program with this change; None if nothing is changed, or it is no program."""
        before = ast.unparse(node)
        node.__dict__["is_changed"] = True  # which is copied, so that the node is found in the copy
        try:
            copied = copy.deepcopy(top)
        finally:
            del node.__dict__["is_changed"]
        changer = _Changer(change)
        try:
            text = ast.unparse(ast.fix_missing_locations(changer.visit(copied)))
            compile(text, "mutant", "exec")
        except (SyntaxError, ValueError, AttributeError, TypeError):
            return None
        at = self.tree.body.index(top)
        after = changer.after
        if after is None or text == self.texts[at]:
            return None
        where = f"{function.name}, line {_line(node)}: {_short(before, after)}"
        source = "\n\n\n".join([*self.texts[:at], text, *self.texts[at + 1 :]])
        return Mutant(self.exercise, rule, where, f"{source}\n", self.tasks.get(getattr(top, "name", "")))


class _Changer(ast.NodeTransformer):
    """Changes the one node that is marked."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.after: str | None = None

    def visit(self, node: ast.AST) -> Any:
        if "is_changed" not in node.__dict__:
            return self.generic_visit(node)
        changed = self.change(node) or node
        self.after = ast.unparse(ast.fix_missing_locations(changed))
        return changed


def _tasks_of(exercise: str) -> dict[str, int]:
    """The task of each function that the instructions name."""
    sys.path.insert(0, str(EXERCISES))
    try:
        from checker.tasks import EXERCISES as tasks
    finally:
        sys.path.remove(str(EXERCISES))
    return {name: number for number, each in enumerate(tasks[exercise], 1) for name in each.functions}


def _line(node: Any) -> int:
    return int(node.lineno if hasattr(node, "lineno") else node.target.lineno)


def _short(before: str, after: str) -> str:
    """The lines that differ, before and after, as far as they fit."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    parts = [" / ".join(map(str.strip, each)) or "nothing" for each in (old, new)]
    return " -> ".join(each if len(each) <= LONGEST else each[: LONGEST - 3] + "..." for each in parts)
