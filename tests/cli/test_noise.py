"""TensorFlow's messages about its start: not on the command line, and untouched in Python."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = "import sys\nfrom agr.cli.console import errors\nwith errors():\n    "


@pytest.fixture(scope="module")
def run(environment):
    """Give a function that runs code or a file; it gives the output, and the errors by lines."""

    def run(code, **variables):
        plain = {k: v for k, v in environment.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
        done = subprocess.run(
            [sys.executable, *([code] if isinstance(code, Path) else ["-c", code])],
            env={**plain, **variables},
            capture_output=True,
            text=True,
            timeout=180,
        )
        return done.stdout.strip(), done.stderr.splitlines()

    return run


@pytest.fixture(scope="module")
def said(run):
    """Use Keras on the command line, then have TensorFlow log; gives what was written."""
    return run(
        f"{COMMAND}import keras, tensorflow as tf\n"
        "    keras.ops.convert_to_numpy(keras.ops.ones(3))\n"
        "    print(keras.__version__)\n"
        "    for number in range(8):\n"
        "        tf.function(lambda x: x + 1)(tf.constant(number))\n"
        "    tf.get_logger().warning('retracing')\n"
        "    tf.get_logger().error('an error')"
    )


def test_command_line_names_the_device_only(said):
    wrote, lines = said
    assert wrote
    assert len(lines) == 2, lines
    assert lines[0].startswith("TensorFlow 2.") and " computes on " in lines[0]


def test_who_has_set_the_level_sees_what_it_lets_through(run):
    wrote, lines = run(COMMAND + "import tensorflow; print(1)", TF_CPP_MIN_LOG_LEVEL="0")
    assert wrote == "1"
    assert not [line for line in lines if " computes on " in line]
    assert [line for line in lines if "oneDNN" in line or "cuda" in line.lower()]


def test_tracing_anew_is_no_matter_for_the_command_line(said):
    _, lines = said
    assert "retracing" not in "".join(lines)
    assert "an error" in lines[-1]


def test_worker_of_a_search_says_nothing(run, tmp_path):
    """A process that is started afresh reads the main file under another name."""
    main = tmp_path / "agr_command.py"
    main.write_text(
        "import multiprocessing, sys\n"
        "from agr.cli.console import errors\n"
        "def work():\n"
        "    import tensorflow as tf\n"
        "    tf.get_logger().warning('retracing')\n"
        "    print(tf.__version__, flush=True)\n"
        "if __name__ == '__main__':\n"
        "    with errors():\n"
        "        process = multiprocessing.get_context('spawn').Process(target=work)\n"
        "        process.start()\n"
        "        process.join()\n"
    )
    wrote, lines = run(main)
    assert wrote.startswith("2.")
    assert lines == []


def test_python_library_sets_no_level(run):
    code = (
        "import logging, os, sys\n"
        "finders = list(sys.meta_path)\n"
        "from agr import AgeEstimator\n"
        "import agr.training.networks.build\n"
        "print(logging.getLogger('tensorflow').level, os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"
    )
    wrote, lines = run(code)
    assert wrote == "0 None"
    assert lines, "TensorFlow's own messages are for its user to silence"


def test_a_command_leaves_everything_as_it_was(run):
    code = (
        "import logging, os, sys\n"
        "before = list(sys.meta_path)\n"
        "from agr.cli.console import errors\n"
        "with errors():\n    pass\n"
        "assert sys.meta_path == before\n"
        "print(logging.getLogger('tensorflow').level, os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"
    )
    assert run(code) == ("0 None", [])


def test_what_was_held_back_is_shown_on_failure(run):
    code = (
        "import os\nfrom agr.cli.noise import _held_back\n"
        "with _held_back():\n"
        "    os.write(2, b'libfoo.so is missing\\n')\n"
        "    raise ImportError('no')"
    )
    _, lines = run(code)
    assert lines[0] == "libfoo.so is missing"
    assert lines[-1] == "ImportError: no"
