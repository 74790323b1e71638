"""Reports: what they say, that they stand alone, and that they give nothing away."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.cells import CountSettings, differential
from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, Counting
from napari_leukoseg.correct import AssignClass, MarkReviewed
from napari_leukoseg.errors import CaseError, ExportError
from napari_leukoseg.export import report_data, report_pdf, write_report
from napari_leukoseg.export.report_data import gather_report
from napari_leukoseg.slide import open_slide

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2), ((60, 20), 9, 1)]
SHAPE = (130, 150)

VOID = {"meta", "img", "rect", "path", "hr"}
"""Elements without content."""


class Page(HTMLParser):
    """Text of a page, its pictures, and whatever it refers to."""

    def __init__(self, text):
        super().__init__()
        self.words, self.pictures, self.references = [], [], []
        self.open, self.titles = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.pictures.append(facts["src"])
        self.references += [v for k, v in attrs if k in {"href", "src", "data"}]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page_of(drawn, path, *settings, slide=True):
    write_report(drawn.case, drawn.slide if slide else None, path, *settings)
    return Page(path.read_text(encoding="utf-8"))


def pages_in(path):
    content = path.read_bytes()
    assert content.startswith(b"%PDF-")
    return len(re.findall(rb"/Type /Page\b", content))


def test_page_says_what_was_counted(make_case, tmp_path):
    drawn = make_case(SHAPE, CELLS, mpp=0.1)
    settings = CountSettings(total_wbc=8.0)
    page = page_of(drawn, tmp_path / "new" / "r.html", settings)
    counts = differential(drawn.case.table(), drawn.case.scheme, settings)
    for entry in counts.classes:
        row = (
            f"{entry.name} {entry.count} {entry.per_100:.1f} {entry.per_100_low:.1f} – "
            f"{entry.per_100_high:.1f} {entry.absolute:.2f}"
        )
        assert row in page.text
    assert "White cells 4 8.00" in page.text
    assert "source.png" in page.text
    assert "0.1 µm" in page.text
    assert "4 of 4 cells are not reviewed." in page.text
    assert "The count is not signed off." in page.text
    assert "model drawn" in page.text
    assert f"napari-leukoseg {version('napari-leukoseg')}" in page.text
    assert "Not a medical device" in page.text


def test_page_stands_alone_and_names_no_folder(make_case, tmp_path):
    drawn = make_case(SHAPE, CELLS)
    page = page_of(drawn, tmp_path / "r.html")
    assert len(page.pictures) == 1 + len(CELLS)  # overview and cells
    assert page.references == page.pictures
    assert all(p.startswith("data:image/jpeg;base64,") for p in page.pictures)
    content = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert str(tmp_path) not in content
    assert "http:" not in content
    assert "https:" not in content


def test_names_are_text_and_not_markup(make_case, tmp_path):
    scheme = DEFAULT_SCHEME.added(CellClass(7, "<b>blast & $x_2$", "b", "#12ab34"))
    drawn = make_case(SHAPE, CELLS, scheme=scheme)
    AssignClass((1,), 7).apply(drawn.case)
    drawn.case.set_specimen("<script>1</script>")
    page = page_of(drawn, tmp_path / "r.html")
    assert "<b>blast & $x_2$ 1 25.0" in page.text
    assert "<script>1</script>" in page.text
    write_report(drawn.case, drawn.slide, tmp_path / "r.pdf")
    assert pages_in(tmp_path / "r.pdf")


def test_sign_off_and_the_count_it_is_of(make_case, tmp_path):
    drawn = make_case(SHAPE, CELLS)
    case = drawn.case
    MarkReviewed((1, 2, 3, 4)).apply(case)
    settings = CountSettings(2, seed=5, total_wbc=6.0)
    counts = differential(case.table(), case.scheme, settings)
    case.sign_off("A. Person", counts.to_dict())
    page = page_of(drawn, tmp_path / "signed.html")
    assert "Signed off by A. Person, " in page.text
    assert "2 of 4 white cells, in scan order" in page.text
    assert "not signed off" not in page.text
    assert "another count" not in page.text
    page = page_of(drawn, tmp_path / "other.html", CountSettings())
    assert "What is signed off is another count than this one." in page.text
    AssignClass((1,), 2).apply(case)
    assert "The count is not signed off." in page_of(drawn, tmp_path / "r.html").text


def test_cells_beside_the_white_ones_and_agreement(make_case, tmp_path):
    red = CellClass(7, "normoblast", "n", "#aa3344", Counting.PER_100_WHITE_CELLS)
    drawn = make_case(SHAPE, CELLS, scheme=DEFAULT_SCHEME.added(red))
    AssignClass((1,), 7).apply(drawn.case)
    page = page_of(drawn, tmp_path / "r.html")
    assert "normoblast 1 33.3" in page.text
    assert "same class to 0 % of 1 reviewed cells" in page.text


def test_crops_show_the_cells_at_one_scale(make_case):
    drawn = make_case(SHAPE, CELLS)
    report = gather_report(drawn.case, drawn.slide, CountSettings())
    shown = {g.cell_class.id: g for g in report.galleries}
    assert {i: (g.n_cells, len(g.crops)) for i, g in shown.items()} == {
        1: (2, 2),
        2: (1, 1),
        3: (1, 1),
    }
    for gallery in report.galleries:
        for crop in gallery.crops:
            assert crop.shape == (report_data.CROP_PX, report_data.CROP_PX, 3)
    assert (shown[2].crops[0][0] == report_data.WHITE).all()  # beyond the slide
    assert (np.abs(shown[3].crops[0].astype(int) - 210) <= 1).all()


def test_many_cells_are_shown_in_part(make_case, tmp_path, monkeypatch):
    monkeypatch.setattr(report_data, "N_SHOWN", 5)
    cells = [((r, c), 4, 1) for r in range(10, 130, 12) for c in range(10, 150, 12)]
    drawn = make_case(SHAPE, cells)
    page = page_of(drawn, tmp_path / "r.html")
    assert f"5 of {len(cells)}, spread over the slide" in page.text
    assert len(page.pictures) == 6


def test_without_slide_there_are_no_pictures(make_case, tmp_path):
    drawn = make_case(SHAPE, CELLS)
    assert page_of(drawn, tmp_path / "r.html", slide=False).pictures == []
    write_report(drawn.case, None, tmp_path / "r.pdf")
    assert pages_in(tmp_path / "r.pdf") == 1


def test_pictures_of_a_pdf_are_small_and_look_alike():
    rng = np.random.default_rng(0)
    ground = rng.normal((215, 205, 210), 6, (600, 700, 3))
    ground[200:230, 300:330] = rng.normal((90, 60, 150), 12, (30, 30, 3))
    picture = ground.clip(0, 255).astype(np.uint8)
    indexed = report_pdf._indexed(picture)
    assert len(np.unique(indexed.reshape(-1, 3), axis=0)) <= 256
    error = np.abs(indexed.astype(int) - picture)
    assert error.mean() < 5
    assert error[200:230, 300:330].mean() < 7  # though it is but a small part


@pytest.mark.parametrize("suffix", [".html", ".pdf"])
def test_no_cell(make_case, tmp_path, suffix):
    drawn = make_case((20, 20))
    write_report(drawn.case, drawn.slide, tmp_path / f"r{suffix}")
    assert (tmp_path / f"r{suffix}").stat().st_size > 0


def test_pdf_goes_on_on_further_pages(make_case, tmp_path):
    classes = [
        CellClass(i, f"class {i} " + "x" * 40, "", "#123456") for i in range(7, 60)
    ]
    scheme = DEFAULT_SCHEME
    for cell_class in classes:
        scheme = scheme.added(cell_class)
    drawn = make_case(SHAPE, CELLS, scheme=scheme)
    write_report(drawn.case, drawn.slide, tmp_path / "r.pdf")
    assert pages_in(tmp_path / "r.pdf") > 2
    assert b"Differential count of source.png" in (tmp_path / "r.pdf").read_bytes()


@pytest.mark.parametrize(
    "value", ["/home/me/x.zarr", r"C:\me\x.zarr", "file:///a/x.zarr"]
)
def test_of_paths_only_the_name_is_shown(make_case, tmp_path, value):
    drawn = make_case(SHAPE)
    drawn.case.begin_run({"model": {"folder": value}}, 1)
    page = page_of(drawn, tmp_path / "r.html")
    assert "model.folder x.zarr" in page.text
    assert "The last run was not finished" in page.text


def test_what_cannot_be_written(make_case, tmp_path):
    drawn = make_case(SHAPE, CELLS)
    with pytest.raises(ExportError, match=r"ends on \.html or \.pdf"):
        write_report(drawn.case, None, tmp_path / "r.txt")
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(ExportError, match=r"r\.html exists"):
        write_report(drawn.case, None, tmp_path / "r.html")
    write_report(drawn.case, None, tmp_path / "r.html", overwrite=True)
    assert (tmp_path / "r.html").read_text(encoding="utf-8") != "mine"
    Image.new("RGB", (150, 130)).save(tmp_path / "other.png")
    with (
        open_slide(tmp_path / "other.png") as slide,
        pytest.raises(CaseError, match="belongs to the slide"),
    ):
        write_report(drawn.case, slide, tmp_path / "r.pdf")
    assert not (tmp_path / "r.pdf").exists()
