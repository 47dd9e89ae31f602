# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.pyi against the module, both ways: whoever adds a name, an argument or a property, here or in
C, is told what to write there. And what mypy makes of it, where that can be had."""

import ast
import inspect
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from inspect import Parameter

from gi.repository import GObject
from support import Pcall

HERE = pathlib.Path(__file__).parent
DUNDERS = {
    "__init__",
    "__call__",
    "__len__",
    "__getitem__",
    "__iter__",
    "__await__",
    "__enter__",
    "__exit__",
    "__aenter__",
    "__aexit__",
}
# What PyGObject's words for types are in Python's; a list may be bytes, too
TYPES = {"error": "GLib.Error"}


def find_stub():
    """Where a type checker looks for it: in a directory where Python looks for modules."""
    for directory in sys.path:
        path = pathlib.Path(directory) / "gi-stubs" / "repository" / "Pcall.pyi"
        if path.exists():
            return path
    raise FileNotFoundError("gi-stubs/repository/Pcall.pyi")


def is_public(name):
    return not name.startswith("_") or name in DUNDERS


# The stub


def list_parameters(arguments):
    """As (name, kind, whether there is a default)."""
    positional = [*arguments.posonlyargs, *arguments.args]
    n_required = len(positional) - len(arguments.defaults)
    for i, argument in enumerate(positional):
        is_only = i < len(arguments.posonlyargs)
        kind = Parameter.POSITIONAL_ONLY if is_only else Parameter.POSITIONAL_OR_KEYWORD
        yield argument.arg, kind, i >= n_required
    if arguments.vararg:
        yield arguments.vararg.arg, Parameter.VAR_POSITIONAL, False
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        yield argument.arg, Parameter.KEYWORD_ONLY, default is not None
    if arguments.kwarg:
        yield arguments.kwarg.arg, Parameter.VAR_KEYWORD, False


class StubFunction:
    def __init__(self, node):
        decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
        self.is_static = "staticmethod" in decorators
        self.is_property = "property" in decorators
        self.parameters = [*list_parameters(node.args)]
        self.returns = ast.unparse(node.returns)


class StubClass:
    def __init__(self, node):
        self.methods = {}  # by name: those of it, as there may be overloads
        self.attributes = set()
        self.properties = set()  # of GObject
        for part in node.body:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                function = StubFunction(part)
                if function.is_property:
                    self.attributes.add(part.name)
                else:
                    self.methods.setdefault(part.name, []).append(function)
            elif isinstance(part, ast.AnnAssign):
                self.attributes.add(part.target.id)
            elif isinstance(part, ast.ClassDef):
                self.properties = {prop.target.id for prop in part.body}


class Stub:
    def __init__(self, path):
        self.functions, self.classes, self.constants = {}, {}, set()
        for part in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions.setdefault(part.name, []).append(StubFunction(part))
            elif isinstance(part, ast.ClassDef) and is_public(part.name):
                self.classes[part.name] = StubClass(part)
            elif isinstance(part, ast.AnnAssign):
                self.constants.add(part.target.id)

    def get_names(self):
        return {*self.functions, *self.classes, *self.constants}


# The module


def is_introspected(function):
    return type(function).__name__.endswith("FunctionInfo")


def parse_words(function):
    """Parameters and return type of a function in C, as PyGObject's doc string has them: "f(self,
    n:int, text:str=None) -> bool, where:str"."""
    match = re.fullmatch(r"\w+\((.*?)\)(?: -> (.*))?", function.__doc__)
    parameters = []
    for word in filter(None, match[1].split(", ")):
        name = re.match(r"\w+", word)[0]
        if name == "user_data":
            parameters.append((name, Parameter.VAR_POSITIONAL, False))
        else:
            parameters.append((name, Parameter.POSITIONAL_OR_KEYWORD, "=" in word))
    for i, (name, kind, _) in enumerate(parameters):  # what has no default behind it, has none
        if any(not default and k == kind for _, k, default in parameters[i:]):
            parameters[i] = (name, kind, False)
    words = [word.rpartition(":")[2] for word in (match[2] or "None").split(", ")
             if not word.startswith("length:")]
    return parameters, [to_type(word) for word in words]


def to_type(word):
    name, _, rest = word.removeprefix("Pcall.").partition(" ")
    return TYPES.get(name, name) + (" | None" if rest else "")


def is_type(stub, words):
    if len(words) > 1:
        parts = stub.removeprefix("tuple[").removesuffix("]").split(", ")
        return len(parts) == len(words) and all(map(is_type, parts, map(lambda w: [w], words)))
    word = words[0]
    if word.startswith("list"):
        optional = word.removeprefix("list")
        return re.fullmatch(r"(list\[\w+\]|bytes)" + re.escape(optional), stub) is not None
    return stub == word


def has_copied_words(function):
    """Of a method in Python that stands for one in C."""
    doc = getattr(function, "__doc__", None) or ""
    return doc.startswith(f"{getattr(function, '__name__', '?')}(self")


def get_parameters(function):
    return [
        (p.name, p.kind, p.default is not Parameter.empty)
        for p in inspect.signature(function).parameters.values()
    ]


