"""``agr evaluate`` with its other reports, and ``agr compare``, on drawn faces and tiny models."""

import csv
import io
import json
import os
import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from agr.cli import app
from agr.core import artifact
from agr.datasets import read_any
from agr.datasets.faces import make_faces
from agr.runs.challenge import measure_challenge
from agr.runs.scoring import Scorer


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def rows(found):
    assert found.exit_code == 0, found.output
    return list(csv.DictReader(io.StringIO(found.stdout)))


@pytest.fixture(scope="module")
def noted(trained, drawn_utkface, tmp_path_factory):
    """Give a model that notes the data and the split that it was trained with."""
    folder = tmp_path_factory.mktemp("noted") / "model"

    def note(part, manifest):
        manifest["notes"] = {
            "data": drawn_utkface.name,
            "split": "seed 0",
            "pictures": "56 train, 8 validation, 16 test",
        }

    artifact.rewrite(trained["gender"].folder, folder, note, "gender")
    return folder


class TestWarning:
    def said(self, noted, data, *words):
        shares = ["--validation", 0.1, "--test", 0.2]
        found = run("evaluate", "gender", "--data", data, "--model", noted, *shares, *words)
        assert found.exit_code == 0, found.output
        return found.stderr

    @pytest.mark.parametrize(
        ("part", "words"),
        [
            ("all", "learned from some of these pictures"),
            ("train", "learned from these pictures"),
            ("validation", "was chosen and calibrated by these pictures"),
        ],
    )
    def test_of_what_it_learned_from(self, noted, drawn_utkface, part, words):
        said = self.said(noted, drawn_utkface, "--part", part)
        assert f"Warning: the {noted} model {words}" in said

    def test_of_another_split(self, noted, drawn_utkface):
        words = "was trained with another split (seed 0; 56 train"
        assert words in self.said(noted, drawn_utkface, "--part", "test", "--seed", 1)

    def test_none_of_its_own_test_part(self, noted, drawn_utkface):
        assert "Warning" not in self.said(noted, drawn_utkface, "--part", "test")

    def test_none_of_other_data(self, noted, drawn_utkface, tmp_path):
        shutil.copytree(drawn_utkface, tmp_path / "others")
        assert "Warning" not in self.said(noted, tmp_path / "others")


class TestFormats:
    @pytest.fixture
    def words(self, trained, drawn_utkface):
        return ["evaluate", "race", "--data", drawn_utkface, "--model", trained["race"].folder]

    def test_csv_has_every_score_with_its_interval(self, words):
        table = pd.DataFrame(rows(run(*words, "--format", "csv")))
        assert set(table["groups"]) == {"all", "gender", "race", "age", "gender x race x age"}
        accuracy = table[(table["metric"] == "accuracy") & (table["group"] == "all")].iloc[0]
        assert float(accuracy["low"]) < float(accuracy["value"]) <= float(accuracy["high"])
        assert set(table[table["n"].astype(int) < 30]["uncertain"]) == {"True"}

    def test_markdown(self, words):
        text = run(*words, "--format", "markdown").stdout
        assert "### Every mean, and the group where it is worst" in text
        assert "| race=asian | 16\\* | " in text
        assert "fewer than 30 pictures: uncertain" in text

    def test_table_ends_with_the_worst_groups_and_the_differences(self, words):
        text = run(*words).stdout
        assert text.index("\nscore") < text.index("\nbetween groups")
        assert "* fewer than 30 pictures" in text

    def test_limit(self, words):
        report = json.loads(run(*words, "--limit", 20, "--format", "json").stdout)
        assert report["n"] == 20


class TestCorruptions:
    def test_rows(self, trained, drawn_utkface):
        words = ["--model", trained["age"].folder, "--corruption", "gray", "--format", "csv"]
        found = rows(run("evaluate", "age", "--data", drawn_utkface, *words))
        assert {row["kind"] for row in found} == {"none", "gray"}
        assert {row["severity"] for row in found} == set("012345")
        assert {"mae", "coverage"} <= {row["score"] for row in found}

    def test_race_that_is_told_by_the_hue_is_lost_in_gray(self, trained, drawn_utkface):
        words = ["--model", trained["race"].folder, "--corruption", "gray", "--format", "csv"]
        found = rows(run("evaluate", "race", "--data", drawn_utkface, *words))
        by = {row["severity"]: row for row in found if row["score"] == "accuracy"}
        assert float(by["0"]["value"]) > 0.6
        assert float(by["5"]["change"]) < -0.2
        assert float(by["5"]["high"]) < 0
        assert by["5"]["worst_group"]

    def test_unknown_kind(self, drawn_utkface):
        found = run("evaluate", "age", "--data", drawn_utkface, "--corruption", "grey")
        assert found.exit_code == 2
        assert "Did you mean 'gray'?" in found.stderr

    def test_page(self, trained, drawn_utkface, tmp_path):
        pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")
        words = ["--model", trained["gender"].folder, "--corruption", "mask", "--limit", 10]
        found = run(
            "evaluate", "gender", "--data", drawn_utkface, *words, "--plots", tmp_path / "page"
        )
        assert found.exit_code == 0, found.output
        assert set(os.listdir(tmp_path / "page")) == {
            "index.html", "kinds.csv", "robustness.csv", "robustness_accuracy.png",
            "robustness_ece.png",
        }  # fmt: skip


