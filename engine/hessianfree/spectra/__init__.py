"""Spectra of curvature matrices that are only known by their products."""

from hessianfree.spectra.quadrature import spectrum
from hessianfree.spectra.spectrum import Spectrum

__all__ = ["Spectrum", "spectrum"]
