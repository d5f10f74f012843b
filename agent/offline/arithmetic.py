"""Sums, worked out without `eval`."""

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
_LONGEST, _LARGEST, _HIGHEST_POWER = 200, 1e15, 64


class NotASum(ValueError):
    """This is not a sum of numbers with + - * / // % ** and brackets, or it is too large."""


def work_out(expression: str) -> str:
    """The value of a sum as text, whole numbers without a point; raises `NotASum`, ZeroDivisionError."""
    if len(expression) > _LONGEST:
        raise NotASum(expression)
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise NotASum(expression) from error
    value = _value(tree.body)
    return str(int(value)) if value == int(value) else f"{value:.10g}"


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=bool() | complex() | str() | bytes()):
            raise NotASum
        case ast.Constant(value=int() | float() as number):
            return _checked(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _apply(op, _value(left), _value(right))
    raise NotASum


def _apply(op: ast.operator, left: float, right: float) -> float:
    if isinstance(op, ast.Pow) and (abs(right) > _HIGHEST_POWER or (left < 0 and right != int(right))):
        raise NotASum
    return _checked(_OPERATORS[type(op)](left, right))


def _checked(number: float) -> float:
    if not abs(number) <= _LARGEST:
        raise NotASum
    return number
