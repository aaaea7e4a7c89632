"""How often comparisons over seeds call rows different that are not: the size of the test that tables rest on.

No timing. Models fail on hard images, each also by its own noise; the seed of a training shifts all its images.

Usage: python benchmarks/null_size.py
"""

from __future__ import annotations

import numpy as np

from glyphfront.measure.statistics import compare_seeds, pooled_seed_variance
from record import save

IMAGES, TABLES = 2000, 2000
ROWS_SEEDS = ((2, 2), (3, 2), (4, 2), (6, 2), (18, 2), (4, 3))
UNEQUAL = 2.0  # standard deviation between seeds of the two rows that are compared, as a multiple of the others'
SEED_SD = (0.0, 0.01, 0.02, 0.04, 0.1)  # standard deviation, in units of the images' ease, whose own is 1


def main() -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, list[float]] = {
        name: [] for name in ("rows", "seeds", "degrees_of_freedom", "seed_sd_of_the_two")
    }
    columns |= {name: [] for name in ("seed_sd_points", "share_below_5_percent", "share_below_1_percent")}
    for (rows, seeds), of_the_two in [*((size, 1.0) for size in ROWS_SEEDS), ((6, 2), UNEQUAL), ((18, 2), UNEQUAL)]:
        for seed_sd in SEED_SD:
            seed_sds = np.full((rows, 1, 1), seed_sd)
            seed_sds[:2] *= of_the_two
            p_values, spread = [], []
            for _ in range(TABLES):
                ease = rng.normal(1.5, 1.0, IMAGES)
                shifts, noise = rng.normal(0, seed_sds, (rows, seeds, 1)), rng.normal(0, 0.5, (rows, seeds, IMAGES))
                models = list(ease + shifts + noise > 0)
                p_values.append(compare_seeds(models[0], models[1], seed_variance=pooled_seed_variance(models)).p_value)
                spread.append(np.var((ease + shifts[:2] > 0).mean(2), axis=1, ddof=1).mean())
            found = np.array(p_values)
            line = [rows, seeds, rows * (seeds - 1), of_the_two, round(100 * float(np.sqrt(np.mean(spread))), 4)]
            line += [float((found < p).mean()) for p in (0.05, 0.01)]
            for column, value in zip(columns.values(), line, strict=True):
                column.append(value)
    save(
        "null_size",
        columns,
        how=f"{TABLES:,} tables of rows that do not differ, {IMAGES:,} images, the first two rows compared with the "
        "variance between seeds pooled over all, the standard deviation of theirs seed_sd_of_the_two times that of the "
        "others; seed_sd_points is that of their trainings' accuracy by the seed",
        repeats=TABLES,
        libraries=("numpy", "scipy"),
    )


if __name__ == "__main__":
    main()
