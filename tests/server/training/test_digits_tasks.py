"""The digits: data, split, batches, losses."""

import pytest
import torch

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems import digits as digits_module
from hessianfree_lab.training.problems.digits import digits, held_out

CPU = torch.device("cpu")


def build(name, seed=0, dtype=torch.float64, **params):
    problem = PROBLEMS[name]
    return problem.build(problem.params(**params), seed, CPU, dtype)


def test_data_are_the_real_digits():
    images, labels = digits()
    assert images.shape == (1797, 64)
    assert (images.min().item(), images.max().item()) == (0, 1)
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_data_come_from_the_loader_where_its_file_is_not(monkeypatch):
    read = digits.__wrapped__()
    monkeypatch.setattr(digits_module, "FILE", "nowhere")
    loaded = digits.__wrapped__()
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(read, loaded, strict=True))


def test_three_hundred_images_are_held_out_with_every_digit_among_them():
    _, labels = digits()
    assert held_out().sum().item() == 300
    assert labels[held_out()].bincount(minlength=10).min().item() >= 20


def test_full_batch_is_every_training_case_at_every_step():
    task = build("digits-autoencoder")
    first = task.batch.inputs
    task.next_batch()
    assert not task.is_stochastic
    assert task.batch.inputs is first
    assert len(first) == 1497


def order(task, steps):
    batches = []
    for _ in range(steps):
        task.next_batch()
        batches.append(task.batch.inputs)
    return torch.cat(batches)


def test_batches_come_in_an_order_that_the_seed_fixes():
    a, b, c = (build("digits-classifier", seed=seed, batch_size=100) for seed in (3, 3, 4))
    first, again, other = order(a, 20), order(b, 20), order(c, 20)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_epoch_shows_no_case_twice():
    task = build("digits-classifier", batch_size=499)
    epoch = order(task, 3)
    training = digits()[0][~held_out()]
    key = lambda images: sorted(map(tuple, images.tolist()))  # noqa: E731
    assert key(epoch) == key(training)


def test_labels_stay_with_their_images():
    task = build("digits-classifier", batch_size=50)
    images, labels = digits()
    for _ in range(40):
        task.next_batch()
    for image, label in zip(task.batch.inputs, task.batch.targets, strict=True):
        assert label in labels[(images == image).all(dim=1)]


def test_batch_larger_than_the_data_is_refused():
    problem = PROBLEMS["digits-classifier"]
    params = problem.params.model_construct(hidden_size=4, activation="tanh", batch_size=2000)
    with pytest.raises(InvalidRequest, match=r"problem_params\.batch_size = 2000: there are 1497"):
        problem.build(params, 0, CPU, torch.float32)


def test_autoencoder_loss_is_cross_entropy_summed_over_pixels():
    task = build("digits-autoencoder")
    loss, logits = task.forward()
    pixels, p = task.batch.targets, torch.sigmoid(logits)
    by_hand = -(pixels * p.log() + (1 - pixels) * (1 - p).log()).sum() / len(pixels)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-10)


def test_autoencoder_error_is_the_squared_reconstruction_error():
    task = build("digits-autoencoder")
    images = digits()[0][held_out()]
    with torch.no_grad():
        reconstructed = torch.sigmoid(task.batch.model(images))
    by_hand = ((reconstructed - images) ** 2).sum() / 300
    assert task.evaluate()["eval_error"] == pytest.approx(by_hand.item(), rel=1e-10)


def test_classifier_error_is_the_share_misread():
    task = build("digits-classifier")
    images, labels = digits()
    with torch.no_grad():
        guesses = task.batch.model(images[held_out()]).argmax(dim=1)
    misread = (guesses != labels[held_out()]).sum().item()
    assert task.evaluate()["eval_error"] == pytest.approx(misread / 300)


def test_code_layer_is_linear_and_sizes_are_those_asked_for():
    model = build("digits-autoencoder", hidden_size=40, code_size=3).batch.model
    linear = [m for m in model if isinstance(m, torch.nn.Linear)]
    assert [m.out_features for m in linear] == [40, 20, 3, 20, 40, 64]
    after_code = list(model)[list(model).index(linear[2]) + 1]
    assert after_code is linear[3]


def test_initial_network_is_one_for_every_dtype_and_its_seed_alone():
    double, single = build("digits-autoencoder"), build("digits-autoencoder", dtype=torch.float32)
    other = build("digits-autoencoder", seed=1)
    for p, q in zip(double.parameters, single.parameters, strict=True):
        assert torch.equal(p.float(), q)
    assert not torch.equal(double.parameters[0], other.parameters[0])


def test_initial_network_does_not_depend_on_torchs_global_state():
    torch.manual_seed(1)
    first = build("digits-classifier").parameters
    torch.manual_seed(2)
    second = build("digits-classifier").parameters
    assert all(torch.equal(p, q) for p, q in zip(first, second, strict=True))
