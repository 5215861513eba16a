"""Which file may import what, and what is loaded for which use."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

import agr
from agr.tasks import TASKS

ROOT = Path(agr.__file__).parent
FILES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
ROOMS = tuple(f"agr.{task}" for task in TASKS)
# A room may import itself and what stands on an earlier line; those on one line do not know each
# other. Of two that match, the longer name counts.
LAYERS = (
    ("agr.errors", "agr._version", "agr.tasks", *(f"{room}.labels" for room in ROOMS)),
    ("agr.core", "agr.prediction"),
    ("agr.age.answer", "agr.engines"),
    ("agr.photo",),
    ("agr.predictor",),
    ("agr.bulk", "agr.datasets", "agr.evaluation"),
    ("agr.training",),
    ROOMS,
    ("agr.plots",),
    ("agr.report",),
    ("agr.runs", "agr.serve", "agr.video"),
    ("agr", "agr.cli"),
    ("agr.__main__",),
)
# What a plain install holds: the rooms that a prediction, and writing its rows, needs.
PLAIN = (*(name for line in LAYERS[:5] for name in line), "agr.bulk")
BELOW_TRAINING = {"keras", "keras_tuner", "tensorflow", "sklearn", "scipy", "pandas"}
HEAVY = BELOW_TRAINING | {"matplotlib", "onnx", "openvino"}
KERAS = {"keras", "keras_tuner", "tensorflow"}


def inside(name, packages):
    """Tell whether a module is one of the packages or lies in one."""
    return any(name == p.rstrip(".") or name.startswith(p.rstrip(".") + ".") for p in packages)


def targets(node, module):
    """Name what an import statement imports; ``from agr import x`` is agr.x where that exists."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        assert not node.level, f"{module} has a relative import"
        return {
            f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in FILES else node.module
            for alias in node.names
        }
    return set()


@cache
def parsed(module):
    return ast.parse(FILES[module].read_text())


@cache
def imports(module, *, top=False):
    """Name what a module imports: anywhere, or only when it is itself imported."""
    found, waiting = set(), list(parsed(module).body)
    while waiting:
        node = waiting.pop()
        if top and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if top and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        found |= targets(node, module)
        waiting += ast.iter_child_nodes(node)
    return found


def words(module):
    """Name the modules of agr that strings in the code name, for ``resolve_name`` and its like."""
    strings = [n.value for n in ast.walk(parsed(module)) if isinstance(n, ast.Constant)]
    return {s.split(":")[0] for s in strings if isinstance(s, str) and s.startswith("agr.")} & set(
        FILES
    )


def own(module):
    """Name the modules of agr that a module imports, in statements or through strings."""
    if module == "agr.tasks":  # the registry: its strings and types name what lies above
        return {name for name in imports(module, top=True) if inside(name, ("agr",))}
    return {name for name in imports(module) | words(module) if inside(name, ("agr",))}


def room_of(module):
    """Give a module's line in `LAYERS`, and the name that it matches there."""
    matches = [
        (len(name), line, name)
        for line, names in enumerate(LAYERS)
        for name in names
        if module == name or (name != "agr" and inside(module, (name,)))
    ]
    assert matches, f"{module} is in no room"
    return max(matches)[1:]


def outside(module, *packages):
    """Name the packages that a module imports, anywhere, as long as they are in ``packages``."""
    return {n.split(".")[0] for n in imports(module)} & set(packages)


def at_top(module):
    """Name the packages that come along when a module is imported."""
    return {n.split(".")[0] for n in imports(module, top=True)}


def in_rooms(*packages):
    chosen = [name for name in FILES if inside(name, packages)]
    assert chosen
    return pytest.mark.parametrize("module", chosen)


def everywhere(test):
    return pytest.mark.parametrize("module", FILES)(test)


class TestLayers:
    @everywhere
    def test_room_imports_only_what_lies_below(self, module):
        line, room = room_of(module)
        for name in own(module) - {"agr"}:  # agr itself is the front door, imported for its version
            other_line, other = room_of(name)
            assert other_line < line or other == room, f"{module} imports {name}"

    @in_rooms(*LAYERS[0])
    def test_ground_imports_the_standard_library(self, module):
        found = {name.split(".")[0] for name in imports(module)} - {"agr"}
        assert found <= sys.stdlib_module_names

    @in_rooms(*PLAIN)
    def test_plain_install_is_enough(self, module):
        assert not at_top(module) & HEAVY
        asked = {"pandas"} if module == "agr.bulk.frame" else set()  # for a DataFrame
        found = outside(module, *BELOW_TRAINING - KERAS)
        assert found == asked, "not inside functions either"

    @in_rooms("agr.datasets", "agr.evaluation")
    def test_tables_know_no_network(self, module):
        assert not outside(module, *KERAS)

    @everywhere
    def test_keras_is_imported_below_training_or_late(self, module):
        assert not at_top(module) & KERAS or inside(module, ("agr.training",))
        assert "keras_tuner" not in outside(module, "keras_tuner") or inside(
            module, ("agr.training.tuning",)
        )

    @everywhere
    def test_what_imports_keras_at_its_top_is_imported_late(self, module):
        if not at_top(module) & KERAS:
            found = {n for n in imports(module, top=True) if n in FILES and at_top(n) & KERAS}
            assert not found, f"{module} imports {found}"

    @everywhere
    def test_matplotlib_stays_with_the_plots(self, module):
        assert not outside(module, "matplotlib") or inside(module, ("agr.plots",))
        assert "matplotlib" not in at_top(module)

    @in_rooms("agr.cli")
    def test_command_line_imports_inside_bodies(self, module):
        found = {name for name in imports(module, top=True) if inside(name, ("agr",))}
        assert all(inside(name, ("agr.cli",)) for name in found), found

    def test_one_file_imports_onnx_runtime(self):
        """It keeps ONNX Runtime from reporting, before the import."""
        found = [name for name in FILES if any(inside(n, ("onnxruntime",)) for n in imports(name))]
        assert found == ["agr.core.runtime"]

    @everywhere
    def test_no_module_name_is_put_together(self, module):
        """Only the registry and the front doors import by a string, and theirs are whole."""
        for node in ast.walk(parsed(module)):
            if isinstance(node, ast.JoinedStr):
                first = node.values[0] if node.values else None
                start = first.value if isinstance(first, ast.Constant) else ""
                assert module == "agr.tasks" or not start.startswith("agr."), ast.unparse(node)
            if isinstance(node, ast.Call) and module not in ("agr.tasks", "agr"):
                name = ast.unparse(node.func).split(".")[-1]
                if name in ("import_module", "resolve_name", "__import__"):
                    assert isinstance(node.args[0], ast.Constant), ast.unparse(node)

    def test_core_is_small(self):
        lines = sum(
            len(path.read_text().splitlines())
            for name, path in FILES.items()
            if inside(name, ("agr.core",))
        )
        assert lines <= 900

    @everywhere
    def test_no_file_named_after_nothing(self, module):
        assert module.split(".")[-1] not in {"utils", "util", "helpers", "common", "misc"}

    @everywhere
    def test_top_holds_the_front_only(self, module):
        front = {"agr", "_version", "__main__", "errors", "tasks", "prediction", "predictor"}
        assert FILES[module].parent != ROOT or module.split(".")[-1] in front

    def test_rooms_hold_the_same_files(self):
        names = [
            {name.removeprefix(room) for name in FILES if inside(name, (room,))} for room in ROOMS
        ]
        extra = {".bins", ".answer", ".calibration"}  # ages only
        assert names[0] - extra == names[1] == names[2]


