"""What Prometheus reads from this server; labels are route templates, never ids."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry a server, so that two servers of one test do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "liveconvo_http_requests_total", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self.duration = Histogram(
            "liveconvo_http_request_seconds",
            "From the first header to the answer's first byte",
            ["method", "route"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )
        self.redis_failures = Gauge(
            "liveconvo_redis_failures", "Calls that Redis did not answer in time", registry=self.registry
        )
        self.summaries = Counter(
            "liveconvo_summaries_total", "Summaries by how they ended", ["outcome"], registry=self.registry
        )
        self.abandoned = Counter(
            "liveconvo_abandoned_sessions_total", "Sessions completed by the sweep", registry=self.registry
        )
        self.resumed = Counter(
            "liveconvo_resumed_summaries_total", "Summaries put back in the queue by the sweep", registry=self.registry
        )
        self.erased = Counter(
            "liveconvo_erased_total", "Sessions, accounts and organizations that were erased", ["what"],
            registry=self.registry,
        )  # fmt: skip
        self.spent = Counter(
            "liveconvo_spent_rows_total", "Rows that the retention sweep removed", ["what"], registry=self.registry
        )

        self.notes_dropped = Counter(
            "liveconvo_system_logs_dropped_total", "Notes that are on stderr alone", registry=self.registry
        )
        self.usage_warnings = Counter(
            "liveconvo_usage_warnings_total", "People who were told that their minutes run out", registry=self.registry
        )
        self.webhooks = Counter(
            "liveconvo_webhook_attempts_total", "Attempts to deliver by what became of them", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.documents = Counter(
            "liveconvo_documents_total", "Documents by what came of reading them", ["outcome"], registry=self.registry
        )
        self.recordings = Counter(
            "liveconvo_recordings_total", "Given recordings by what came of writing them down", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.mails = Counter(
            "liveconvo_mails_total", "Mails by what became of them", ["outcome"], registry=self.registry
        )

    def page(self) -> bytes:
        return generate_latest(self.registry)
