"""Suspects: the right one leads, innocent runs have few, and each says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perflib.analysis.suspects import Suspect, suspects
from perflib.desk import Desk
from tests import fabricate


def found(run, samples, metrics=None) -> list[Suspect]:
    return suspects(run, samples, metrics)


@pytest.fixture
def gateway(tmp_path: Path):
    return fabricate.recorded("api_gateway", tmp_path)


class TestGuilty:
    def test_a_late_generator(self, gateway) -> None:
        run, samples = gateway
        samples["lateness"] = 0.05
        samples["response_time"] = samples["service_time"] + 0.05
        first = found(run, samples)[0]
        assert first.code == "generator"
        assert first.weight > 0.8

    def test_a_target_that_holds_every_user(self, gateway) -> None:
        """Lateness is no guilt of the generator while all of its users wait for answers."""
        run, samples = gateway
        run.workload["users"] = 4
        stall = samples["intended_start"].between(10, 12)
        samples["lateness"] = np.where(stall, 12 - samples["intended_start"], 0.0)
        samples["start"] = samples["intended_start"] + samples["lateness"]
        samples["end"] = samples["start"] + samples["service_time"]
        samples["response_time"] = samples["end"] - samples["intended_start"]
        by_code = {s.code: s for s in found(run, samples)}
        assert by_code["users"].weight > 0.8
        assert "all 4 users" in by_code["users"].evidence
        assert by_code["generator"].weight < 0.05  # of the first, which find one free

    def test_a_generator_that_waits_for_a_core(self, gateway) -> None:
        run, samples = gateway
        run.generator.cpu_wait_share = 0.61
        samples["lateness"] = 0.05
        assert "waiting for one 61 % of the time" in found(run, samples)[0].evidence

    def test_a_queue_by_littles_law(self, gateway) -> None:
        run, samples = gateway
        wave = 0.2 * (np.sin(samples["start"]) > 0.5)
        samples["end"] += wave
        samples["service_time"] += wave
        (queue,) = [s for s in found(run, samples) if s.code == "queueing"]
        assert "Little's law" in queue.evidence
        assert queue.weight > 0.5

    def test_a_busy_service(self, gateway) -> None:
        run, samples = gateway
        times = np.arange(20.0)
        metrics = pd.DataFrame(
            {"time_s": times, "name": "process_cpu_seconds_total", "labels": "{}"}
        )
        metrics["value"] = 0.97 * times
        (cpu,) = [s for s in found(run, samples, metrics) if s.code == "cpu"]
        assert cpu.weight == pytest.approx(0.94)

    def test_a_finding_of_the_review(self, tmp_path: Path) -> None:
        desk = Desk(*fabricate.recorded("database", tmp_path))
        titles = [s.title for s in desk.suspects]
        assert any("reads the whole of `sessions`" in title for title in titles)

    def test_every_second_sample_tells_of_as_many_requests(self, gateway) -> None:
        run, samples = gateway
        wave = 0.2 * (np.sin(samples["start"]) > 0.5)
        samples["end"] += wave
        samples["service_time"] += wave
        inside = []
        for every in (1, 2):
            (queue,) = [
                s for s in suspects(run, samples[::every], every=every) if s.code == "queueing"
            ]
            inside.append(float(queue.evidence.split()[2]))
        assert inside[1] == pytest.approx(inside[0], rel=0.1)


class TestInnocent:
    def test_nothing_measured_nobody_suspected(self, gateway) -> None:
        run, samples = gateway
        assert found(run, samples[:0]) == []

    def test_a_chain_has_no_queue(self, tmp_path: Path) -> None:
        run, samples = fabricate.recorded("blockchain", tmp_path)
        assert found(run, samples) == []


def test_the_strongest_leads_and_each_has_a_step(gateway) -> None:
    run, samples = gateway
    samples["lateness"] = 0.01
    ranked = found(run, samples, fabricate.service_metrics())
    assert [s.weight for s in ranked] == sorted((s.weight for s in ranked), reverse=True)
    assert all(0 <= s.weight <= 1 and s.evidence and s.next_step for s in ranked)
