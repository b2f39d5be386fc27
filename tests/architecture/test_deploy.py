"""What the tiers write to in the container is mounted, and made for the user they run as."""

from __future__ import annotations

import tempfile
from pathlib import Path

from domicile.cli.places import keys_directory, run_directory
from edge.settings import EdgeSettings
from origin.records import RecordsSettings
from tests.infra.container import Image, mounts, service


def written(data: Path) -> set[Path]:
    """Every directory that `domicile serve --data DATA` writes to."""
    records, edge = RecordsSettings(data=data), EdgeSettings(data_dir=data)
    return {
        data,
        keys_directory(data),
        records.keys_directory,
        records.mirror_directory,
        edge.cache_path,
        edge.run_path,
        run_directory(data),
        Path(tempfile.gettempdir()),
    }


def test_the_root_of_the_container_is_read_only_and_everything_written_is_mounted() -> None:
    assert service()["read_only"] is True
    places = mounts()
    lost = {str(path) for path in written(Image.read().data) if not any(path.is_relative_to(one) for one in places)}
    assert lost == set()


def test_keys_and_mirror_are_volumes_of_their_own() -> None:
    data = Image.read().data
    own = {data, RecordsSettings(data=data).keys_directory, RecordsSettings(data=data).mirror_directory}
    assert own <= set(mounts())


def test_every_volume_is_a_directory_of_the_image_for_its_user_alone() -> None:
    image = Image.read()
    user, _, group = image.only("USER").partition(":")
    volumes = {path for path in mounts() if path != Path("/tmp")}
    assert user != "0"
    assert image.made == dict.fromkeys(volumes, ("0700", user, group))
    assert image.only("VOLUME") == "[" + ", ".join(f'"{path}"' for path in sorted(volumes)) + "]"
