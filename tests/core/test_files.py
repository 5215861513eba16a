"""What is promised about files that agr writes: whole or untouched, and still what they were."""

import os
import stat
import threading

import pytest

from agr.core import files


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


class TestReplacing:
    def test_new_file_has_the_rights_that_open_gives(self, tmp_path):
        files.write(tmp_path / "new", b"1")
        (tmp_path / "plain").write_bytes(b"1")
        assert (tmp_path / "new").read_bytes() == b"1"
        assert mode(tmp_path / "new") == mode(tmp_path / "plain")
        assert sorted(os.listdir(tmp_path)) == ["new", "plain"]

    @pytest.mark.parametrize("rights", [0o600, 0o666], ids=oct)
    def test_rights_are_kept(self, tmp_path, rights):
        (tmp_path / "secret").write_bytes(b"old")
        (tmp_path / "secret").chmod(rights)
        with files.replacing(tmp_path / "secret") as stream:
            stream.write(b"new")
            (part,) = (p for p in tmp_path.iterdir() if p.name != "secret")
            assert not mode(part) & ~rights  # while it is written too
        assert mode(tmp_path / "secret") == rights
        assert (tmp_path / "secret").read_bytes() == b"new"

    @pytest.mark.parametrize("there", [True, False], ids=["file", "dangling"])
    def test_a_link_stays_and_leads_to_the_content(self, tmp_path, there):
        (tmp_path / "a").mkdir()
        if there:
            (tmp_path / "a/real").write_bytes(b"old")
        (tmp_path / "link").symlink_to("a/real")
        files.write(tmp_path / "link", b"new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "a/real").read_bytes() == b"new"
        assert os.listdir(tmp_path / "a") == ["real"]

    def test_the_users_own_part_is_left_alone(self, tmp_path):
        (tmp_path / "x.csv.part").write_bytes(b"mine")
        (tmp_path / "other").write_bytes(b"other")
        (tmp_path / "y.csv.part").symlink_to("other")
        files.write(tmp_path / "x.csv", b"1")
        files.write(tmp_path / "y.csv", b"1")
        assert (tmp_path / "x.csv.part").read_bytes() == b"mine"
        assert (tmp_path / "other").read_bytes() == b"other"

    def test_two_writers_use_different_names(self, tmp_path):
        with files.replacing(tmp_path / "x") as one, files.replacing(tmp_path / "x") as two:
            assert len(set(os.listdir(tmp_path))) == 2
            one.write(b"1")
            two.write(b"2")
        assert os.listdir(tmp_path) == ["x"]

    def test_a_pipe_is_written_to(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        got = []
        reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
        reader.start()
        files.write(tmp_path / "pipe", b"through")
        reader.join(20)
        assert got == [b"through"]
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)

    def test_a_device_is_written_to(self, tmp_path):
        # A terminal of our own: were it replaced, no other program would miss it.
        reading, terminal = os.openpty()
        (tmp_path / "terminal").symlink_to(os.ttyname(terminal))
        files.write(tmp_path / "terminal", b"one ")
        (tmp_path / "part").write_bytes(b"two")
        files.put(tmp_path / "part", tmp_path / "terminal")
        assert os.read(reading, 100) == b"one two"
        assert stat.S_ISCHR((tmp_path / "terminal").stat().st_mode)
        assert os.listdir(tmp_path) == ["terminal"]
        os.close(reading)
        os.close(terminal)

    def test_standard_output_that_is_a_pipe(self, tmp_path):
        reading, writing = os.pipe()
        files.write(f"/dev/fd/{writing}", b"through")
        assert os.read(reading, 100) == b"through"
        os.close(reading)
        os.close(writing)

    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt], ids=["os", "stop"])
    def test_a_stop_leaves_what_was_there(self, tmp_path, error):
        (tmp_path / "x").write_bytes(b"old")
        with pytest.raises((OSError, KeyboardInterrupt)), files.replacing(tmp_path / "x") as stream:
            stream.write(b"half")
            raise error
        assert (tmp_path / "x").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["x"]

    def test_a_full_disk_leaves_what_was_there(self, tmp_path):
        if not os.path.exists("/dev/full"):
            pytest.skip("no /dev/full")
        (tmp_path / "full").symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left"):
            files.write(tmp_path / "full", b"x" * 100_000)
        assert os.listdir(tmp_path) == ["full"]

    def test_content_is_on_the_disk_before_it_has_its_name(self, tmp_path, monkeypatch):
        done = []
        sync, rename = os.fsync, os.replace
        monkeypatch.setattr(os, "fsync", lambda fd: (done.append("sync"), sync(fd)))
        monkeypatch.setattr(os, "replace", lambda a, b: (done.append("rename"), rename(a, b)))
        files.write(tmp_path / "x", b"1")
        assert done == ["sync", "rename", "sync"]

    def test_a_very_long_name(self, tmp_path):
        name = "n" * 251 + ".csv"
        files.write(tmp_path / name, b"1")
        assert os.listdir(tmp_path) == [name]

    def test_what_may_not_be_written_is_refused(self, tmp_path, monkeypatch):
        (tmp_path / "x").write_bytes(b"old")
        (tmp_path / "x").chmod(0o444)
        if os.geteuid() == 0:  # root may write anything
            monkeypatch.setattr(os, "access", lambda *_: False)
        with pytest.raises(PermissionError, match="x"):
            files.write(tmp_path / "x", b"new")
        assert (tmp_path / "x").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["x"]

    def test_a_folder_is_refused(self, tmp_path):
        with pytest.raises(IsADirectoryError):
            files.write(tmp_path, b"1")
