"""Counters and histograms under TensorFlow Serving's names, as a Prometheus text page.

Names, labels and buckets: tensorflow_serving/servables/tensorflow/util.cc; how a name becomes a
Prometheus name (every "/" a ":"): tensorflow_serving/util/prometheus_exporter.cc. Prometheus'
own client library cannot write them: it appends `_total` to the name of every counter.
"""

import bisect
import threading
from collections import defaultdict
from collections.abc import Sequence

from dagan_tf.export.locations import Location

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Labels = tuple[str, ...]


def exponential_buckets(scale: float, growth: float, count: int) -> list[float]:
    """Upper limits scale * growth^i for i < count, as TensorFlow's Buckets::Exponential."""
    return [scale * growth**index for index in range(count)]


class Counter:
    """A number for each combination of label values."""

    kind = "counter"

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        """Starts at zero.

        Args:
            name: as TensorFlow Serving writes it, with slashes.
            labels: their names.
        """
        self.name = name.replace("/", ":")
        self._labels = tuple(labels)
        self._lock = threading.Lock()
        self._values: dict[_Labels, float] = defaultdict(float)

    def add(self, *values: str, amount: float = 1) -> None:
        """Adds to the number of these label values."""
        with self._lock:
            self._values[values] += amount

    def first(self) -> int:
        """The number of the first label values, 0 without any."""
        with self._lock:
            return int(next(iter(self._values.values()), 0))

    def lines(self) -> list[str]:
        """The lines of the Prometheus text format, without their type."""
        with self._lock:
            values = sorted(self._values.items())
        return [
            f"{self.name}{_braces(self._labels, key)} {_number(value)}" for key, value in values
        ]


class Histogram:
    """A distribution for each combination of label values."""

    kind = "histogram"

    def __init__(self, name: str, labels: Sequence[str], limits: Sequence[float]) -> None:
        """All buckets empty.

        Args:
            name: as TensorFlow Serving writes it, with slashes.
            labels: their names.
            limits: upper limits of the buckets, ascending.
        """
        self.name = name.replace("/", ":")
        self._labels = tuple(labels)
        self._limits = list(limits)
        self._lock = threading.Lock()
        self._counts: dict[_Labels, list[int]] = {}
        self._sums: dict[_Labels, float] = defaultdict(float)

    def observe(self, value: float, *values: str) -> None:
        """Adds one value to the distribution of these label values."""
        with self._lock:
            counts = self._counts.setdefault(values, [0] * (len(self._limits) + 1))
            counts[bisect.bisect_left(self._limits, value)] += 1
            self._sums[values] += value

    def lines(self) -> list[str]:
        """The lines of the Prometheus text format, without their type."""
        with self._lock:
            snapshot = [(key, list(c), self._sums[key]) for key, c in sorted(self._counts.items())]
        lines = []
        for key, counts, total in snapshot:
            cumulative = 0
            for limit, count in zip([*self._limits, None], counts, strict=True):
                cumulative += count
                le = "+Inf" if limit is None else f"{limit:g}"
                labels = _braces((*self._labels, "le"), (*key, le))
                lines.append(f"{self.name}_bucket{labels} {cumulative}")
            lines.append(f"{self.name}_sum{_braces(self._labels, key)} {_number(total)}")
            lines.append(f"{self.name}_count{_braces(self._labels, key)} {cumulative}")
        return lines


class ServerMetrics:
    """All metrics of one server. Times go in as seconds and come out as microseconds."""

    def __init__(self) -> None:
        """All counts at zero."""
        latency = exponential_buckets(10, 1.8, 33)
        self._requests = Counter("/tensorflow/serving/request_count", ("model_name", "status"))
        self._latency = Histogram(
            "/tensorflow/serving/request_latency", ("model_name", "API", "entrypoint"), latency
        )
        self._runtime = Histogram(
            "/tensorflow/serving/runtime_latency", ("model_name", "API", "runtime"), latency
        )
        self._warmup = Histogram(
            "/tensorflow/serving/model_warmup_latency", ("model_path", "status"), latency
        )
        self._queuing = Histogram(
            "/tensorflow/serving/batching_session/queuing_latency",
            ("thread_pool_name",),
            exponential_buckets(100, 1.2, 52),
        )
        self._batches = Histogram(
            "/tensorflow/serving/batching_session/processed_batch_size",
            ("thread_pool_name",),
            exponential_buckets(1, 2, 11),
        )

    def answered(self, model: str, api: str, entrypoint: str, status: str, seconds: float) -> None:
        """Counts a request by `GRPC` or `REST`, whatever its answer."""
        self._requests.add(model, status)
        self._latency.observe(seconds * 1e6, model, api, entrypoint)

    def ran(self, model: str, seconds: float) -> None:
        """Records one run of a model; `TF1` is what TensorFlow Serving calls a SavedModel's."""
        self._runtime.observe(seconds * 1e6, model, "Predict", "TF1")

    def warmed_up(self, folder: Location, seconds: float) -> None:
        """Records the time of a version's warm-up."""
        self._warmup.observe(seconds * 1e6, str(folder), "OK")

    def batched(self, pool: str, size: int, waits: Sequence[float]) -> None:
        """Records a batch: its images, padding included, and how long its requests waited."""
        self._batches.observe(size, pool)
        for wait in waits:
            self._queuing.observe(wait * 1e6, pool)

    def value(self, name: str) -> int:
        """What model_service_impl.cc `GetMetrics` takes for a metric's number: 0 if it has none.

        Args:
            name: As TensorFlow Serving's own, `/tensorflow/serving/request_count`.
        """
        counters = {counter.name: counter for counter in (self._requests,)}
        counter = counters.get(name.replace("/", ":"))
        return counter.first() if counter is not None else 0

    def page(self) -> str:
        """Everything in Prometheus' text format."""
        metrics: list[Counter | Histogram] = [
            self._requests,
            self._latency,
            self._runtime,
            self._warmup,
            self._queuing,
            self._batches,
        ]
        lines = []
        for metric in metrics:
            lines += [f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
        return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = []
    for name, value in zip(names, values, strict=True):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        pairs.append(f'{name}="{escaped}"')
    return "{" + ",".join(pairs) + "}"
