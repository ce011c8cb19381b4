"""The arithmetic of cost.md: its tables are read, worked out, and worked out again with other numbers.

`python docs/cost.py texts=1000000 price=0.05` prints the page's tables with numbers of your own. Standard library only.
"""

from __future__ import annotations

import ast
import operator
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "cost.md"

_NUMBER = re.compile(r"^\| `(\w+)` \| ([\d.,]+) \|", re.MULTILINE)
_LINE = re.compile(
    r"^\| (?P<words>[^|]+) \| `(?P<name>\w+) = (?P<formula>[^`]+)` \| (?P<result>[\d.,]+) \|$", re.MULTILINE
)
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the page: what it is, its name, its formula, and the result that is printed."""

    words: str
    name: str
    formula: str
    result: str


def numbers(page: str) -> dict[str, float]:
    """Return the numbers that the page begins with, by name."""
    return {name: float(value.replace(",", "")) for name, value in _NUMBER.findall(page)}


def lines(page: str) -> list[Line]:
    """Return the lines with a formula, in the order of the page: each may use the names before it."""
    return [Line(**found.groupdict()) for found in _LINE.finditer(page)]


def results(page: str, instead: Mapping[str, float]) -> dict[str, float]:
    """Work out every line of the page.

    Args:
        page: the text of cost.md.
        instead: numbers that take the place of the page's own, by name.

    Raises:
        ValueError: a name that the page does not have, or a formula that is not arithmetic.
    """
    known = numbers(page)
    if unknown := instead.keys() - known.keys():
        raise ValueError(f"cost.md has no number that is called {', '.join(sorted(unknown))}")
    known |= instead
    worked: dict[str, float] = {}
    for line in lines(page):
        worked[line.name] = _value(ast.parse(line.formula, mode="eval").body, known | worked)
    return worked


def written(value: float) -> str:
    """Return a result as the page has it: whole above a thousand, else with two decimals."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"


def rewritten(page: str) -> str:
    """Return the page with the results that its numbers and formulas have now."""
    worked = results(page, {})

    def line(found: re.Match[str]) -> str:
        kept = found.group()[: found.start("result") - found.start()]
        return f"{kept}{written(worked[found['name']])} |"

    return _LINE.sub(line, page)


def main(arguments: Sequence[str]) -> int:
    """Print every line, with the numbers that the arguments give as `name=value`."""
    page = PAGE.read_text("utf-8")
    try:
        instead = {name: float(value) for name, _, value in (one.partition("=") for one in arguments)}
        worked = results(page, instead)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in lines(page):
        sys.stdout.write(f"{written(worked[line.name]):>12}  {line.words.replace('**', '')}\n")
    return 0


def _value(node: ast.expr, known: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, known), _value(right, known))
        case ast.Call(func=ast.Name(id="max"), args=given):
            return max(_value(one, known) for one in given)
    raise ValueError(f"not arithmetic with the page's names: {ast.unparse(node)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