def get_members(cls):
    """What a class has of its own, or of the class in C that it overrides; never of GObject."""
    members = {}
    for base in reversed(cls.__mro__):
        own = base.__module__.startswith(("gi.overrides.Pcall", "gi.overrides._pcall"))
        if own or base.__module__ in ("gi.repository.Pcall", "Pcall"):
            members.update(vars(base))
    return {name: value for name, value in members.items() if is_public(name)}


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stub = Stub(find_stub())
        cls.names = {
            name for name in dir(Pcall)
            if is_public(name) and not name.startswith("__")
            and not type(getattr(Pcall, name)).__name__ == "StructMeta"  # of GObject classes
        }

    def test_names(self):
        missing = sorted(self.names - self.stub.get_names())
        self.assertEqual(missing, [], "these are in the module, and not in Pcall.pyi")
        gone = sorted(self.stub.get_names() - self.names)
        self.assertEqual(gone, [], "these are in Pcall.pyi, and not in the module")

    def check_function(self, where, function, stubs, drop=0):
        for stub in stubs:
            with self.subTest(where):
                if is_introspected(function) or has_copied_words(function):
                    parameters, words = parse_words(function)
                    self.assertTrue(
                        is_type(stub.returns, words), f"{where} returns {words}, not {stub.returns}"
                    )
                else:
                    parameters = get_parameters(function)
                self.assertEqual(stub.parameters[drop:], parameters, where)

    def test_functions(self):
        for name, stubs in self.stub.functions.items():
            self.check_function(name, getattr(Pcall, name), stubs)

    def test_methods(self):
        for name, stub in self.stub.classes.items():
            cls = getattr(Pcall, name)
            members = get_members(cls)
            methods = {n: m for n, m in members.items() if is_method(m)}
            with self.subTest(name):
                known = set(stub.methods).union(*(base.methods for base in self.get_bases(cls)))
                missing = sorted(set(methods) - known)
                lines = [f"{m}: {methods[m].__doc__}" for m in missing]
                self.assertEqual(missing, [], "\n".join([f"not in Pcall.pyi, of {name}:", *lines]))
                gone = sorted(m for m in stub.methods if not hasattr(cls, m))
                self.assertEqual(gone, [], f"in Pcall.pyi, and not in {name}")
            for method, stubs in stub.methods.items():
                function = methods.get(method)
                if function is not None and (name, method) != ("Options", "__init__"):
                    self.check_method(f"{name}.{method}", cls, function, stubs)

    def check_method(self, where, cls, function, stubs):
        if isinstance(function, classmethod):
            function = function.__func__
        elif isinstance(function, staticmethod) or is_constructor(function):
            self.check_function(where, getattr(cls, function.__name__), stubs,
                                0 if stubs[0].is_static else 1)
            return
        self.check_function(where, function, stubs)

    def test_attributes(self):
        for name, stub in self.stub.classes.items():
            cls = getattr(Pcall, name)
            own = {n for n, m in get_members(cls).items() if not is_method(m)}
            known = stub.attributes.union(*(base.attributes for base in self.get_bases(cls)))
            given = get_parameter_names(cls) | {"props"}  # what only objects have
            with self.subTest(name):
                self.assertEqual(sorted(own - known), [], f"not in Pcall.pyi, of {name}")
                gone = {n for n in stub.attributes if not hasattr(cls, n)} - given
                self.assertEqual(sorted(gone), [], f"in Pcall.pyi, and not in {name}")

    def get_bases(self, cls):
        """What the stub says of the classes that this one is derived from."""
        bases = (self.stub.classes.get(base.__name__) for base in cls.__mro__[1:])
        return [base for base in bases if base is not None]

    def test_properties(self):
        for name, stub in self.stub.classes.items():
            cls = getattr(Pcall, name)
            if not issubclass(cls, GObject.Object):
                continue
            properties = {p.name.replace("-", "_") for p in GObject.list_properties(cls)}
            with self.subTest(name):
                self.assertEqual(sorted(stub.properties), sorted(properties))

    def test_options(self):
        from gi.overrides._pcall import options

        (stub,) = self.stub.classes["Options"].methods["__init__"]
        names = [name for name, _, _ in stub.parameters[1:]]
        self.assertEqual(names, [*options.CONVERT, *options.OWN])


def is_method(member):
    kinds = (types.FunctionType, classmethod, staticmethod)
    return isinstance(member, kinds) or is_introspected(member)


def is_constructor(function):
    return is_introspected(function) and not function.is_method()


def get_parameter_names(cls):
    """Of what it is made with."""
    initialize = vars(cls).get("__init__")
    return set(inspect.signature(initialize).parameters) if initialize else set()


@unittest.skipUnless(shutil.which("mypy", path="/usr/bin:/bin"), "mypy is not installed")
class Types(unittest.TestCase):
    """With stand-ins for what the types of PyGObject itself are, which Debian has not."""

    PROGRAM, MISTAKES = HERE / "typing" / "program.py", HERE / "typing" / "mistakes.py"

    def check(self, *paths):
        """The lines of errors by the names of files, and all that mypy says."""
        command = ["mypy", "--strict", "--hide-error-context", "--no-error-summary"]
        command += ["--python-executable", sys.executable]
        environment = {"MYPYPATH": str(HERE / "typing" / "stand-ins"), "PATH": "/usr/bin:/bin"}
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run(
                [*command, f"--cache-dir={cache}", *paths],
                capture_output=True,
                text=True,
                timeout=110,
                env={**os.environ, **environment},
            )
        self.assertEqual(done.stderr, "")
        found = {}
        for name, line in re.findall(r"([^/\n]*?):(\d+): error:", done.stdout):
            found.setdefault(name, set()).add(int(line))
        return found, done.stdout

    def test_stub(self):
        self.assertEqual(self.check(find_stub()), ({}, ""))

    def test_programs(self):
        """Types are what they should be, as `assert_type()` says, and mistakes are found."""
        lines = self.MISTAKES.read_text(encoding="utf-8").splitlines()
        expected = {i for i, line in enumerate(lines, 1) if line.endswith("# mistake")}
        found, said = self.check(self.PROGRAM, self.MISTAKES)
        self.assertEqual(found, {self.MISTAKES.name: expected}, said)


if __name__ == "__main__":
    unittest.main()
