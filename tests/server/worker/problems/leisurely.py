"""A quadratic for jobs that only have to be under way: their steps wait, and leave the processor to others."""

import time
from dataclasses import replace

from hessianfree_lab.training.problems.quadratic import QUADRATIC, QuadraticTask

SECONDS_A_STEP = 0.01


class LeisurelyTask(QuadraticTask):
    def next_batch(self) -> None:
        time.sleep(SECONDS_A_STEP)


LEISURELY = replace(QUADRATIC, name="leisurely", title="Leisurely", build=LeisurelyTask, module=__name__)
