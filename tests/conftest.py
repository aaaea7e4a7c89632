"""Fixtures that several test files share."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small nets gain nothing from threads, and lose much on a busy machine

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import fingerprints
from glyphfront.data.splits import TrainingData
from glyphfront.data.strokes import draw
from glyphfront.result import DataUsed

# the same examples every time, and no test that fails because the machine is busy
settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("project")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or leaves anything in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def cases_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked inputs after public bug reports, where GLYPHFRONT_CASES names their folder or cases.zip."""
    place = os.environ.get("GLYPHFRONT_CASES")
    if not place:
        pytest.skip("GLYPHFRONT_CASES names no folder with the cases")
    path = Path(place)
    archive = path if path.suffix == ".zip" else path / "cases.zip"
    if not archive.exists():
        return path
    unpacked = tmp_path_factory.mktemp("cases")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(unpacked)
    return unpacked


@pytest.fixture(scope="session")
def emnist_folder() -> Path:
    """Folder with real EMNIST files, where there is one."""
    folder = os.environ.get("GLYPHFRONT_DATA")
    if not folder:
        pytest.skip("GLYPHFRONT_DATA names no folder with EMNIST files")
    return Path(folder)


@pytest.fixture(scope="session")
def characters() -> Dataset:
    """Ten drawings of each of Balanced's 47 characters, upright."""
    return draw(10, seed=0)


@pytest.fixture(scope="session")
def bars() -> Dataset:
    """200 noisy pictures of four easy classes: a bar at one of four heights."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 4
    images = rng.integers(0, 60, (200, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        top = 4 + 6 * label
        image[top : top + 4, 5:23] = 255
    return Dataset("bars", "train", images, labels, ("a", "b", "c", "d"), "made by a test")


@pytest.fixture(scope="session")
def bar_splits(bars: Dataset) -> TrainingData:
    """The bars as train and validation."""
    train, validation = bars.take(np.arange(120)), bars.take(np.arange(120, 160))
    used = DataUsed(bars.source, bars.source, 120, 40, 40, 0, bars.fingerprint(), "0" * 16)
    return TrainingData(train, validation, used, fingerprints(bars.images[160:]))
