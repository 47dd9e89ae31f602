# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from collections.abc import Callable
from typing import Any

class Object:
    def connect(self, detailed_signal: str, handler: Callable[..., Any], *args: Any) -> int: ...
    def run_dispose(self) -> None: ...
    def set_property(self, property_name: str, value: Any) -> None: ...

class GEnum(int):
    value_nick: str

class GFlags(int): ...
