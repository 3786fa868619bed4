"""Autoencoders of images: of digits, curves and faces."""
