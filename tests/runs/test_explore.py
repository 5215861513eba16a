"""What is in a folder of pictures, as numbers and as a page; the pictures here are drawn."""

import csv
import os
import re
import resource
import subprocess
import sys

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from agr.cli import app
from agr.datasets import read_any
from agr.errors import DatasetError, ParameterError
from agr.report.page import SHOWN_ROWS, Page
from agr.runs.explore import explore, write_report

pytest.importorskip("matplotlib", reason="plots are an extra: agr-faces[plots]")

PLOTS = {
    "age_boxes_by_gender", "age_boxes_by_race", "age_density_by_gender", "age_density_by_race",
    "age_histogram", "balance_age", "balance_gender", "balance_race", "counts", "duplicates",
    "sample",
}  # fmt: skip
TABLES = {"ages", "balancing", "counts", "duplicates", "left_out", "years"}


@pytest.fixture(scope="module")
def folder(faces_drawn, tmp_path_factory):
    """Draw 24 faces: 16 female and 8 male; and a copy of one, a broken file and a bad name."""
    root = tmp_path_factory.mktemp("Faces & <b>")
    X, _ = faces_drawn(24, seed=5)
    for i, pixels in enumerate(X):
        gender, race = int(i % 3 > 0), i % 4
        Image.fromarray(pixels).save(root / f"{10 + i}_{gender}_{race}_2017{i:03d}.png")
    Image.fromarray(X[0]).save(root / "50_0_1_2017900.png")
    (root / "30_0_0_2017901.png").write_bytes(b"broken")
    Image.fromarray(X[1]).save(root / "39_1_2017<i>.png")
    return root


@pytest.fixture(scope="module")
def found(folder):
    return explore(folder)


@pytest.fixture(scope="module")
def written(folder, tmp_path_factory):
    """Write the report; gives its folder and its page."""
    report = tmp_path_factory.mktemp("out") / "deep" / "report"
    path = write_report(folder, report)
    return report, path.read_text()


