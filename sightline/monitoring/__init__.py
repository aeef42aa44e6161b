"""Monitoring: capture every inference in SageMaker Model Monitor's format, read the captures, and detect drift.

for inference in read_captures(locate("s3://captures"), endpoint="posture"):
    print(inference.inference_time, max(inference.probabilities))

model = watch_model(registry, "posture", locate("s3://captures"), since, until)
window = read_window(model, locate("s3://captures"), since, until)
print(build_report(window).headline)
"""

from sightline.monitoring.capture_files import write_capture
from sightline.monitoring.capture_lines import CapturedInference, CaptureEvent, InvalidCapture
from sightline.monitoring.capture_reader import SkippedLines, read_captures
from sightline.monitoring.drift import DriftComparison, DriftLimits, compare_windows
from sightline.monitoring.monitored import MonitoredModel, MonitoredVersion, watch_endpoint, watch_model
from sightline.monitoring.page import FIGURES, PAGE, write_report
from sightline.monitoring.predictions import Predictions, read_baseline
from sightline.monitoring.rendering import drift_alert, monitoring_page
from sightline.monitoring.report import MonitorBlind, MonitoringReport
from sightline.monitoring.report_builder import build_report
from sightline.monitoring.times import parse_time, parse_window
from sightline.monitoring.window import Embedder, Rejections, Window, read_rejections, read_window

__all__ = [
    "FIGURES",
    "PAGE",
    "CaptureEvent",
    "CapturedInference",
    "DriftComparison",
    "DriftLimits",
    "Embedder",
    "InvalidCapture",
    "MonitorBlind",
    "MonitoredModel",
    "MonitoredVersion",
    "MonitoringReport",
    "Predictions",
    "Rejections",
    "SkippedLines",
    "Window",
    "build_report",
    "compare_windows",
    "drift_alert",
    "monitoring_page",
    "parse_time",
    "parse_window",
    "read_baseline",
    "read_captures",
    "read_rejections",
    "read_window",
    "watch_endpoint",
    "watch_model",
    "write_capture",
    "write_report",
]
