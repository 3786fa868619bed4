"""A small transformer that foretells the next character of a text [Vaswani et al. 2017; Radford et al. 2019]."""

import math

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.records import Supply
from hessianfree_lab.training.datasets import BUILT_IN_TEXT, text, texts
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.classification import CrossEntropyATime, share_of_times_wrong
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.training.problems.supervised import Split, SupervisedTask

HELD_OUT = 0.1  # of the text, its end
SPREAD = 0.02  # standard deviation of all weights at first [Radford et al. 2019]
WIDER = 4  # units of a block's hidden layer, in multiples of the width


class TransformerParams(Params):
    """The text, what is cut from it, the network, batches and penalty."""

    text: str = Field(
        BUILT_IN_TEXT,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$",
        description=f"NAME of a file text/NAME.txt in what --datasets names, or {BUILT_IN_TEXT}: Python's own topics.",
    )
    context: int = Field(64, ge=2, le=1_024, description="Characters that are seen at most, a case.")
    cases: int | None = Field(
        1_000, ge=1, le=1_000_000, description="Training cases, from all over the text; empty: all of them."
    )
    held_out_cases: int | None = Field(
        200, ge=1, le=1_000_000, description="Cases of the last tenth, for evaluation; empty: all of them."
    )
    layers: int = Field(2, ge=1, le=24, description="Blocks of attention and a hidden layer.")
    heads: int = Field(4, ge=1, le=32, description="Of attention; they share the width.")
    width: int = Field(
        64, ge=2, le=1_024, description="Numbers that stand for a character; a multiple of the heads."
    )
    batch_size: int | None = Field(None, ge=1, le=1_000_000, description="Cases a step; empty: all of them.")
    l2: float = Field(
        0.0, ge=0, le=1e3, description="Adds this times half the squared norm of the parameters to the loss."
    )


class Attention(nn.Module):
    """Each place looks at those up to itself, in several heads.

    Queries, keys and values have matrices of their own, not one for all: methods that treat a matrix as a whole (Muon,
    SOAP, K-FAC) are to see three. Written out, not by `scaled_dot_product_attention`, whose fast kernels cannot be
    differentiated twice.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.queries, self.keys, self.values = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """[N, L, width] -> [N, L, width]."""
        cases, length, width = hidden.shape
        queries, keys, values = (
            part(hidden).view(cases, length, self._heads, -1).transpose(1, 2)
            for part in (self.queries, self.keys, self.values)
        )
        scores = queries @ keys.transpose(2, 3) / math.sqrt(width / self._heads)
        later = torch.ones(length, length, dtype=torch.bool, device=hidden.device).triu(1)
        looked = torch.softmax(scores.masked_fill(later, -math.inf), dim=3) @ values
        outputs: Tensor = self.out(looked.transpose(1, 2).reshape(cases, length, width))
        return outputs


class Block(nn.Module):
    """Attention and a hidden layer, each normalized before and added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention, self.attention_norm = Attention(width, heads), nn.LayerNorm(width)
        self.into, self.out = nn.Linear(width, WIDER * width), nn.Linear(WIDER * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.attention(self.attention_norm(hidden))
        added: Tensor = self.out(functional.gelu(self.into(self.norm(hidden))))
        return hidden + added


class Transformer(nn.Module):
    """Characters [N, L], as numbers, -> logits of the next of each, [N, L, kinds]."""

    def __init__(self, kinds: int, params: TransformerParams) -> None:
        super().__init__()
        width = params.width
        self.characters, self.places = nn.Embedding(kinds, width), nn.Embedding(params.context, width)
        self.blocks = nn.Sequential(*(Block(width, params.heads) for _ in range(params.layers)))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, kinds)

    def forward(self, characters: Tensor) -> Tensor:
        hidden = self.characters(characters) + self.places.weight[: characters.shape[1]]
        logits: Tensor = self.out(self.norm(self.blocks(hidden)))
        return logits


def transformer(kinds: int, params: TransformerParams, generator: torch.Generator) -> Transformer:
    """Drawn on the CPU in float64: one seed is one network everywhere. Without dropout: it is one fixed function.

    Raises `InvalidRequest` for heads that do not share the width evenly.
    """
    if params.width % params.heads:
        path = "problem_params.width"
        raise InvalidRequest(
            [Fault(path, f"{path} = {params.width}: must be a multiple of heads = {params.heads}.")]
        )
    model = Transformer(kinds, params).double()
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=SPREAD, generator=generator)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    return model


def numbered(characters: str) -> tuple[Tensor, int]:
    """The text as numbers, in the order of its alphabet, and how many kinds there are."""
    codes = np.frombuffer(characters.encode("utf-32-le"), np.uint32)
    alphabet, numbers = np.unique(codes, return_inverse=True)
    return torch.from_numpy(numbers.astype(np.int64)), len(alphabet)


def windows(numbers: Tensor, context: int, cases: int | None, *, name: str) -> tuple[Tensor, Tensor]:
    """So many inputs [N, context], and the next character of each place of theirs; evenly from all over `numbers`.

    None: as many as there are without an overlap. Raises `InvalidRequest`, with the option's `name`, for more.
    """
    most = (len(numbers) - 1) // context
    if most < (cases or 1):
        path = f"problem_params.{name}"
        message = (
            f"{path} = {cases}: the text has {most} cases of {context} characters; choose another, or fewer."
        )
        raise InvalidRequest([Fault(path, message)])
    count = cases or most
    starts = torch.arange(count) * most // count * context
    cut = numbers[starts[:, None] + torch.arange(context + 1)]
    return cut[:, :-1], cut[:, 1:]


def build(params: TransformerParams, seed: int, device: torch.device, dtype: torch.dtype) -> SupervisedTask:
    numbers, kinds = numbered(text(params.text))
    end = len(numbers) - round(HELD_OUT * len(numbers))
    inputs, targets = windows(numbers[:end], params.context, params.cases, name="cases")
    rest = windows(numbers[end:], params.context, params.held_out_cases, name="held_out_cases")
    model = transformer(kinds, params, torch.Generator().manual_seed(seed))
    return SupervisedTask(
        model=model.to(device, dtype),
        loss_function=CrossEntropyATime(),
        error=share_of_times_wrong,
        data=Split(inputs=inputs, targets=targets, held_out_inputs=rest[0], held_out_targets=rest[1]).placed(
            device, dtype
        ),
        batch_size=params.batch_size,
        l2=params.l2,
        seed=seed,
    )


TRANSFORMER = Problem(
    name="transformer",
    title="Transformer language model",
    description=(
        "A transformer of two layers foretells the next character of a text, of which the last tenth is held out: "
        "attention, normalization and a hundred classes at each place [Vaswani et al. 2017; Radford et al. 2019]."
    ),
    params=TransformerParams,
    metrics={
        "loss": "cross-entropy of the next character, nats a character, and the L2 penalty",
        "eval_loss": "cross-entropy of the next character, nats a held-out character (0.693 are a bit)",
        "eval_error": "share of held-out characters foretold wrongly",
    },
    build=build,
    divisible=True,
    supplies=lambda: {"text": Supply(there=texts())},
)
