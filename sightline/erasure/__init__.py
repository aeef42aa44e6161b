"""Erasing everything that is stored about a patient.

erased, kept = erase_stores(Scope.of(settings(), PatientName.parse("ana")))
print(Erasure(patient="ana", complete=not any(item.failed for item in kept), erased=erased, not_erased=kept))
"""

from sightline.erasure.cache import erase_cache
from sightline.erasure.progress import running_work
from sightline.erasure.report import Erased, Erasure, Kept
from sightline.erasure.scope import Scope
from sightline.erasure.stores import STORES, Store, erase_stores
from sightline.erasure.traces import ERASED, Traces

__all__ = [
    "ERASED",
    "STORES",
    "Erased",
    "Erasure",
    "Kept",
    "Scope",
    "Store",
    "Traces",
    "erase_cache",
    "erase_stores",
    "running_work",
]
