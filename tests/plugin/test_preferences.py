from pathlib import Path

import pytest

from napari_leukoseg.plugin import places
from napari_leukoseg.plugin.preferences import MAX_RECENT, Preferences


def test_round_trip() -> None:
    preferences = Preferences.load()
    preferences.model, preferences.cell_diameter_px = "other", 77.0
    preferences.remember(Path("/somewhere/x.svs"), 0.25)
    again = Preferences.load()
    assert again == preferences
    assert again.mpp_of(Path("/somewhere/x.svs")) == 0.25
    assert again.open_folder == str(Path("/somewhere"))


def test_recent_files_are_unique_newest_first_and_few() -> None:
    preferences = Preferences()
    for number in range(MAX_RECENT + 5):
        preferences.remember(Path(f"/a/{number}.png"))
    preferences.remember(Path(f"/a/{MAX_RECENT}.png"))
    names = [Path(entry.path).name for entry in preferences.recent]
    assert names[0] == f"{MAX_RECENT}.png"
    assert len(set(names)) == len(names) == MAX_RECENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[1, 2]",
        '{"model": 3, "cell_diameter_px": -1, "recent": "x", "area": null}',
        '{"stain_method": 1, "stain_strength": 7}',
        '{"recent": [3, {"path": 1}, {"no": "path"}], "cell_diameter_px": "many"}',
    ],
)
def test_damaged_file_gives_defaults(text: str) -> None:
    places.preferences_file().parent.mkdir(parents=True)
    places.preferences_file().write_text(text, encoding="utf-8")
    assert Preferences.load() == Preferences()


def test_unbelievable_pixel_size_is_dropped() -> None:
    data = {"recent": [{"path": "/x.png", "mpp": 40.0}]}
    assert Preferences.from_dict(data).mpp_of(Path("/x.png")) is None


def test_unwritable_folder_loses_nothing_else(home: Path) -> None:
    home.write_text("a file where the folder should be")
    Preferences().remember(Path("/x.png"))
    assert Preferences.load() == Preferences()