class TestChallenge:
    def test_tables(self, trained, drawn_utkface):
        words = ["--data", drawn_utkface, "--model", trained["age"].folder, "--format", "json"]
        found = json.loads(run("evaluate", "age", *words, "--challenge", "18:20").stdout)
        assert set(found) == {"challenge", "wanted", "years", "errors"}
        shares = [r for r in found["challenge"] if r["by"] == "age" and r["group"] == "all"]
        assert [row["threshold"] for row in shares] == [18, 19, 20]
        ages = read_any(drawn_utkface).table["age"]
        assert shares[0]["minors_n"] == ((ages >= 13) & (ages < 18)).sum()
        assert shares[0]["adults_n"] == (ages >= 18).sum()
        truth = trained["age"].estimator
        said = truth.predict(read_any(drawn_utkface).paths)
        assert shares[0]["adults_challenged"] == pytest.approx((said[ages >= 18] < 18).mean())

    def test_a_picture_that_cannot_be_read_is_challenged(self, trained, drawn_utkface, tmp_path):
        table = read_any(drawn_utkface).table[:12].copy()
        table["age"] = 30.0
        table.loc[3, "path"] = str(tmp_path / "absent.jpg")
        scorer = Scorer("age", trained["age"].folder)
        shares = measure_challenge(scorer, make_faces(table), 1, 1)[0].rows[0]
        assert (shares["unread"], shares["adults_n"]) == (1, 12)
        assert shares["adults_challenged"] == pytest.approx(1 / 12)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["gender", "--challenge", "18:25"], "--challenge is about ages; got the task gender"),
            (["age", "--challenge", "25"], "must be the age limit and the highest challenge age"),
            (["age", "--challenge", "18:25", "--corruptions"], "are separate reports"),
        ],
        ids=["task", "words", "both"],
    )
    def test_refuses(self, drawn_utkface, words, message):
        found = run("evaluate", *words, "--data", drawn_utkface)
        assert found.exit_code == 2
        assert message in " ".join(found.stderr.replace("│", " ").split())

    def test_page(self, trained, drawn_utkface, tmp_path):
        pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")
        words = ["--model", trained["age"].folder, "--challenge", "18:20"]
        found = run(
            "evaluate", "age", "--data", drawn_utkface, *words, "--plots", tmp_path / "page"
        )
        assert found.exit_code == 0, found.output
        assert {"challenge_age.png", "challenge_interval_low.png", "wanted.csv"} <= set(
            os.listdir(tmp_path / "page")
        )


class TestCompare:
    def test_a_model_with_itself(self, trained, drawn_utkface):
        folder = trained["gender"].folder
        words = ["--data", drawn_utkface, "--format", "json"]
        found = json.loads(run("compare", "gender", folder, folder, *words).stdout)
        assert found["changed"] == []
        assert {row["change"] for row in found["groups"]} == {0.0}
        assert {row["p"] for row in found["groups"]} == {1.0}
        assert set(found["scores"][0]) >= {"gender (1)", "gender (2)"}

    def test_a_table_of_answers_with_a_model(self, trained, drawn_utkface, tmp_path):
        faces = read_any(drawn_utkface)
        answers = faces.table[["path", "gender"]].copy()
        answers.loc[:19, "gender"] = "male"  # a peer that errs on women
        answers[:-5].to_csv(tmp_path / "peer.csv", index=False)
        words = ["--data", drawn_utkface, "--format", "json"]
        found = run("compare", "gender", tmp_path / "peer.csv", trained["gender"].folder, *words)
        assert "5 of 80 pictures are not in" in found.stderr
        tables = json.loads(found.stdout)
        wrong = (faces.table["gender"][:20] == "female").sum()
        assert tables["scores"][0]["peer"] == pytest.approx(1 - wrong / 75)
        women = next(row for row in tables["groups"] if row["group"] == "gender=female")
        assert women["only_second"] >= wrong - 2
        assert women["verdict"] == "gains"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("path,age\na.png,3\n", "and a column gender; it has path, age"),
            ("path,gender\nx.png,male\n", "No picture is in both"),
            ("path,gender\nx.png,male\nd/x.png,male\n", "names the file x.png twice"),
        ],
        ids=["column", "nothing", "twice"],
    )
    def test_a_table_that_does_not_fit(self, drawn_utkface, tmp_path, content, message):
        (tmp_path / "peer.csv").write_text(content)
        found = run("compare", "gender", tmp_path / "peer.csv", "bundled", "--data", drawn_utkface)
        assert found.exit_code == 2
        assert message in found.stderr

    def test_no_model(self, drawn_utkface, tmp_path):
        found = run("compare", "age", tmp_path / "none", "bundled", "--data", drawn_utkface)
        assert "is no saved model and no .csv file" in found.stderr
