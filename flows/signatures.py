"""The parameters of a flow, read from its source: its help needs neither Prefect nor the steps of the flow."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["signature_of"]


def signature_of(target: str) -> Callable[..., Any]:
    """Return a function that does nothing, with the parameters and the docstring of ``target``, ``module:function``.

    It executes the parts of the module that the annotations and the defaults of the parameters use. Raises
    ``ModuleNotFoundError`` and ``LookupError`` if there is no such function.
    """
    module, _, name = target.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    statements = ast.parse(Path(spec.origin).read_bytes(), spec.origin).body
    function = next((part for part in statements if isinstance(part, ast.FunctionDef) and part.name == name), None)
    if function is None:
        raise LookupError(f"{spec.origin}: defines no function {name}")
    function.decorator_list, function.returns, function.body = [], None, function.body[:1]  # the docstring
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], level=0)
    source = ast.Module([future, *_needed(statements, function), function], [])
    namespace: dict[str, Any] = {"__name__": module}
    exec(compile(ast.fix_missing_locations(source), spec.origin, "exec"), namespace)  # noqa: S102  # our own source
    signature: Callable[..., Any] = namespace[name]
    return signature


def _needed(statements: list[ast.stmt], function: ast.FunctionDef) -> list[ast.stmt]:
    """Return the statements that define what the function's parameters use, in order."""
    definitions = {name: part for part in statements for name in _defined_by(part)}
    needed: set[ast.stmt] = set()
    names = _used_by(function)
    while names:
        statement = definitions.get(names.pop())  # None for a builtin
        if statement is not None and statement not in needed:
            needed.add(statement)
            names |= _used_by(statement)
    return [part for part in statements if part in needed]


def _defined_by(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name.partition(".")[0] for alias in aliases]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return [name]
    return []


def _used_by(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
