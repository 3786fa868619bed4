"""Deep sparse autoencoders leave the plateau on which every image is answered by the mean image.

With the reduction ratio measured from CG's warm start instead of from zero, both stay on it: the damping grows by 3/2
at every step for ever.
"""

import pytest
import torch

from engine import autoencoders
from hessianfree.optimizer import HessianFree

pytestmark = [
    pytest.mark.filterwarnings("ignore:The reduction ratio:UserWarning"),
    pytest.mark.filterwarnings("ignore:No suitable update:UserWarning"),
]


def train(widths, side, samples, *, until, max_steps):
    """Train with the defaults until the loss is below `until` times the plateau; answer loss / plateau and dampings."""
    generator = torch.Generator().manual_seed(0)
    images = autoencoders.curves(samples, side, generator)
    model = autoencoders.sparse_autoencoder(widths, generator)
    plateau = autoencoders.plateau(images)

    def forward():
        logits = model(images)
        return autoencoders.cross_entropy(logits, images), logits

    opt = HessianFree(model.parameters())
    assert forward()[0].item() > plateau
    for _ in range(max_steps):
        loss = opt.step(forward)
        if loss < until * plateau:
            break
    return loss / plateau, opt.state["dampings"]


def test_a_small_one_leaves_the_plateau():
    share, dampings = train([100, 50, 25, 12, 6], 10, 100, until=0.7, max_steps=40)
    assert share < 0.7
    assert max(dampings) < 100


@pytest.mark.system
def test_the_one_of_the_literature_leaves_the_plateau():
    """784-400-200-100-50-25-6 and back [Hinton & Salakhutdinov 2006]; a minute on one core."""
    share, dampings = train([784, 400, 200, 100, 50, 25, 6], 28, 200, until=0.95, max_steps=200)
    assert share < 0.95
    assert max(dampings) < 1e4
