"""Stochastic Lanczos quadrature."""

import statistics

import torch
from torch import Tensor

from hessianfree.interfaces import LinearMap
from hessianfree.spectra.lanczos import lanczos
from hessianfree.spectra.spectrum import Spectrum


def spectrum(
    product: LinearMap,
    dimension: int,
    *,
    probes: int = 5,
    iterations: int = 40,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Spectrum:
    """The spectrum of a symmetric matrix from its `product`, [P] -> [P] with P = `dimension`.

    From each of `probes` random vectors `iterations` Lanczos iterations (at most P). The Ritz values, and the shares
    that the probe has of their vectors, are nodes and weights of a Gauss quadrature of the spectral density; their mean
    over the probes is the estimate [Ubaru, Chen & Saad 2017; Ghorbani, Krishnan & Xiao 2019]. Costs probes * iterations
    products, and memory for as many vectors as there are iterations.

    Args:
        product: v -> A v, on vectors of `dtype` on `device`.
        dimension: P.
        probes: Random vectors, uniform on a sphere (not signs [Hutchinson 1990], which may be orthogonal to an
            eigenvector); more of them make trace and weights more exact, as one over the square root.
        iterations: Products a probe; more of them find more eigenvalues, the outermost first.
        seed: Of the probes; torch's own generators are left alone.

    Raises:
        ValueError: `dimension`, `probes` or `iterations` is below 1.
        ClosureError: a product is not finite.
    """
    for name, value in (("dimension", dimension), ("probes", probes), ("iterations", iterations)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}")
    generator = torch.Generator().manual_seed(seed)
    found = [
        lanczos(product, _probe(dimension, generator).to(device, dtype), iterations) for _ in range(probes)
    ]
    nodes = torch.cat([tridiagonal.ritz_values for tridiagonal in found])
    weights = torch.cat([tridiagonal.weights for tridiagonal in found]) / probes
    errors = torch.cat([tridiagonal.errors for tridiagonal in found])
    order = nodes.argsort()
    nodes, weights, errors = nodes[order], weights[order], errors[order]
    traces = [dimension * tridiagonal.diagonal[0] for tridiagonal in found]
    return Spectrum(
        dimension=dimension,
        largest=nodes[-1].item(),
        largest_error=errors[-1].item(),
        smallest=nodes[0].item(),
        smallest_error=errors[0].item(),
        trace=statistics.fmean(traces),
        trace_error=statistics.stdev(traces) / probes**0.5 if probes > 1 else None,
        nodes=tuple(nodes.tolist()),
        weights=tuple(weights.tolist()),
        probes=probes,
        products=sum(len(tridiagonal.diagonal) for tridiagonal in found),
    )


def _probe(dimension: int, generator: torch.Generator) -> Tensor:
    """A direction, each as likely as any other; drawn on the CPU, so that a seed is one probe on every device."""
    return torch.randn(dimension, generator=generator, dtype=torch.float64)
