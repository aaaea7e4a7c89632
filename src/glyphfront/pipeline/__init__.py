"""From a study to its results: one executor, for this machine and for many."""
