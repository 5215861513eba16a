import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_document_has_our_problems_and_no_others(serve):
    document = serve(max_pictures=7).client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/health", "/v1/predict", "/metrics"}
    assert "ValidationError" not in str(document)
    responses = document["paths"]["/v1/predict"]["post"]["responses"]
    assert set(responses) == {"200", "400", "408", "413", "415", "422", "429", "503"}
    body = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]
    images = body["multipart/form-data"]["schema"]["properties"]["images"]
    assert (images["minItems"], images["maxItems"]) == (1, 7)
    for status, response in responses.items():
        kind = "application/json" if status == "200" else "application/problem+json"
        assert list(response["content"]) == [kind]


def test_schemathesis_finds_nothing(serve, tmp_path):
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    beside = Path(sys.executable).with_name("schemathesis")
    program = str(beside) if beside.exists() else shutil.which("schemathesis")
    service = serve()
    command = [program, "run", f"{service.url}/openapi.json", "--max-examples", "15"]
    command += ["--checks", "all"]
    # How fast this machine makes up requests is not the matter here.
    command += ["--seed", "7", "--no-color", "--workers", "1", "--suppress-health-check=too_slow"]
    options = {"capture_output": True, "text": True, "timeout": 480, "cwd": tmp_path}
    done = subprocess.run(command, check=False, **options)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 3" in done.stdout
