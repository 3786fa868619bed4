"""Readers of known datasets in their original files, which somebody has put below one folder."""

from hessianfree_lab.training.datasets.files import DataFile, DataSet, supply
from hessianfree_lab.training.datasets.images import LABELLED, Images, labelled_images
from hessianfree_lab.training.datasets.matlab import CURVES, FACES, curves_images, faces_images
from hessianfree_lab.training.datasets.texts import BUILT_IN_TEXT, text, texts

__all__ = [
    "BUILT_IN_TEXT",
    "CURVES",
    "FACES",
    "LABELLED",
    "DataFile",
    "DataSet",
    "Images",
    "curves_images",
    "faces_images",
    "labelled_images",
    "supply",
    "text",
    "texts",
]
