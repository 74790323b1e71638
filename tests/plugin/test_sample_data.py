import functools
import hashlib
import http.server
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image

from napari_leukoseg.errors import SampleError
from napari_leukoseg.plugin import sample_data
from napari_leukoseg.plugin.sample_data import bcisc_field, drawn_field, drawn_slide

STORED = b"\xff\xd8 stand-in"


@pytest.fixture
def mirror(tmp_path):
    """Local server of a folder; (its address, the folder, paths asked for)."""
    folder = tmp_path / "mirror"
    (folder / "neut").mkdir(parents=True)
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder, asked
        server.shutdown()
        thread.join()


@pytest.fixture
def published(mirror, monkeypatch, png_bytes):
    """Let the mirror hold a small picture as the published field."""
    _, folder, _ = mirror
    (folder / sample_data.BCISC_FILE).write_bytes(png_bytes)
    digest = hashlib.sha256(png_bytes).hexdigest()
    monkeypatch.setattr(sample_data, "BCISC_SHA256", digest)
    return mirror


@pytest.fixture(scope="module")
def png_bytes(tmp_path_factory):
    from napari_leukoseg.synthetic import SmearSettings, write_field

    path = tmp_path_factory.mktemp("picture") / "a.jpg"
    for _ in write_field(path, SmearSettings.for_field((60, 80))):
        pass
    return path.read_bytes()


def one_layer(layers):
    """The layer that napari makes of what a sample returns."""
    ((data, attributes, kind),) = layers
    assert kind == "image"
    return Image(data, **attributes)


def test_the_field_is_an_rgb_image_in_micrometers(tmp_path):
    layer = one_layer(drawn_field(folder=tmp_path))
    assert layer.rgb
    assert np.asarray(layer.data).shape == (1536, 2048, 3)
    assert layer.scale == pytest.approx([0.13, 0.13])
    assert [f"{unit:~}" for unit in layer.units] == ["µm", "µm"]
    assert Path(layer.metadata["path"]).parent == tmp_path


def test_the_slide_is_a_pyramid(tmp_path):
    layer = one_layer(drawn_slide(folder=tmp_path, shape=(1200, 1500)))
    assert layer.multiscale
    assert [level.shape for level in layer.data] == [(1200, 1500, 3), (600, 750, 3)]
    assert layer.scale == pytest.approx([13 / 60, 13 / 60])


def test_samples_are_drawn_once(tmp_path, monkeypatch):
    drawn_slide(folder=tmp_path, shape=(100, 100))
    monkeypatch.setattr(sample_data, "write_slide", None)
    drawn_slide(folder=tmp_path, shape=(100, 100))


def test_samples_go_to_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(
        sample_data.platformdirs, "user_cache_path", lambda app: tmp_path / app
    )
    drawn_slide(shape=(100, 100))
    assert len(list((tmp_path / "napari-leukoseg" / "samples").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(SampleError, match="cannot be written"):
        drawn_slide(folder=tmp_path / "a", shape=(100, 100))


def test_the_real_field_is_fetched_once(published, tmp_path):
    address, _, asked = published
    for _ in range(2):
        layer = one_layer(bcisc_field(folder=tmp_path / "cache", base_url=address))
    assert np.asarray(layer.data).shape == (60, 80, 3)
    assert asked == [f"/{sample_data.BCISC_FILE}"]


def test_the_environment_names_a_mirror(published, tmp_path, monkeypatch):
    address, _, _ = published
    monkeypatch.setenv(sample_data.BCISC_URL_VARIABLE, address + "/")
    assert one_layer(bcisc_field(folder=tmp_path / "cache")).name == "BCISC field"


def test_another_file_is_refused_and_not_kept(mirror, tmp_path):
    address, folder, _ = mirror
    (folder / sample_data.BCISC_FILE).write_bytes(STORED)
    with pytest.raises(SampleError, match=r"could not be fetched.*hash"):
        bcisc_field(folder=tmp_path / "cache", base_url=address)
    assert not list((tmp_path / "cache").glob("bcisc*"))


def test_a_missing_file_is_said(mirror, tmp_path):
    with pytest.raises(SampleError, match=r"404.*mirror"):
        bcisc_field(folder=tmp_path / "cache", base_url=mirror[0])


def test_no_network_is_said(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(SampleError, match=r"(?s)Check the connection"):
            bcisc_field(folder=tmp_path / "cache", base_url=address)


@pytest.mark.skipif("LEUKOSEG_DATA" not in os.environ, reason="needs the open data")
def test_the_digest_is_that_of_the_published_file():
    file = Path(os.environ["LEUKOSEG_DATA"], "bcisc/original-images")
    content = (file / sample_data.BCISC_FILE).read_bytes()
    assert hashlib.sha256(content).hexdigest() == sample_data.BCISC_SHA256
