"""What scripts/audit makes of each answer that pip-audit was seen to give."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[1] / "scripts" / "audit"
# Stands where pip-audit would be found, and answers for the first packages of the list.
ANSWER = """
import json, sys
from pathlib import Path
names = Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text().split()
given = {given!r}
if given is None:
    sys.exit("Traceback ...\\nrequests.exceptions.ConnectionError: no network")
skipped = {{"skip_reason": "Dependency not found on PyPI and could not be audited"}}
told = [
    {{"name": name.split("==")[0], "version": name.split("==")[1], **(given or [skipped])[0]}}
    for name in names
]
if len(given) > 1:
    told[1:] = [{{**one, "vulns": given[1]["vulns"]}} for one in told[1:]]
print(json.dumps({{"dependencies": told, "fixes": []}}))
"""


@pytest.mark.parametrize(
    ("given", "code", "words", "never"),
    [
        (None, 0, "not audited: requests.exceptions.ConnectionError: no network", "no weakness"),
        ([], 0, "packages, of which the service knows nothing", "no weakness"),
        ([{"vulns": []}], 0, "packages audited; no weakness is known of them", "not audited"),
        ([{"vulns": [{"id": "PYSEC-1"}]}, {"vulns": []}], 1, ": PYSEC-1", "no weakness"),
    ],
    ids=["offline", "mirror", "clean", "weak"],
)
def test_what_is_said(tmp_path, given, code, words, never):
    (tmp_path / "pip_audit.py").write_text(ANSWER.format(given=given))
    done = subprocess.run(
        [sys.executable, AUDIT, sys.executable],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    assert words in done.stdout
    assert never not in done.stdout


def test_every_installed_package_is_asked_for(tmp_path):
    (tmp_path / "pip_audit.py").write_text(
        "import json, sys\nfrom pathlib import Path\n"
        "names = Path(sys.argv[sys.argv.index('--requirement') + 1]).read_text().split()\n"
        f"Path({str(tmp_path / 'asked')!r}).write_text(json.dumps(names))\nsys.exit('later')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, AUDIT, sys.executable], env=environment, check=True)
    asked = {name.split("==")[0].lower() for name in json.loads((tmp_path / "asked").read_text())}
    assert {"numpy", "pillow", "onnxruntime"} <= asked
    assert not {"pip", "agr-faces"} & asked
