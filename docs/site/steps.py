"""The steps of a flow, read from its source: which tasks it calls, in which order, and whose results they use."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["Step", "steps_of"]

_SUPPORT = "tasks.support"
_SHARED = {"tasks.support.flow.skipped": "End as Skipped, with the reason."}


@dataclass
class Step:
    """One call of a task or of another flow.

    Attributes:
        name: The task, in words.
        summary: The first line of its docstring.
        kind: ``task``, ``map`` (once per chunk), ``flow`` or ``end``.
        conditions: When it is executed, from the outermost condition to the innermost; empty if always.
        inputs: The places, in the list of steps, of those whose results it uses; ascending.
    """

    name: str
    summary: str
    kind: str
    conditions: tuple[str, ...]
    inputs: list[int] = field(default_factory=list)


def steps_of(target: str) -> list[Step]:
    """Return the steps of a flow, ``module:function``, in the order of their calls.

    Functions of the flow's own module count as their steps. Raises ``LookupError`` if there is no such function.
    """
    module, _, name = target.partition(":")
    reader = _Reader(module, name)
    reader.read(reader.functions[name].body)
    return reader.steps


class _Reader:
    def __init__(self, module: str, function: str) -> None:
        statements = _statements(module)
        self.functions = {part.name: part for part in statements if isinstance(part, ast.FunctionDef)}
        self.imported = {
            alias.asname or alias.name: f"{part.module}.{alias.name}"
            for part in statements
            if isinstance(part, ast.ImportFrom)
            for alias in part.names
        }
        self.steps: list[Step] = []
        self._origins: dict[str, set[int]] = {}  # of variables: the steps whose results they hold
        self._conditions: tuple[str, ...] = ()
        self._open = [function]  # the functions that are being read

    def read(self, statements: Sequence[ast.stmt]) -> None:
        """Read statements in order."""
        outer = self._conditions
        for statement in statements:
            count = len(self.steps)
            self._read_statement(statement)
            # What follows a branch that returns a result is its alternative, unless the branch ends the run.
            if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Return):
                branch = self.steps[count:]
                if branch and branch[-1].kind != "end":
                    self._conditions = (*self._conditions, f"unless {_in_words(statement.test)}")
        self._conditions = outer

    def _read_statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.If():
                self._read_expression(statement.test)
                before = dict(self._origins)
                self._under(f"if {_in_words(statement.test)}", statement.body)
                after, self._origins = self._origins, before
                self._under(f"unless {_in_words(statement.test)}", statement.orelse)
                for name, origins in after.items():
                    self._origins[name] = self._origins.get(name, set()) | origins
            case ast.For():
                self._assign([statement.target], self._read_expression(statement.iter))
                self._under(f"for each {_in_words(statement.target)}", statement.body)
            case ast.With():
                for item in statement.items:
                    origins = self._read_expression(item.context_expr)
                    self._assign([item.optional_vars] if item.optional_vars else [], origins)
                self.read(statement.body)
            case ast.Try():
                self.read(statement.body)
                for handler in statement.handlers:
                    self._under(f"on {_in_words(handler.type)}" if handler.type else "on an error", handler.body)
                self.read([*statement.orelse, *statement.finalbody])
            case ast.Assign():
                self._assign(statement.targets, self._read_expression(statement.value))
            case _:
                for expression in (part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.expr)):
                    self._read_expression(expression)

    def _under(self, condition: str, statements: Sequence[ast.stmt]) -> None:
        outer, self._conditions = self._conditions, (*self._conditions, condition)
        self.read(statements)
        self._conditions = outer

    def _assign(self, targets: Sequence[ast.expr], origins: set[int]) -> None:
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    self._origins[part.id] = origins

    def _read_expression(self, expression: ast.expr) -> set[int]:
        """Append the steps that the expression calls, inner calls first; return the origins of its value."""
        match expression:
            case ast.Name():
                return self._origins.get(expression.id, set())
            case ast.NamedExpr():
                origins = self._read_expression(expression.value)
                self._assign([expression.target], origins)
                return origins
            case ast.IfExp():
                origins = self._read_expression(expression.test)
                outer = self._conditions
                for prefix, part in (("if", expression.body), ("unless", expression.orelse)):
                    self._conditions = (*outer, f"{prefix} {_in_words(expression.test)}")
                    origins = origins | self._read_expression(part)
                self._conditions = outer
                return origins
            case ast.Call():
                return self._read_call(expression)
        return self._origins_of(ast.iter_child_nodes(expression))

    def _origins_of(self, parts: Iterator[ast.AST] | Sequence[ast.AST]) -> set[int]:
        found: set[int] = set()
        for part in parts:
            if isinstance(part, ast.expr):
                found |= self._read_expression(part)
            elif isinstance(part, ast.keyword | ast.comprehension):
                found |= self._origins_of(ast.iter_child_nodes(part))
        return found

    def _read_call(self, call: ast.Call) -> set[int]:
        function, is_mapped = call.func, False
        if isinstance(function, ast.Attribute) and function.attr in ("map", "submit") and self._is_task(function.value):
            function, is_mapped = function.value, True
        origins = self._origins_of([*call.args, *call.keywords])
        if isinstance(function, ast.Name) and function.id in self.functions:
            count, called = len(self.steps), self.functions[function.id]
            if called.name in self._open:  # the flow itself, for each of several inputs
                summary = (ast.get_docstring(called) or "").partition("\n")[0]
                self.steps.append(Step(_title(called.name), summary, "flow", self._conditions, sorted(origins)))
                return {count}
            for parameter in (*called.args.args, *called.args.kwonlyargs):
                self._origins[parameter.arg] = origins
            self._open.append(called.name)
            self.read(called.body)
            self._open.pop()
            return origins | set(range(count, len(self.steps)))
        if not isinstance(function, ast.Name) or not self._is_task(function):
            if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):  # such as list.append
                held = self._origins.setdefault(function.value.id, set())
                self._origins[function.value.id] = held | origins
            return origins | self._origins_of([function])
        path = self.imported[function.id]
        kind = "flow" if path.startswith("flows.") else "map" if is_mapped else "end" if path in _SHARED else "task"
        summary = _SHARED.get(path) or _summary(path)
        self.steps.append(Step(_title(function.id), summary, kind, self._conditions, sorted(origins)))
        return {len(self.steps) - 1}

    def _is_task(self, function: ast.expr) -> bool:
        path = self.imported.get(function.id, "") if isinstance(function, ast.Name) else ""
        is_function = path.rpartition(".")[2].islower()
        return is_function and (
            path in _SHARED or (path.startswith(("tasks.", "flows.")) and not path.startswith(_SUPPORT))
        )


def _title(function: str) -> str:
    return function.replace("_", " ")


class _Plain(ast.NodeTransformer):
    """Replaces ``(name := value)`` by the name."""

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        return node.target


def _in_words(expression: ast.expr) -> str:
    plain = ast.unparse(_Plain().visit(ast.parse(ast.unparse(expression), mode="eval")))
    return plain.replace("_", " ").replace("'", "").replace('"', "")


@cache
def _statements(module: str) -> list[ast.stmt]:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"there is no module {module}")
    return ast.parse(Path(spec.origin).read_bytes(), spec.origin).body


def _summary(path: str) -> str:
    """Return the first line of the docstring of a function, which its module may import from another."""
    module, _, name = path.rpartition(".")
    for part in _statements(module):
        if isinstance(part, ast.FunctionDef) and part.name == name:
            return (ast.get_docstring(part) or "").partition("\n")[0]
        if isinstance(part, ast.ImportFrom) and name in [alias.name for alias in part.names]:
            return _summary(f"{part.module}.{name}")
    raise LookupError(f"{module} has no function {name}")
