"""How often comparisons over seeds call rows different that are not: the size of the test that tables rest on.

No timing. Models fail on hard images, each also by its own noise. The seed of a training shifts all its images, so that
its accuracy is drawn around that of all rows: rows have one mean, however far their trainings scatter.

Usage: python benchmarks/null_size.py
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from glyphfront.measure.statistics import compare_seeds, pooled_seed_variance
from record import save

IMAGES, TABLES = 2000, 2000
CASES = (  # rows, seeds, the standard deviations between seeds of the two rows compared, as multiples of the others'
    *((rows, seeds, (1.0, 1.0)) for rows, seeds in ((2, 2), (2, 3), (3, 2), (4, 2), (6, 2), (18, 2), (4, 3))),
    *((rows, 2, (2.0, 2.0)) for rows in (6, 18)),
    *((2, seeds, (1.0, multiple)) for seeds in (2, 3) for multiple in (2.0, 5.0, 10.0)),
)
SEED_SD = (0.0, 0.0015, 0.003, 0.006, 0.012)  # standard deviation of trainings' accuracy
MEAN, REACH = 0.75, 0.249  # accuracy of all rows, and how far a training is from it at most
NOISE = 0.5  # of a training on one image, whose ease has a standard deviation of 1


def main() -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, list[float]] = {
        name: [] for name in ("rows", "seeds", "trainings_less_rows", "seed_sd_of_the_first", "seed_sd_of_the_second")
    }
    columns |= {name: [] for name in ("seed_sd_points", "share_below_5_percent", "share_below_1_percent")}
    for rows, seeds, of_the_two in CASES:
        for seed_sd in SEED_SD:
            seed_sds = np.full((rows, 1, 1), seed_sd)
            seed_sds[:2, 0, 0] *= of_the_two
            p_values, spread = [], []
            for _ in range(TABLES):
                accuracies = MEAN + rng.normal(0, seed_sds, (rows, seeds, 1)).clip(-REACH, REACH)
                ease, noise = rng.normal(0, 1, IMAGES), rng.normal(0, NOISE, (rows, seeds, IMAGES))
                models = list(ease + noise + np.hypot(1, NOISE) * ndtri(accuracies) > 0)
                variance = pooled_seed_variance(models) if rows > 2 else None
                p_values.append(compare_seeds(models[0], models[1], seed_variance=variance).p_value)
                spread.append(np.var(accuracies[:2, :, 0], axis=1, ddof=1).mean())
            found = np.array(p_values)
            line = [rows, seeds, rows * (seeds - 1), *of_the_two, round(100 * float(np.sqrt(np.mean(spread))), 4)]
            line += [float((found < p).mean()) for p in (0.05, 0.01)]
            for column, value in zip(columns.values(), line, strict=True):
                column.append(value)
    save(
        "null_size",
        columns,
        how=f"{TABLES:,} tables of rows that do not differ, {IMAGES:,} images, the first two rows compared with the "
        "variance between seeds pooled over all where there are more than two, and with each row's own where there are "
        "two; the standard deviations of theirs are those multiples of the others'; seed_sd_points is that of their "
        "trainings' accuracy by the seed, in quadratic mean",
        repeats=TABLES,
        libraries=("numpy", "scipy"),
    )


if __name__ == "__main__":
    main()
