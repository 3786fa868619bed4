"""Spectra that a session records: when, of what, and that training does not notice."""

import warnings

import pytest
import torch

from hessianfree_lab.records import Spectrum, StepRecord
from hessianfree_lab.training.spectra import spectrum_of_task
from server.training.sessions import records_of, session


def spectra_of(spec_session):
    return [record for records in spec_session for record in records if isinstance(record, Spectrum)]


@pytest.mark.parametrize("optimizer", ["hessianfree", "adam", "lbfgs"])
def test_every_so_many_steps_from_the_first_and_as_metrics_too(optimizer):
    recorded = {}
    for record, *others in session("digits-classifier", optimizer, steps=5, record={"spectrum": 2}):
        named = {name: value for name, value in record.metrics.items() if name.startswith("spectrum")}
        found = [other for other in others if isinstance(other, Spectrum)]
        assert bool(named) == bool(found)
        for spectrum in found:
            assert spectrum.step == record.step
            assert named == {
                "spectrum_largest": spectrum.largest,
                "spectrum_smallest": spectrum.smallest,
                "spectrum_trace": spectrum.trace,
            }
            recorded[record.step] = spectrum
    assert list(recorded) == [1, 3, 5]
    assert len({spectrum.largest for spectrum in recorded.values()}) == 3


def test_unless_asked_there_is_none():
    assert spectra_of(session("digits-classifier", steps=2)) == []


def test_it_is_the_spectrum_where_the_step_begins():
    """Rosenbrock's function at (-1.2, 1), where it starts."""
    exact = {
        "hessian": torch.tensor([[1330.0, 480.0], [480.0, 200.0]], dtype=torch.float64),
        "ggn": torch.tensor([[1154.0, 480.0], [480.0, 200.0]], dtype=torch.float64),
    }
    for matrix, dense in exact.items():
        (found,) = spectra_of(
            session(
                "rosenbrock",
                steps=1,
                dtype="float64",
                record={"spectrum": 1, "spectrum_of": matrix},
            )
        )
        smallest, largest = torch.linalg.eigvalsh(dense).tolist()
        assert found.matrix == matrix
        assert found.dimension == 2
        assert found.largest == pytest.approx(largest)
        assert found.smallest == pytest.approx(smallest)


@pytest.mark.parametrize("optimizer", ["hessianfree", "adam"])
def test_training_is_the_same_to_the_bit(optimizer):
    losses = [
        [record.metrics["loss"] for record in records_of(spec_session)]
        for spec_session in (
            session("digits-autoencoder", optimizer, steps=4, problem_params={"batch_size": 100}, **asked)
            for asked in ({}, {"record": {"spectrum": 1}})
        )
    ]
    assert losses[0] == losses[1]


def test_a_curvature_that_is_not_finite_has_none_and_says_so():
    task = session("rosenbrock", dtype="float64").task
    with torch.no_grad():
        task.parameters[0].fill_(torch.inf)
    with pytest.warns(UserWarning, match="There is no spectrum at step 7: .* not finite"):
        assert spectrum_of_task(task, 7, "hessian", seed=0) is None


def test_a_seed_is_a_spectrum():
    task = session("digits-classifier").task
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [spectrum_of_task(task, 1, "ggn", seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert isinstance(StepRecord(step=1, metrics={"spectrum_trace": found[0].trace}), StepRecord)
