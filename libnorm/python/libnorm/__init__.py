"""What normalization does to a neural network: spectra, geometry, exact curvature.

    import libnorm
    print(libnorm.spectrum(activations))            # all metrics of a set of rows
    with libnorm.watch(model) as watch:             # of every layer of a torch model
        evaluate(model)
    print(watch.table())

Arrays are NumPy's, torch's on the processor, or any with DLPack or the buffer protocol. They are read where
they lie. torch is imported by libnorm.torch alone.
"""

from ._core import *  # noqa: F401,F403
from ._core import __version__  # noqa: F401
from .objective import Objective  # noqa: F401
from .store import Run, golden, read_tensors, remeasure, runs  # noqa: F401
from .watching import DepthTable, Watch, watch  # noqa: F401