class TestNumbers:
    def test_counts(self, found):
        counts = found.counts.set_index(["gender", "race"])["pictures"]
        assert counts.sum() == 25
        assert counts["female"].sum() == 16
        assert counts["male", "black"] == 3  # the copy among them

    def test_ages(self, found):
        ages = found.ages.set_index("group")
        assert ages.loc["all", ["count", "min", "max"]].tolist() == [25, 10, 50]
        assert ages.loc["all", "mean"] == pytest.approx((sum(range(10, 34)) + 50) / 25)
        assert ages.loc["gender=male", "50 %"] == 22
        assert ages.loc[["gender=female", "gender=male"], "count"].sum() == 25
        assert ages.filter(like="race=", axis=0)["count"].sum() == 25

    def test_years(self, found):
        years = found.years.set_index("age")
        assert years["pictures"].to_dict() == {**dict.fromkeys(range(10, 34), 1), 50: 1}
        assert years.filter(like="gender=").sum(axis=1).tolist() == years["pictures"].tolist()
        assert years.filter(like="race=").sum(axis=1).tolist() == years["pictures"].tolist()

    def test_balancing(self, found):
        shares = found.balancing.set_index(["task", "label"])
        gender = shares.loc["gender"]
        assert gender["share"].to_dict() == {"female": 16 / 25, "male": 9 / 25}
        assert gender["share_after_weights"].tolist() == pytest.approx([0.5, 0.5])
        age = shares.loc["age"]
        assert age["pictures"].to_dict() == {
            "10 to 19": 10, "20 to 29": 10, "30 to 39": 4, "50 to 59": 1,
        }  # fmt: skip
        assert age["share_after_weights"].sum() == pytest.approx(1)
        # Every year of age has one picture, so there is nothing to balance.
        assert age["share_after_weights"].tolist() == pytest.approx(age["share"].tolist())

    def test_balancing_lets_every_year_count_the_same(self, folder, tmp_path):
        table = read_any(folder).table[["path"]].assign(age=[20] * 20 + [21] * 4 + [50])
        table.to_csv(tmp_path / "t.csv")
        age = explore(tmp_path / "t.csv").balancing.set_index("label")
        assert age["share"].to_dict() == {"20 to 29": 24 / 25, "50 to 59": 1 / 25}
        assert age["share_after_weights"].tolist() == pytest.approx([2 / 3, 1 / 3])

    def test_left_out(self, found):
        assert set(found.left_out.itertuples(index=False, name=None)) == {
            ("unreadable picture", "30_0_0_2017901.png"),
            ("malformed name", "39_1_2017<i>.png"),
        }

    def test_duplicates(self, found):
        assert {os.path.basename(path) for path in found.duplicates["path"]} == {
            "10_0_0_2017000.png", "50_0_1_2017900.png",
        }  # fmt: skip
        assert found.duplicates["group"].tolist() == [1, 1]

    def test_copies_are_numbered_alike_in_table_and_plot(self, faces_drawn, tmp_path, monkeypatch):
        """Four pairs, 0, 3, 40 and 0 years apart."""
        data, years = tmp_path / "data", [(20, 20), (30, 33), (40, 80), (50, 50)]
        data.mkdir()
        for i, pixels in enumerate(faces_drawn(len(years), seed=5)[0]):
            for age, name in zip(years[i], "ab", strict=True):
                Image.fromarray(pixels).save(data / f"{age}_0_0_2017{i}{name}.png")
        grids = {}
        monkeypatch.setattr(
            "agr.runs.explore._grid",
            lambda page, name, rows, captions, title: grids.update({name: captions}),
        )
        write_report(data, tmp_path / "report")
        rows = pd.read_csv(tmp_path / "report" / "duplicates.csv")
        assert rows["group"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
        assert rows["age"].tolist() == [40, 80, 30, 33, 20, 20, 50, 50]
        assert [caption.split(",")[0] for caption in grids["duplicates"]] == [
            "group 1\n40", "group 1\n80", "group 2\n30", "group 2\n33",
        ]  # fmt: skip

    def test_copies_that_agree_have_no_plot(self, faces_drawn, tmp_path):
        (tmp_path / "data").mkdir()
        (pixels,), _ = faces_drawn(1)
        for name in "ab":
            Image.fromarray(pixels).save(tmp_path / "data" / f"20_0_0_2017{name}.png")
        page = write_report(tmp_path / "data", tmp_path / "report").read_text()
        assert "2 pictures are identical or nearly so, in 1 groups" in page
        assert "ages differ most" not in page
        assert not (tmp_path / "report" / "duplicates.png").exists()

    def test_labels_that_are_missing(self, folder, tmp_path):
        faces = read_any(folder).table[["path", "gender"]]
        faces.assign(gender=faces["gender"].mask(faces.index < 2)).to_csv(tmp_path / "t.csv")
        some = explore(tmp_path / "t.csv")
        assert some.counts["race"].unique().tolist() == ["unknown"]
        assert some.counts.set_index("gender")["pictures"]["unknown"] == 2
        assert some.ages.empty
        assert set(some.balancing["task"]) == {"gender"}
        page = write_report(tmp_path / "t.csv", tmp_path / "report").read_text()
        assert "Age" not in re.sub('base64,[^"]*', "", page)

    def test_nothing_there(self, tmp_path):
        with pytest.raises(DatasetError, match="nowhere is not there"):
            explore(tmp_path / "nowhere")


class TestReport:
    def test_files(self, written):
        folder, _ = written
        expected = {f"{name}.png" for name in PLOTS} | {f"{name}.csv" for name in TABLES}
        assert set(os.listdir(folder)) == {"index.html", *expected}
        for name in PLOTS:
            with Image.open(folder / f"{name}.png") as picture:
                assert min(picture.size) > 200

    def test_page_needs_no_other_file(self, written):
        _, page = written
        sources = re.findall(r'<img alt="([^"]*)" src="([^"]{23})', page)
        assert len(sources) == page.count("<img")
        plots = [alt for alt, source in sources if source.startswith("data:image/png;base64,")]
        assert len(plots) == len(PLOTS - {"duplicates", "sample"})
        assert all(plots)
        pictures = [source for _, source in sources if source == "data:image/jpeg;base64,"]
        assert len(pictures) == len(sources) - len(plots) == 25 + 2  # the sample and the copies
        assert not re.search(r"https?://|<script|<link|@import|url\(", page)

    def test_names_are_escaped(self, written):
        folder, page = written
        assert "Faces &amp; &lt;b&gt;" in page
        assert "39_1_2017&lt;i&gt;.png" in page
        assert "<i>" not in page
        assert "<b>" not in page

    def test_headline(self, written):
        _, page = written
        found = re.findall(r"<dt>(.*)</dt><dd>(.*?)</dd><dd class=\"note\">(.*?)</dd>", page)
        assert found == [
            ("pictures", "25", "2 left out"),
            ("years of age", "10 to 50", "half are 16 to 28"),
            ("labelled female, the most frequent gender", "64 %", "fewest: male, 36\xa0%"),
            ("labelled black, the most frequent race", "28 %", "fewest: indian, 24\xa0%"),
            ("pictures that have a copy", "2", "in 1 group"),
        ]
        assert page.index("<dt>") < page.index("<section")

    def test_facts(self, written):
        _, page = written
        assert "25 of 27 entries kept" in page
        assert "2 entries cannot be used" in page
        assert "2 pictures are identical or nearly so, in 1 groups" in page
        assert "1 groups differ in age" in page
        assert "0 groups differ in gender" in page
        assert "would keep 16 of 25 pictures, as many of each of the 8 groups" in page

    def test_tables_hold_the_numbers(self, written, found):
        folder, _ = written
        for name in TABLES - {"duplicates"}:
            rows = pd.read_csv(folder / f"{name}.csv")
            pd.testing.assert_frame_equal(rows, getattr(found, name), check_dtype=False, rtol=1e-4)

    def test_paths_start_at_the_data(self, written):
        folder, _ = written
        with (folder / "duplicates.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["path"] for row in rows] == ["10_0_0_2017000.png", "50_0_1_2017900.png"]

    def test_same_data_same_page(self, written, folder, tmp_path):
        assert write_report(folder, tmp_path).read_text() == written[1]

    def test_a_stop_leaves_no_old_page(self, tmp_path):
        old = Page(tmp_path, "old").write()
        Page(tmp_path, "new")
        assert "old" not in old.read_text()
        assert "This report was not finished." in old.read_text()
        assert "new" in Page(tmp_path, "new").write().read_text()

    @pytest.mark.parametrize("kind", ["pictures", "another page", "file"])
    def test_what_is_no_report_is_left_alone(self, tmp_path, kind):
        target = tmp_path / "mine"
        path = {"pictures": target / "sample.png", "another page": target / "index.html"}.get(
            kind, target
        )
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
        with pytest.raises(ParameterError, match="mine exists and holds no report; choose a new"):
            Page(target, "new")
        assert path.read_text() == "mine"
        assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1

    def test_long_tables_are_cut(self, tmp_path):
        page = Page(tmp_path, "long")
        page.section("rows")
        page.table("rows", pd.DataFrame({"n": range(SHOWN_ROWS + 5)}), "Rows")
        text = page.write().read_text()
        assert text.count("<tr") == SHOWN_ROWS + 1
        assert f"the first {SHOWN_ROWS} of {SHOWN_ROWS + 5}" in text
        assert len(pd.read_csv(tmp_path / "rows.csv")) == SHOWN_ROWS + 5


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(app, ["explore", *map(str, arguments)])

    def test_explore(self, folder, tmp_path):
        found = self.run(folder, "--output", tmp_path / "r")
        assert (found.exit_code, found.stderr) == (0, "")
        assert found.stdout == f"wrote {tmp_path / 'r' / 'index.html'}\n"

    def test_wrong_folder(self, tmp_path):
        found = self.run(tmp_path / "gone", "--output", tmp_path / "r")
        assert found.exit_code == 2
        assert "gone is not there" in found.stderr

    def test_without_matplotlib(self, folder, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        monkeypatch.setattr(
            "agr.runs.selection.read_any", lambda *_, **__: pytest.fail("read for nothing")
        )
        found = self.run(folder, "--output", tmp_path / "r")
        assert found.exit_code == 2
        assert found.stderr == 'Error: Plots need matplotlib: pip install "agr-faces[plots]"\n'
        assert not (tmp_path / "r").exists()

    def test_without_jinja2(self, folder, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "jinja2", None)
        monkeypatch.setattr(
            "agr.runs.selection.read_any", lambda *_, **__: pytest.fail("read for nothing")
        )
        found = self.run(folder, "--output", tmp_path / "r")
        assert found.exit_code == 2
        assert found.stderr == 'Error: Plots need jinja2: pip install "agr-faces[plots]"\n'
        assert not (tmp_path / "r").exists()

    def test_loads_no_tensorflow(self, folder, tmp_path, environment):
        code = (
            "import sys\nfrom agr.cli import app\n"
            "app(['explore', *sys.argv[1:]], standalone_mode=False)\n"
            "print(*{'tensorflow', 'keras', 'onnxruntime', 'matplotlib'} & set(sys.modules))"
        )
        found = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, folder, "--output", tmp_path / "r"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert found.returncode == 0, found.stderr
        assert found.stdout.splitlines()[1] == "matplotlib"


@pytest.mark.real
def test_real_pictures(utkface_dir, tmp_path):
    (tmp_path / "some").mkdir()
    for path in sorted(utkface_dir.iterdir())[::100]:
        (tmp_path / "some" / path.name).symlink_to(path)
    found = explore(tmp_path / "some")
    n = len(os.listdir(tmp_path / "some"))
    assert found.counts["pictures"].sum() == n - len(found.left_out) > 150
    assert found.counts[["gender", "race"]].nunique().tolist() == [2, 5]
    assert write_report(tmp_path / "some", tmp_path / "report").stat().st_size > 500_000


def test_a_page_that_does_not_fit_on_the_disk_is_told_as_unfinished(tmp_path):
    page = Page(tmp_path / "report", "Large")
    page.section("Facts", ["x" * 200_000])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # bytes; stands for a full disk
    try:
        with pytest.raises(OSError, match="too large"):
            page.write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "was not finished" in (tmp_path / "report" / "index.html").read_text()
    assert os.listdir(tmp_path / "report") == ["index.html"]
