"""Files are one concept, functions do one thing, the public surface is described."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LINES_A_FILE = 400
LINES_A_FUNCTION = 60

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef
Modules = dict[Path, ast.Module]


def test_no_file_is_long(root: Path, modules: Modules) -> None:
    lengths = {str(path): len((root / path).read_text().splitlines()) for path in modules}
    assert not {path: lines for path, lines in lengths.items() if lines > LINES_A_FILE}


def test_no_function_is_long(modules: Modules) -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, Function) and _lines(node) > LINES_A_FUNCTION
    ]
    assert not long


def test_every_public_name_has_a_docstring(library: Modules) -> None:
    bare = [str(path) for path, tree in library.items() if not ast.get_docstring(tree)]
    bare += [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in library.items()
        for node in _public(tree)
        if not ast.get_docstring(node)
    ]
    assert not bare


def test_library_does_not_print(library: Modules) -> None:
    prints = [
        f"{path}:{node.lineno}"
        for path, tree in library.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not prints


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(): ...", ["f"]),
        ("class A:\n def g(self): ...\n def _h(self): ...", ["A", "g"]),
        ("class _A:\n def g(self): ...", []),
        ("def f():\n def inner(): ...", ["f"]),
        ("if True:\n def f(): ...", ["f"]),
        ("class A:\n def __add__(self, o): ...", ["A"]),
        ("@overload\ndef f(): ...\ndef f(): ...", ["f"]),
    ],
)
def test_public_names_are_found(source: str, names: list[str]) -> None:
    assert [node.name for node in _public(ast.parse(source))] == names


def _lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _public(tree: ast.AST) -> Iterator[Definition]:
    """Public classes and functions, and those inside public classes; not what a function hides."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Definition):
            if node.name.startswith("_") or _is_overload(node):
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)
        elif not isinstance(node, ast.expr):
            yield from _public(node)


def _is_overload(node: Definition) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)