@pytest.mark.parametrize("name", ["agr", *ROOMS])
def test_all_is_sorted_and_exists(name):
    module = importlib.import_module(name)
    assert module.__all__ == sorted(module.__all__)
    assert dir(module) == module.__all__
    for public in module.__all__:
        value = getattr(module, public)
        assert getattr(value, "__module__", name).startswith("agr") or not inspect.isclass(value)
    with pytest.raises(AttributeError, match="has no attribute 'Estimator'"):
        module.Estimator  # noqa: B018


def test_front_door_has_every_estimator():
    estimators = {task.estimator.split(":")[1] for task in TASKS.values()}
    assert estimators == {name for name in agr.__all__ if name.endswith("Estimator")}


class TestLoaded:
    """What a fresh process has loaded after a use."""

    def loaded(self, environment, code, *arguments):
        code += "\nprint('\\nLOADED', *sorted(sys.modules))"
        found = subprocess.run(
            [sys.executable, "-W", "error", "-c", f"import sys\n{code}", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert found.returncode == 0, found.stderr
        return set(found.stdout.split("LOADED")[1].split())

    def test_import(self, environment):
        found = self.loaded(environment, "import agr")
        assert not found & {*HEAVY, "numpy", "PIL", "onnxruntime", "typer"}

    def test_help(self, environment):
        code = (
            "from agr.cli import app\n"
            "for words in (['--help'], ['train', '--help']):\n"
            "    app(words, standalone_mode=False)"
        )
        assert not self.loaded(environment, code) & {*HEAVY, "numpy", "PIL", "onnxruntime"}

    def test_networks(self, environment):
        code = "from agr.cli import app\napp(['networks'], standalone_mode=False)"
        assert not self.loaded(environment, code) & {*HEAVY, "numpy", "PIL", "onnxruntime"}

    def test_prediction(self, environment, trained, tmp_path):
        Image.fromarray(trained["age"].X_test[0]).save(tmp_path / "face.png")
        folders = [trained[task].folder for task in TASKS]
        code = (
            "from agr import Predictor\n"
            "age, gender, race, face = sys.argv[1:]\n"
            "found = Predictor(faces='crop', age=age, gender=gender, race=race).predict([face])\n"
            "assert found[0].race and not found[0].error"
        )
        found = self.loaded(environment, code, *folders, tmp_path / "face.png")
        assert "onnxruntime" in found
        assert not found & (HEAVY - {"openvino"})  # the engine, where it is installed

    @pytest.mark.parametrize("task", TASKS)
    def test_one_task_loads_no_other(self, environment, task):
        found = self.loaded(environment, f"from agr.{task} import {task.title()}Estimator")
        others = [f"agr.{other}" for other in TASKS if other != task]
        assert not any(inside(name, (*others, "agr.datasets", "agr.predictor")) for name in found)
        assert f"agr.{task}.estimator" in found
        assert not found & {"keras", "keras_tuner", "tensorflow"}

    @pytest.mark.parametrize("task", TASKS)
    def test_tuning_one_task_loads_no_other(self, environment, trained, task):
        code = (
            "import warnings\nwarnings.simplefilter('default')  # KerasTuner's own\n"
            "import json, numpy as np\n"
            f"from agr.{task} import {task.title()}Estimator\n"
            "X = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)\n"
            "small = dict(network='tiny', image_size=16, epochs=1, batch_size=16)\n"
            f"estimator = {task.title()}Estimator(**small)\n"
            "search = dict(trials=1, parameters=['balance'], refit=False)\n"
            "estimator.tune(X, json.loads(sys.argv[1]), **search)"
        )
        found = self.loaded(environment, code, json.dumps(trained[task].y[:40].tolist()))
        others = [f"agr.{other}" for other in TASKS if other != task]
        assert not any(inside(name, (*others, "agr.datasets", "agr.predictor")) for name in found)
        assert {f"agr.{task}.space", "keras_tuner", "tensorflow"} <= found
