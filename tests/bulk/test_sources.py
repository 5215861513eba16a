"""Where pictures come from: folders, lists, tables, archives and URLs."""

import io
import os
import sys
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath

import pytest
from PIL import Image

from agr.bulk import places
from agr.bulk.sources import Shard, find
from agr.core.images import find_images, read_image
from agr.errors import DatasetError, ImageError, MissingExtraError, ParameterError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work in a folder with pictures at several depths, each of a colour of its own."""
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate(NAMES):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (10 * k, 0, 0)).save(path)
    (tmp_path / "photos/notes.md").write_text("no picture")
    return tmp_path


NAMES = ("a.png", "a/deep/1.png", "a/deep/10.png", "a/deep/2.PNG", "b.jpg/inner.png", "é.png")


def names(*sources, **options):
    return [item.name for item in find(sources, **options)]


def colour(item):
    return round(read_image(item.picture)[0, 0, 0] / 10)


def pack(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


class TestFolders:
    @pytest.mark.parametrize("source", ["photos", "photos/", "./photos", "."])
    def test_order_is_that_of_find_images(self, folder, source):
        expected = [str(path) for path in find_images([source]) if path.is_file()]
        assert names(source) == expected
        assert len(expected) == len(NAMES)

    def test_a_folder_may_be_called_like_a_picture(self, folder):
        assert names("photos/b.jpg") == ["photos/b.jpg/inner.png"]

    def test_links_to_folders_are_not_followed(self, folder):
        (folder / "photos/loop").symlink_to(folder / "photos")
        assert len(names("photos")) == len(NAMES)

    def test_what_does_not_exist_is_told_by_who_reads_it(self, folder):
        assert names("gone.png", "gone") == ["gone.png", "gone"]

    def test_names_come_one_folder_after_another(self, folder, monkeypatch):
        seen, scan = [], os.scandir
        monkeypatch.setattr(os, "scandir", lambda path: (seen.append(path), scan(path))[1])
        items = find(["photos"])
        next(items)
        assert [os.path.relpath(path) for path in seen] == ["photos", "photos/a", "photos/a/deep"]
        assert len(list(items)) == len(NAMES) - 1
        assert len(seen) == 4


class TestLists:
    def test_paths_are_relative_to_the_list(self, folder):
        (folder / "photos/list.txt").write_text("\ufeffa.png\n\n  a/deep/1.png\n/else/x.png\n")
        found = ["photos/a.png", "photos/a/deep/1.png", "/else/x.png"]
        assert names("photos/list.txt") == found

    def test_any_bytes_may_be_a_name(self, folder):
        (folder / "list.txt").write_bytes(b"caf\xe9.png\n")
        assert os.fsencode(names("list.txt")[0]) == b"caf\xe9.png"

    def test_gone(self, folder):
        with pytest.raises(DatasetError, match=r"gone.txt does not exist; check the path"):
            names("gone.txt")


class TestTables:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_csv(self, folder, separator):
        rows = ["age,path", "3,a.png", '4,"a/deep/1.png"', "", "5"]
        (folder / "photos/t.csv").write_text("\n".join(rows).replace(",", separator))
        assert names("photos/t.csv") == ["photos/a.png", "photos/a/deep/1.png", "photos"]

    def test_column(self, folder):
        (folder / "t.csv").write_text("file,path\nphotos/a.png,b\n")
        assert names("t.csv", path_column="file") == ["photos/a.png"]

    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    def test_column_is_lacking(self, folder, ending):
        if ending == "csv":
            (folder / "t.csv").write_text("files,paths\n")
        else:
            write_parquet(folder / "t.parquet", files=["a"], paths=["b"])
        with pytest.raises(
            DatasetError, match=r"no column 'path'; its columns are 'files', 'paths'.*D"
        ):
            names(f"t.{ending}")

    def test_parquet(self, folder):
        write_parquet(folder / "photos/t.parquet", path=["a.png", None, "b.png"] * 700)
        assert names("photos/t.parquet") == ["photos/a.png", "photos", "photos/b.png"] * 700

    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    def test_damaged(self, folder, ending):
        (folder / f"t.{ending}").write_bytes(b"path\n" + b"x" * 200_000)
        with pytest.raises(DatasetError, match=rf"t\.{ending}"):
            names(f"t.{ending}")


def write_parquet(file, **columns):
    pa = pytest.importorskip("pyarrow", reason="parquet is an extra: agr-faces[parquet]")
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), file)


class TestArchives:
    @pytest.fixture
    def members(self, folder):
        """Give an archive's files, as WebDataset has them."""
        content = {
            f"{k}.png": (folder / "photos" / name).read_bytes() for k, name in enumerate(NAMES)
        }
        return {**content, "0.json": b"{}", "1.cls": b"3"}

    @pytest.mark.parametrize(
        ("ending", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz")]
    )
    def test_pictures_in_it(self, folder, members, ending, mode):
        pack(f"x.{ending}", members, mode)
        found = list(find([f"x.{ending}"]))
        assert [item.name for item in found] == [f"x.{ending}/{k}.png" for k in range(len(NAMES))]
        assert [colour(item) for item in found if "4" not in item.name] == [0, 1, 2, 3, 5]

    def test_cut_off(self, folder, members):
        pack("x.tar", members)
        with open("x.tar", "r+b") as stream:
            stream.truncate(2_000)
        *good, broken, last = find(["x.tar", "photos/a.png"])
        assert [colour(item) for item in good] == [0, 1]
        assert (broken.name, last.name) == ("x.tar", "photos/a.png")
        with pytest.raises(ImageError, match=r"x.tar cannot be read any further"):
            read_image(broken.picture)

    def test_no_archive(self, folder):
        (folder / "x.tar").write_bytes(b"no archive" * 1000)
        (item,) = find(["x.tar"])
        with pytest.raises(ImageError, match=r"x.tar cannot be read any further"):
            read_image(item.picture)

    def test_left_out_and_given_twice(self, folder, members):
        pack("x.tar", members)
        pack("y.tar", {"0.png": members["0.png"]})
        assert names("x.tar", "y.tar", "x.tar", "y.tar", without={"x.tar"}) == ["y.tar/0.png"]

    def test_its_list_of_members_does_not_grow(self, folder, members, monkeypatch):
        opened, plain = [], tarfile.open
        monkeypatch.setattr(tarfile, "open", lambda **k: opened.append(plain(**k)) or opened[0])
        with tarfile.open(name="x.tar", mode="w") as archive:
            for k in range(50):
                archive.addfile(member := tarfile.TarInfo(f"{k}.png"), io.BytesIO())
                assert member.isreg()
        opened.clear()
        assert len(names("x.tar")) == 50
        assert len(opened[0].members) <= 1


class TestShards:
    @pytest.mark.parametrize("count", [1, 2, 3, 8])
    def test_are_disjoint_and_complete(self, folder, count):
        (folder / "list.txt").write_text("".join(f"{k:06d}.jpg\n" for k in range(4000)))
        shares = [names("list.txt", "photos", shard=Shard(k + 1, count)) for k in range(count)]
        every = names("list.txt", "photos")
        assert sorted(sum(shares, [])) == sorted(every)
        assert len(set(every)) == len(every)
        assert all(abs(len(share) * count / len(every) - 1) < 0.15 for share in shares)
        again = [names("list.txt", "photos", shard=Shard(k + 1, count)) for k in range(count)]
        assert again == shares

    def test_a_share_is_the_same_wherever_the_folder_lies(self, folder):
        os.rename("photos", "else")
        (folder / "photos").symlink_to("else")
        second = Shard(2, 3)
        assert [n.replace("else", "photos") for n in names("else", shard=second)] == names(
            "photos", shard=second
        )

    def test_more_pictures_move_no_other(self, folder):
        before = names("photos", shard=Shard(1, 2))
        for k in range(20):
            (folder / f"photos/{k}.png").touch()
        assert set(before) <= set(names("photos", shard=Shard(1, 2)))

    def test_archives_are_dealt_out_whole(self, folder):
        for k in range(5):
            pack(f"{k}.tar", {f"{i}.png": b"" for i in range(3)})
        tars = [f"{k}.tar" for k in range(5)]
        for share, whole in ((1, "024"), (2, "13")):
            found = names(*tars, shard=Shard(share, 2))
            assert found == [f"{k}.tar/{i}.png" for k in whole for i in range(3)]
            other = names(*reversed(tars), shard=Shard(share, 2))
            assert sorted(other) == found

    @pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/", "a/b", "1/2/3", "-1/2", ""])
    def test_wrong(self, text):
        with pytest.raises(
            ParameterError, match=r"shard must be i/n with 1 <= i <= n, such as 2/8"
        ):
            Shard.parse(text)


@pytest.fixture
def memory():
    """Give fsspec's file system in memory, empty."""
    fsspec = pytest.importorskip("fsspec", reason="URLs are an extra: agr-faces[cloud]")
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


@pytest.fixture
def remote(folder, memory):
    """Put the folder into memory too."""
    for name in NAMES:
        memory.pipe(f"/bucket/photos/{name}", (folder / "photos" / name).read_bytes())
    return memory


class TestUrls:
    def test_folder(self, remote):
        found = list(find(["memory://bucket/photos"]))
        assert [item.name.rpartition("photos/")[2] for item in found] == names_by_sort()
        assert [colour(item) for item in found] == [NAMES.index(n) for n in names_by_sort()]

    def test_shares_are_those_of_a_folder_on_the_disk(self, remote):
        here, there = (names(f, shard=Shard(1, 2)) for f in ("photos", "memory://bucket/photos"))
        assert here == [name.rpartition("bucket/")[2] for name in there]

    def test_list_of_urls(self, remote):
        lines = ["photos/a.png", "memory://bucket/photos/é.png", "memory://bucket/gone.png"]
        remote.pipe("/bucket/list.txt", "\n".join(lines).encode())
        first, second, gone = find(["memory://bucket/list.txt"])
        assert first.name == "memory://bucket/photos/a.png"
        assert (colour(first), colour(second)) == (0, 5)
        with pytest.raises(ImageError, match=r"memory://bucket/gone.png does not exist"):
            read_image(gone.picture)

    def test_archives_by_pattern(self, remote, folder):
        for k in (2, 1):
            pack("x.tar", {"0.png": (folder / "photos" / NAMES[k]).read_bytes()})
            remote.put("x.tar", f"/bucket/{k}.tar")
        found = list(find(["memory://bucket/*.tar"]))
        assert [colour(item) for item in found] == [1, 2]
        with pytest.raises(ParameterError, match=r"Nothing is called memory://bucket/\*.tgz"):
            names("memory://bucket/*.tgz")

    def test_unknown_kind(self, folder, memory):
        with pytest.raises(ParameterError, match=r"strange://x.png cannot be opened"):
            names("strange://x.png")

    def test_without_the_extra(self, folder, monkeypatch):
        monkeypatch.setitem(sys.modules, "fsspec", None)
        with pytest.raises(MissingExtraError, match=r'URLs need fsspec: pip install "agr-faces\['):
            names("s3://bucket/x.png")

    def test_a_package_of_the_extra_is_lacking(self, memory, monkeypatch):
        import fsspec

        def fail(url, **_):
            raise ImportError("Install s3fs to access S3")

        monkeypatch.setattr(fsspec.core, "url_to_fs", fail)
        with pytest.raises(MissingExtraError, match=r'Install s3fs .* "agr-faces\[cloud\]"'):
            names("s3://bucket/x.png")


def names_by_sort():
    return [str(path) for path in sorted(map(PurePath, NAMES))]


class Server(SimpleHTTPRequestHandler):
    """Serves a folder, and fails as often as it is told to."""

    failures: list[int] = []

    def do_GET(self):
        if self.failures:
            self.send_error(self.failures.pop())
        else:
            super().do_GET()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def web(folder, memory, monkeypatch):
    pytest.importorskip("aiohttp", reason="URLs are an extra: agr-faces[cloud]")
    monkeypatch.setattr(places, "PAUSES", (0, 0))
    Server.failures = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class TestWeb:
    def test_picture_and_list(self, folder, web):
        (folder / "list.txt").write_text("photos/a/deep/1.png\n")
        found = list(find([f"{web}/photos/a/deep/10.png?size=full", f"{web}/list.txt"]))
        assert [colour(item) for item in found] == [2, 1]

    def test_folder(self, folder, web):
        found = {item.name: colour(item) for item in find([f"{web}/photos/a/"])}
        assert found == {f"{web}/photos/a/deep/{n}": k for n, k in DEEP.items()}

    def test_archive(self, folder, web):
        pack("x.tar", {"0.png": (folder / "photos/a/deep/1.png").read_bytes()})
        (item,) = find([f"{web}/x.tar"])
        assert colour(item) == 1

    def test_asks_again(self, web):
        (item,) = find([f"{web}/photos/a.png"])
        Server.failures = [503, 429]
        assert colour(item) == 0

    @pytest.mark.parametrize("status", [[503] * 3, [403]], ids=["down", "forbidden"])
    def test_gives_up(self, web, status):
        (item,) = find([f"{web}/photos/a.png"])
        Server.failures = list(status)
        with pytest.raises(ImageError, match=r"/photos/a.png cannot be fetched: .*\d+"):
            read_image(item.picture)
        assert not Server.failures

    def test_is_gone(self, web):
        (item,) = find([f"{web}/gone.png"])
        with pytest.raises(ImageError, match=r"gone.png does not exist"):
            read_image(item.picture)


DEEP = {"1.png": 1, "10.png": 2, "2.PNG": 3}
