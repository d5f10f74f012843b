"""Arithmetic on a text without `eval`: numbers, + - * / // % ** and brackets."""

import ast
import operator
from collections.abc import Callable

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_MAX_CHARS, _MAX_NUMBER, _MAX_POWER = 200, 1e15, 64


class NotASum(ValueError):
    """The text is not a sum of numbers with + - * / // % ** and brackets, or it is too large."""


def value_of_sum(expression: str) -> str:
    """Return the value of a sum as text. Raises `NotASum` and `ZeroDivisionError`."""
    if len(expression) > _MAX_CHARS:
        raise NotASum(expression)
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise NotASum(expression) from error
    value = _value_of(tree.body)
    return str(int(value)) if value == int(value) else f"{value:.10g}"


def _value_of(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            pass
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = -_value_of(operand) if isinstance(sign, ast.USub) else _value_of(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            base, by = _value_of(left), _value_of(right)
            if isinstance(op, ast.Pow) and (abs(by) > _MAX_POWER or (base < 0 and by != int(by))):
                raise NotASum
            value = _OPERATORS[type(op)](base, by)
        case _:
            raise NotASum
    if not abs(value) <= _MAX_NUMBER:
        raise NotASum
    return value
