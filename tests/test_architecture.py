"""Which file may import what, and what is loaded for which use."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
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
GROUND = ("agr.errors", "agr.tasks", "agr._version", *(f"{room}.labels" for room in ROOMS))
KERAS = (
    "agr.core.export",
    "agr.core.fitting",
    "agr.core.training",
    "agr.core.networks",
    "agr.core.starts",
    "agr.core.tuning",
    "agr.core.backbones.",
    "agr.teaching",
)
TABLES = (
    "agr.datasets.",
    "agr.core.data",
    "agr.core.duplicates",
    "agr.evaluation_run",
    "agr.explore",
    "agr.page",
    "agr.parts",
    "agr.results",
    "agr.training_run",
)
HEAVY = {"keras", "keras_tuner", "tensorflow", "sklearn", "scipy", "pandas"}


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


def imports(module, *, top=False):
    """Name what a module imports: anywhere, or only when it is itself imported."""
    tree = ast.parse(FILES[module].read_text())
    found, waiting = set(), list(tree.body)
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
    """Name the modules of agr that strings in the code name, for ``import_module``."""
    tree = ast.parse(FILES[module].read_text())
    strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    return {s.split(":")[0] for s in strings if isinstance(s, str) and s.startswith("agr.")} & set(
        FILES
    )


def own(module):
    return {name for name in imports(module) | words(module) if inside(name, ("agr",))}


def modules(*packages):
    chosen = [name for name in FILES if inside(name, packages)]
    assert chosen
    return pytest.mark.parametrize("module", chosen)


class TestLayers:
    @modules(*GROUND)
    def test_ground_imports_the_standard_library(self, module):
        assert {name.split(".")[0] for name in imports(module)} <= sys.stdlib_module_names

    @modules("agr.core")
    def test_core_knows_no_task(self, module):
        allowed = ("agr.core", "agr.errors", "agr._version")
        assert all(inside(name, allowed) for name in own(module)), own(module)

    @modules("agr.datasets")
    def test_readers_know_no_estimator(self, module):
        allowed = ("agr.datasets", "agr.core.data", "agr.core.images", "agr.core.duplicates")
        assert all(inside(name, allowed + GROUND) for name in own(module)), own(module)

    @modules(*ROOMS)
    def test_rooms_do_not_know_each_other(self, module):
        room = ".".join(module.split(".")[:2])
        allowed = (room, "agr.core", "agr.errors")
        assert all(inside(name, allowed) for name in own(module)), own(module)

    @modules("agr.predictor")
    def test_predictor_holds_no_task_logic(self, module):
        assert not any(inside(name, (*ROOMS, "agr.datasets", "agr.cli")) for name in own(module))

    @pytest.mark.parametrize(
        "module", [name for name in FILES if not inside(name, ("agr.cli", "agr.__main__"))]
    )
    def test_nothing_imports_the_command_line(self, module):
        assert not any(inside(name, ("agr.cli",)) for name in own(module))

    @modules("agr.cli")
    def test_command_line_imports_inside_bodies(self, module):
        found = {name for name in imports(module, top=True) if inside(name, ("agr",))}
        assert all(inside(name, ("agr.cli",)) for name in found), found

    @pytest.mark.parametrize("module", FILES)
    def test_keras_is_imported_late(self, module):
        late = KERAS if inside(module, KERAS) else ()
        top = imports(module, top=True)
        keras = {n for n in top if n.split(".")[0] in {"keras", "keras_tuner", "tensorflow"}}
        assert not keras or late
        starred = {n for n in top if inside(n, KERAS) and n != "agr.core.backbones"}
        assert not starred or late
        if not inside(module, ("agr.core.tuning",)):
            assert not any(n.startswith("keras_tuner") for n in imports(module))

    @pytest.mark.parametrize("module", FILES)
    def test_pandas_stays_with_the_tables(self, module):
        if not inside(module, TABLES):
            assert "pandas" not in {n.split(".")[0] for n in imports(module)}

    @pytest.mark.parametrize("module", FILES)
    def test_matplotlib_stays_with_the_plots(self, module):
        matplotlib = {n for n in imports(module) if n.split(".")[0] == "matplotlib"}
        assert not matplotlib or inside(module, ("agr.plots",))
        assert not {n for n in imports(module, top=True) if n in matplotlib}

    def test_one_file_imports_onnx_runtime(self):
        """It keeps ONNX Runtime from reporting, before the import."""
        found = [name for name in FILES if any(inside(n, ("onnxruntime",)) for n in imports(name))]
        assert found == ["agr.core.runtime"]

    @pytest.mark.parametrize("module", FILES)
    def test_no_file_named_after_nothing(self, module):
        assert module.split(".")[-1] not in {"utils", "helpers", "common", "misc"}

    def test_rooms_hold_the_same_files(self):
        names = [
            {name.removeprefix(room) for name in FILES if inside(name, (room,))} for room in ROOMS
        ]
        extra = {".bins"}  # ages only
        assert names[0] - extra == names[1] == names[2]


@pytest.mark.parametrize("name", ["agr", *ROOMS])
def test_all_is_sorted_and_exists(name):
    module = importlib.import_module(name)
    assert module.__all__ == sorted(module.__all__)
    for public in module.__all__:
        value = getattr(module, public)
        assert getattr(value, "__module__", name).startswith("agr") or not inspect.isclass(value)
    with pytest.raises(AttributeError, match="has no attribute 'Estimator'"):
        module.Estimator  # noqa: B018


def test_dir_and_all_of_agr():
    assert dir(agr) == agr.__all__
    assert set(agr._HOMES) == set(agr.__all__) - {"__version__"}
    estimators = {home.split(":")[1] for home in TASKS.values()}
    assert estimators == {name for name in agr.__all__ if name.endswith("Estimator")}


def test_there_is_one_list_of_tasks():
    for task, home in TASKS.items():
        module, name = home.split(":")
        assert module == f"agr.{task}"
        assert getattr(importlib.import_module(module), name).task == task


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
            "found = Predictor(age=age, gender=gender, race=race).predict([face])\n"
            "assert found[0].race and not found[0].error"
        )
        found = self.loaded(environment, code, *folders, tmp_path / "face.png")
        assert "onnxruntime" in found
        assert not found & HEAVY

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
            "estimator.tune(X, json.loads(sys.argv[1]), trials=1, parameters=['balance'])"
        )
        found = self.loaded(environment, code, json.dumps(trained[task].y[:40].tolist()))
        others = [f"agr.{other}" for other in TASKS if other != task]
        assert not any(inside(name, (*others, "agr.datasets", "agr.predictor")) for name in found)
        assert {f"agr.{task}.space", "keras_tuner", "tensorflow"} <= found
