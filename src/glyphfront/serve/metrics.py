"""Counts for Prometheus; with several workers they are added up through files that Prometheus's client keeps."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # the client looks at it when it is imported
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_IMAGES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What one application counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("glyphfront_requests", "Requests answered", ("path", "status"), registry=self._registry)
        self.seconds = Histogram(
            "glyphfront_request_seconds", "Time to answer", ("path",), buckets=_SECONDS, registry=self._registry
        )
        self.batch = Histogram(
            "glyphfront_batch_images", "Images in one run of a model", buckets=_IMAGES, registry=self._registry
        )

    def text(self) -> bytes:
        """Of all workers, in Prometheus's text format."""
        registry = self._registry
        if _VARIABLE in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


@contextmanager
def shared_between_workers() -> Iterator[None]:
    """While workers are started and run: a folder in which they count together."""
    folder = tempfile.mkdtemp(prefix="glyphfront-metrics-")
    os.environ[_VARIABLE] = folder
    try:
        yield
    finally:
        del os.environ[_VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)
