"""Every inference, kept as SageMaker Model Monitor keeps it, read back, and watched for what is unusual.

for inference in read_captures(locate("s3://captures"), endpoint="posture"):
    print(inference.inference_time, max(inference.probabilities))

watched = watch_model(registry, "posture", locate("s3://captures"), since, until)
report = report_on(watched, gather(watched, locate("s3://captures"), since, until), since, until)
print(report.headline)
"""

from sightline.monitoring.drift import Comparison, DriftLimits, compare_windows
from sightline.monitoring.gather import Embedder, Gathered, gather
from sightline.monitoring.left_out import LeftOut
from sightline.monitoring.line import CapturedInference, CaptureEvent
from sightline.monitoring.monitor import report_on
from sightline.monitoring.page import FIGURES, PAGE, write_report
from sightline.monitoring.predictions import Predictions
from sightline.monitoring.read import read_captures
from sightline.monitoring.reject import InvalidCapture
from sightline.monitoring.rejections import Rejections, read_rejections
from sightline.monitoring.report import MonitoringReport
from sightline.monitoring.times import moment_of, window_of
from sightline.monitoring.watched import Version, Watched, read_baseline, watch_endpoint, watch_model
from sightline.monitoring.write import write_capture

__all__ = [
    "FIGURES",
    "PAGE",
    "CaptureEvent",
    "CapturedInference",
    "Comparison",
    "DriftLimits",
    "Embedder",
    "Gathered",
    "InvalidCapture",
    "LeftOut",
    "MonitoringReport",
    "Predictions",
    "Rejections",
    "Version",
    "Watched",
    "compare_windows",
    "gather",
    "moment_of",
    "read_baseline",
    "read_captures",
    "read_rejections",
    "report_on",
    "watch_endpoint",
    "watch_model",
    "window_of",
    "write_capture",
    "write_report",
]
