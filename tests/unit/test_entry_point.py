"""What `function_app.py` may import: the linter of imports looks only at packages."""

from __future__ import annotations

import ast

from devtools.paths import ROOT


def test_entry_point_imports_only_azure_functions_and_the_shared_rings() -> None:
    tree = ast.parse((ROOT / "function_app.py").read_text("utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "shared.app" in imported
    strange = {name for name in imported if name != "azure.functions" and name.split(".")[0] != "shared"}
    assert strange == set()
