from __future__ import annotations

import numpy as np
import pytest

from glyphfront.ship.calibrate import fit_temperature, tempered


def test_temperature_of_overconfident_rows_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 5))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (rng.random((len(true), 1)) > true.cumsum(1)).sum(1).clip(0, 4)
    sharp = np.exp(3 * logits) / np.exp(3 * logits).sum(1, keepdims=True)
    assert fit_temperature(sharp, labels) == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(tempered(sharp, 3.0), true, atol=1e-6)
