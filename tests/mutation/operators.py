"""What is changed in a check to see whether a test notices: one small change of a function at a time.

Only logic is changed. Sentences are left alone: their words are what `tests/unit/checks` asserts one by one.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
#: One off at the edge.
MOVED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
#: The constructors of `verify.result`: each can be made to pass whatever was seen.
VERDICTS = ("judged", "compare", "failed", "unverifiable")

Change = Callable[[ast.AST], None]


@dataclass(frozen=True)
class Mutant:
    """One change. ``source`` is the whole module with it; ``function`` and ``line`` are where, ``what`` is what."""

    function: str
    line: int
    what: str
    source: str


def mutants(source: str, functions: set[str]) -> Iterator[Mutant]:
    """Every change of these functions of a module, in the order of its lines."""
    tree = ast.parse(source)
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            for line, what, path, change in _changes(node):
                changed = copy.deepcopy(tree)
                change(_at(changed.body[number], path))
                yield Mutant(node.name, line, what, ast.unparse(ast.fix_missing_locations(changed)))


Path = tuple[tuple[str, int | None], ...]


def _at(node: ast.AST, path: Path) -> ast.AST:
    for name, index in path:
        found = getattr(node, name)
        node = found if index is None else found[index]
    return node


def _walk(node: ast.AST, path: Path = ()) -> Iterator[tuple[ast.AST, Path]]:
    """Every node below with the way to it. What stands in a text's braces, and in annotations, is no logic."""
    yield node, path
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or isinstance(node, ast.JoinedStr):
            continue
        for index, one in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(one, ast.AST):
                yield from _walk(one, (*path, (name, index)))


def _changes(function: ast.FunctionDef) -> Iterator[tuple[int, str, Path, Change]]:
    for node, path in _walk(function):
        line = getattr(node, "lineno", function.lineno)
        for what, change in _of(node):
            yield line, what, path, change


def _of(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """The changes of one node."""
    if isinstance(node, ast.Compare):
        yield from _of_compare(node)
    elif isinstance(node, ast.BoolOp):
        yield ("and" if isinstance(node.op, ast.And) else "or") + " is the other one", _swap_bool
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not is gone", _drop_not
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in COUNTED and not _text(node):
        yield f"{type(node.op).__name__} is {COUNTED[type(node.op)].__name__}", _swap_count
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, (ast.If, ast.IfExp, ast.comprehension)):
        yield from _of_condition(node)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, (ast.List, ast.Tuple)) and isinstance(node.ctx, ast.Load) and node.elts:
        yield from ((f"element {n} is gone", _drop(n)) for n in range(len(node.elts)))
    elif isinstance(node, ast.Dict) and node.keys:
        yield from ((f"entry {n} is gone", _drop_entry(n)) for n in range(len(node.keys)))


def _text(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether a sum is of texts: another operator there is an error, which every test notices."""
    parts = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    values = [one.value if isinstance(one, ast.Constant) else one for one in parts]
    return any(isinstance(value, (str, ast.JoinedStr)) for value in values)


def _of_compare(node: ast.Compare) -> Iterator[tuple[str, Change]]:
    for n, operator in enumerate(node.ops):
        for table in (NEGATED, MOVED):
            if type(operator) in table:
                yield f"{type(operator).__name__} is {table[type(operator)].__name__}", _operator(n, table[type(operator)])


def _operator(n: int, kind: type[ast.cmpop]) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops[n] = kind()

    return change


def _swap_bool(node: ast.AST) -> None:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _drop_not(node: ast.AST) -> None:
    """``not x`` becomes ``bool(x)``, in place."""
    assert isinstance(node, ast.UnaryOp)
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _swap_count(node: ast.AST) -> None:
    assert isinstance(node, (ast.BinOp, ast.AugAssign))
    node.op = COUNTED[type(node.op)]()


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, Change]]:
    if isinstance(node.value, bool):
        yield f"{node.value} is {not node.value}", _value(not node.value)
    elif isinstance(node.value, (int, float)):
        yield f"{node.value} is {node.value + 1}", _value(node.value + 1)


def _value(value: float) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Constant)
        node.value = value

    return change


def _of_condition(node: ast.If | ast.IfExp | ast.comprehension) -> Iterator[tuple[str, Change]]:
    """A condition that always holds, and one that never does."""
    if isinstance(node, ast.comprehension):
        for n in range(len(node.ifs)):
            yield f"condition {n} of the list is gone", _drop_if(n)
        return
    for held in (True, False):
        yield f"condition is {held}", _test(held)


def _drop_if(n: int) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.comprehension)
        del node.ifs[n]

    return change


def _test(held: bool) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, (ast.If, ast.IfExp))
        node.test = ast.Constant(held)

    return change


def _of_call(node: ast.Call) -> Iterator[tuple[str, Change]]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in VERDICTS:
        yield f"{name} passes whatever was seen", _passes
        if any(keyword.arg == "needs" for keyword in node.keywords):
            yield "needs nothing", _needs_nothing
    if name in ("any", "all"):
        yield f"{name} is the other one", _swap_any
    if name in ("min", "max"):
        yield f"{name} is the other one", _swap_any


def _swap_any(node: ast.AST) -> None:
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    node.func.id = {"any": "all", "all": "any", "min": "max", "max": "min"}[node.func.id]


def _passes(node: ast.AST) -> None:
    """Any verdict as a pass, with what it says kept."""
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    made = ast.unparse(node)
    replaced = ast.parse(f"__import__('dataclasses').replace({made}, status='pass')", mode="eval").body
    assert isinstance(replaced, ast.Call)
    node.func, node.args, node.keywords = replaced.func, replaced.args, replaced.keywords


def _needs_nothing(node: ast.AST) -> None:
    assert isinstance(node, ast.Call)
    node.keywords = [keyword for keyword in node.keywords if keyword.arg != "needs"]


def _drop(n: int) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, (ast.List, ast.Tuple))
        del node.elts[n]

    return change


def _drop_entry(n: int) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Dict)
        del node.keys[n], node.values[n]

    return change
